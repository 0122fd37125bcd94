#!/usr/bin/env bash
# grpcio 1.85.1 (Python). Needs Python 3.11 and the network for pip.
#
# A gRPC server is down for 20 s, while a client calls it all the time. Then it is back. Every half second
# the old channel, a new channel to the same address, and a new process each make one call.
# Expected: each call of a channel whose connection is broken tries to connect; a new channel does at least.
# Happens: the old channel fails each call with UNAVAILABLE, without trying, until its back-off ends: here up
#   to ten seconds after the server is back, after a long outage up to two minutes. A NEW channel fails as
#   well, for channels with equal arguments share their connections, and with them the back-off. A new
#   process succeeds at once, and so does a channel with grpc.use_local_subchannel_pool.
# Why it matters: "make a new client after an error" is the usual cure for a client that hangs on to a dead
#   region, and here it does nothing; failback looks slow where the server is long well.
#   grpc.max_reconnect_backoff_ms (1 s, say) bounds it.
# Seen:
#    0.3 s: old channel UNAVAILABLE, new UNAVAILABLE, own pool OK, new process OK
#    1.1 s: old channel UNAVAILABLE, new UNAVAILABLE, own pool OK, new process OK
#    1.8 s: old channel UNAVAILABLE, new UNAVAILABLE, own pool OK, new process OK
#    2.6 s: old channel UNAVAILABLE, new UNAVAILABLE, own pool OK, new process OK
#    3.3 s: old channel UNAVAILABLE, new UNAVAILABLE, own pool OK, new process OK
#    4.0 s: old channel UNAVAILABLE, new UNAVAILABLE, own pool OK, new process OK
#    4.8 s: old channel OK, new OK, own pool OK, new process OK
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
packages grpcio==1.85.1
cat >"$work/call.py" <<'PY'
import sys
import grpc


def call(channel):
    try:
        return channel.unary_unary("/lab.Echo/Say")(b"x", timeout=5).decode()
    except grpc.RpcError as error:
        return error.code().name


if __name__ == "__main__":
    with grpc.insecure_channel(sys.argv[1]) as channel:
        print(call(channel))
PY
PYTHONPATH="$PYTHONPATH:$work" python - <<'PY'
import os
import subprocess
import sys
import time
from concurrent import futures
import grpc
from call import call
from lab import claim


def serve(port):
    methods = {"Say": grpc.unary_unary_rpc_method_handler(lambda request, context: b"OK")}
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("lab.Echo", methods),))
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server, port


def other_process():
    command = [sys.executable, os.environ["WORK"] + "/call.py", target]
    return subprocess.check_output(command, text=True).strip()


server, port = serve(0)
target = f"127.0.0.1:{port}"
own = [("grpc.use_local_subchannel_pool", 1)]
old = grpc.insecure_channel(target)
claim(call(old) == "OK", "no answer before the outage")
server.stop(0).wait()
down = time.monotonic()
while time.monotonic() - down < 20:
    claim(call(old) == "UNAVAILABLE", "an answer during the outage")
    time.sleep(0.2)
server, _ = serve(port)
back, last, rows = time.monotonic(), "", []
while last != "OK" and time.monotonic() - back < 60:
    with grpc.insecure_channel(target) as new, grpc.insecure_channel(target, own) as alone:
        row = call(new), call(alone), other_process()
    last = call(old)
    rows.append((last, *row))
    when = time.monotonic() - back
    print(f"{when:4.1f} s: old channel {last}, new {row[0]}, own pool {row[1]}, new process {row[2]}")
    time.sleep(0.5)
server.stop(0).wait()
old.close()
claim(last == "OK", "the old channel does not come back within 60 s")
waiting = [row for row in rows if row[0] != "OK"]
claim(len(waiting) >= 2, "the old channel comes back at once")
claim(all(row[1] != "OK" for row in waiting[:-1]), "a new channel does not share the back-off")
claim(all(row[2:] == ("OK", "OK") for row in rows), "an own pool or a new process is late as well")
PY
