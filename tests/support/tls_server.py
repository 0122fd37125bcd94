"""A real HTTPS server on loopback, for what checks its certificate."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


@contextmanager
def https_server(chain: str, handler: type[BaseHTTPRequestHandler], folder: Path) -> Iterator[int]:
    """Give the port of a server on 127.0.0.1; `chain` is its certificates and key as PEM."""
    file = folder / "chain.pem"
    file.write_text(chain)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    listening = HTTPServer(("127.0.0.1", 0), handler)
    listening.socket = context.wrap_socket(listening.socket, server_side=True)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    try:
        yield listening.server_port
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()
