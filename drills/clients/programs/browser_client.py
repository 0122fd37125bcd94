"""Send a steady flow by a browser's WebSocket, at its defaults.

A page of a server on loopback sends the messages, by the code that Node's client uses, and posts
what became of them to that server, which writes the lines. Plan, lines and end are as in
`python_clients`; the plan's `program` is the browser.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from foundation.run import tied
from foundation.trust import trusting

_PAGE = """<!doctype html><meta charset="utf-8"><title>client</title><script type="module">
import { byWebSocket, flow } from "/flow.mjs";
const plan = await (await fetch("/plan")).json();
let lines = [], posting = Promise.resolve();
const post = () => {
  const body = lines.splice(0).map((line) => JSON.stringify(line) + "\\n").join("");
  posting = posting.then(() => body && fetch("/lines", { method: "POST", body }));
  return posting;
};
const end = flow(plan, byWebSocket(plan), (line) => lines.push(line));
const timer = setInterval(post, 100);
await fetch("/over");
await end();
clearInterval(timer);
await post();
await fetch("/done", { method: "POST" });
</script>"""

_OPTIONS = ("--headless=new", "--disable-gpu", "--no-first-run", "--disable-background-networking")


class _Server(ThreadingHTTPServer):
    """Give the page its code and its plan, and write the lines that it posts."""

    daemon_threads = True

    def __init__(self, plan: Mapping[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.over, self.done = threading.Event(), threading.Event()
        code = Path(__file__).with_name("flow.mjs").read_bytes()
        self.pages = {
            "/": ("text/html", _PAGE.encode()),
            "/flow.mjs": ("text/javascript", code),
            "/plan": ("application/json", json.dumps(plan).encode()),
        }


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        if self.path == "/over":  # answered when the page is to end
            self.server.over.wait()
        kind, body = self.server.pages.get(self.path, ("text/plain", b""))
        self._answer(kind, body)

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["content-length"] or 0)).decode()
        self._answer("text/plain", b"")
        print(text, end="", flush=True)
        if self.path == "/done":
            self.server.done.set()

    def _answer(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Write no access log."""


def trusted_key(plan: Mapping[str, Any]) -> str:
    """Return the digest of the public key that the edge shows, by which Chromium trusts it.

    A browser has its authorities in a database of its own. So the certificate is checked here
    against the plan's authority. Raises OSError where it is not good.
    """
    url = urllib.parse.urlsplit(plan["url"])
    context = trusting(file=plan["ca"])
    with (
        socket.create_connection((url.hostname or "", url.port or 443), 10) as plain,
        context.wrap_socket(plain, server_hostname=url.hostname) as secure,
    ):
        shown = x509.load_der_x509_certificate(secure.getpeercert(binary_form=True) or b"")
    key = shown.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


def run(plan: Mapping[str, Any]) -> None:
    """Send until the standard input ends; then wait for what is under way."""
    server = _Server(plan)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        root = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses root else
        command = [
            *(plan["program"], *_OPTIONS, *root, f"--user-data-dir={folder}"),
            f"--ignore-certificate-errors-spki-list={trusted_key(plan)}",
            f"http://127.0.0.1:{server.server_port}/",
        ]
        null = subprocess.DEVNULL
        browser = subprocess.Popen(
            tied(command), stdin=null, stdout=null, stderr=null, start_new_session=True
        )
        try:
            while os.read(0, 1):
                pass
            server.over.set()
            server.done.wait(plan["patience"] + 3)
        finally:
            end(browser, Path(folder))


def end(browser: subprocess.Popen[bytes], profile: Path) -> None:
    """End a browser that leads a session, with what it leaves: processes that write, a socket."""
    browser.terminate()
    browser.wait()
    with contextlib.suppress(ProcessLookupError):  # all have ended
        for _ in range(100):
            os.killpg(browser.pid, signal.SIGKILL)
            time.sleep(0.02)
    with contextlib.suppress(OSError):  # its folder is none of the profile's
        shutil.rmtree((profile / "SingletonSocket").readlink().parent)


if __name__ == "__main__":
    run(json.loads(sys.argv[1]))
