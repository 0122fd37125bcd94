"""A publisher on 127.0.0.1: files of the tests' own making, served well or badly."""

from __future__ import annotations

import contextlib
import hashlib
import io
import tarfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def program(text: str) -> bytes:
    """Return a program that prints `text`, whatever it is asked."""
    return f"#!/bin/sh\necho '{text}'\n".encode()


def archive(files: dict[str, bytes]) -> bytes:
    """Return a compressed tar with `files`, as publishers pack them."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def sha256(content: bytes) -> str:
    """Return the checksum of `content`, as hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


@dataclass
class Publisher:
    """What is served, how badly, and what was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    """Path -> content; what is not in it is answered with 404."""
    cuts: list[int] = field(default_factory=list)
    """After so many bytes the connection is cut, one entry for each answer with a file."""
    resumes: bool = True
    """Whether a Range is heeded."""
    piece: int = 0
    """Bytes sent at once, with a short pause after them; 0: all at once."""
    silent: threading.Event | None = None
    """Until it is set, a file's second half is not sent."""
    status: int = 0
    """Answers each request so, if it is not 0."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Path (for a proxy: address) and Range of each request."""
    port: int = 0

    @property
    def address(self) -> str:
        """The base address."""
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def serving(publisher: Publisher) -> Iterator[Publisher]:
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            publisher.asked.append((self.path, self.headers.get("Range", "")))
            path = self.path.split("://", 1)[-1]
            path = path if path.startswith("/") else f"/{path}"
            content = publisher.files.get(path)
            self.close_connection = True
            if publisher.status or content is None:
                self.send_response(publisher.status or 404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            begin = 0
            if publisher.resumes and (wanted := self.headers.get("Range")):
                begin = int(wanted.removeprefix("bytes=").removesuffix("-"))
                if begin >= len(content):
                    self.send_response(416)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/*")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(content) - begin))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.send(content[begin:], path.endswith((".sha256", "SUMS")))

        def send(self, content: bytes, is_list: bool) -> None:
            if is_list:
                self.wfile.write(content)
                return
            if publisher.cuts:
                content = content[: publisher.cuts.pop(0)]
            if publisher.silent:
                self.wfile.write(content[: len(content) // 2])
                publisher.silent.wait()
                content = content[len(content) // 2 :]
            size = publisher.piece or len(content) or 1
            for begin in range(0, len(content), size):
                self.wfile.write(content[begin : begin + size])
                if publisher.piece:
                    time.sleep(0.005)

        def log_message(self, *arguments: object) -> None:
            """Stay silent."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        publisher.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield publisher
        finally:
            if publisher.silent:
                publisher.silent.set()
            server.shutdown()
            thread.join()
