"""An application of a user's own: slow, streaming, WebSocket and gRPC, each request counted."""

from __future__ import annotations

import base64
import hashlib
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

import grpc

_WEBSOCKET = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # of RFC 6455


class Executions:
    """How often each request was executed, by its path; `unwell` are addresses of sick servers."""

    def __init__(self) -> None:
        self.unwell: set[str] = set()
        self._counted: Counter[str] = Counter()
        self._lock = Lock()

    def note(self, path: str) -> None:
        """Count one execution."""
        with self._lock:
            self._counted[path] += 1

    def of(self, path: str) -> int:
        """Return how often a path was executed, on all servers that share these."""
        with self._lock:
            return self._counted[path]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: OwnServer

    def do_GET(self) -> None:
        kind, _, rest = self.path.strip("/").partition("/")
        if kind == "healthz" and self.server.server_address[0] in self.server.executions.unwell:
            self.send_error(503)
            return
        if kind != "healthz":
            self.server.executions.note(self.path)
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self._echo_frames()
        elif kind == "slow":
            time.sleep(float(rest.split("/")[0]))
            self._answer(b"slow\n")
        elif kind == "events":
            self._stream(int(rest.split("/")[0]))
        elif kind == "headers":
            self._answer("\n".join(f"{k}: {v}" for k, v in self.headers.items()).encode())
        else:
            self._answer(self.path.encode())

    do_HEAD = do_DELETE = do_OPTIONS = do_GET

    def do_POST(self) -> None:
        size = 0
        if self.headers.get("Transfer-Encoding") == "chunked":
            while length := int(self.rfile.readline(), 16):
                size += len(self.rfile.read(length))
                self.rfile.readline()
            self.rfile.readline()
        else:
            size = len(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        self.body_size = size
        self.do_GET() if not self.path.startswith("/size") else self._answer(str(size).encode())

    do_PUT = do_PATCH = do_POST

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _stream(self, events: int) -> None:
        """Send an event each half second, and a trailer at the end."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Trailer", "x-events")
        self.end_headers()
        for number in range(events):
            self._chunk(f"data: {number}\n\n".encode())
            time.sleep(0.5)
        self.wfile.write(f"0\r\nx-events: {events}\r\n\r\n".encode())

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _echo_frames(self) -> None:
        """Accept the WebSocket and send back what comes, as it comes."""
        digest = hashlib.sha1((self.headers["Sec-WebSocket-Key"] + _WEBSOCKET).encode()).digest()
        self.send_response(101)
        for key, value in {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Accept": base64.b64encode(digest).decode(),
        }.items():
            self.send_header(key, value)
        self.end_headers()
        self.close_connection = True
        while data := self.connection.recv(4096):
            self.connection.sendall(data)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


class OwnServer(ThreadingHTTPServer):
    """One pod."""

    daemon_threads = True

    def __init__(self, address: str, port: int, executions: Executions, idle: float = 0) -> None:
        """Serve from now on; idle connections are closed after `idle` seconds, if not 0."""
        handler = type("Handler", (_Handler,), {"timeout": idle or None})
        super().__init__((address, port), handler)
        self.executions = executions
        Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of who went away before the answer."""

    def stop(self) -> None:
        """End it."""
        self.shutdown()
        self.server_close()


class GrpcServer:
    """One pod that speaks gRPC in all kinds of calls; `/shop.Shop/Wait` is silent in the middle."""

    def __init__(self, address: str, port: int) -> None:
        self._pool = ThreadPoolExecutor(8)
        self._server = grpc.server(self._pool)
        handlers = {
            "Get": grpc.unary_unary_rpc_method_handler(lambda request, _: b"got " + request),
            "Watch": grpc.unary_stream_rpc_method_handler(self._watch),
            "Upload": grpc.stream_unary_rpc_method_handler(
                lambda requests, _: str(sum(map(len, requests))).encode()
            ),
            "Chat": grpc.stream_stream_rpc_method_handler(
                lambda requests, _: (b"re " + request for request in requests)
            ),
            "Refuse": grpc.unary_unary_rpc_method_handler(self._refuse),
            "Wait": grpc.unary_stream_rpc_method_handler(self._wait),
        }
        handler = grpc.method_handlers_generic_handler("shop.Shop", handlers)
        self._server.add_generic_rpc_handlers((handler,))
        assert self._server.add_insecure_port(f"{address}:{port}")
        self._server.start()

    @staticmethod
    def _watch(request: bytes, _: grpc.ServicerContext) -> Iterator[bytes]:
        for number in range(3):
            yield str(number).encode()
            time.sleep(0.2)

    @staticmethod
    def _wait(request: bytes, _: grpc.ServicerContext) -> Iterator[bytes]:
        yield b"begun"
        time.sleep(float(request))
        yield b"ended"

    @staticmethod
    def _refuse(request: bytes, context: grpc.ServicerContext) -> bytes:
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not now")
        return b""

    def stop(self) -> None:
        """End it."""
        self._server.stop(None).wait()
        self._pool.shutdown()
