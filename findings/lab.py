"""Start real Envoys and small HTTP/1.1 upstreams on loopback, for the scripts of this folder."""

import contextlib
import http.client
import json
import os
import pathlib
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

TYPE = "type.googleapis.com/envoy.extensions"


class Upstream(ThreadingHTTPServer):
    """An HTTP/1.1 server on a free port that counts the requests it got.

    ``answer(path)`` returns a status; it may sleep before it does.
    """

    daemon_threads = True

    def __init__(self, name: str, answer: Callable[[str], int] = lambda path: 200) -> None:
        self.name, self.answer = name, answer
        self.seen: Counter[str] = Counter()
        self.times: list[tuple[str, float]] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        """Return the port that it listens on."""
        return self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet about clients that left."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Upstream

    def do_GET(self) -> None:
        upstream = self.server
        self.rfile.read(int(self.headers.get("content-length") or 0))
        upstream.seen[f"{self.command} {self.path}"] += 1
        upstream.times.append((self.path, time.monotonic()))
        status = upstream.answer(self.path)
        body = upstream.name.encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Write no access log."""


def cluster(*ports: Sequence[int], **more: Any) -> dict[str, Any]:
    """Return a static cluster; each argument is the list of ports of one priority."""
    return {
        "name": "app",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": "app",
            "endpoints": [
                {"priority": priority, "lb_endpoints": [_endpoint(port) for port in of_priority]}
                for priority, of_priority in enumerate(ports)
            ],
        },
        **more,
    }


def _endpoint(port: int) -> dict[str, Any]:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {"endpoint": {"address": address}}


def http2_upstream() -> dict[str, Any]:
    """Return the cluster fields that make Envoy speak HTTP/2 to the upstream."""
    options: dict[str, Any] = {"@type": f"{TYPE}.upstreams.http.v3.HttpProtocolOptions"}
    options["explicit_http_config"] = {"http2_protocol_options": {}}
    name = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {"typed_extension_protocol_options": {name: options}}


def manager(route: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return an HTTP connection manager whose one route is to the cluster ``app``."""
    router = {"@type": f"{TYPE}.filters.http.router.v3.Router"}
    one = {"match": {"prefix": "/"}, "route": {"cluster": "app", **route}}
    return {
        "@type": f"{TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "edge",
        "http_filters": [{"name": "router", "typed_config": router}],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [one]}]},
        **more,
    }


class Envoy:
    """A running Envoy with one listener; ``port`` and ``admin`` are what it bound.

    ``more`` are further parts of its configuration.
    """

    def __init__(
        self, cluster: Mapping[str, Any], filter: Mapping[str, Any], *flags: str, **more: Any
    ) -> None:
        self._folder = pathlib.Path(os.environ["WORK"], f"envoy-{time.monotonic_ns()}")
        self._folder.mkdir()
        listener = {
            "name": "edge",
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
            "filter_chains": [{"filters": [{"name": "edge", "typed_config": filter}]}],
        }
        config = {
            "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
            "static_resources": {"listeners": [listener], "clusters": [cluster]},
            **more,
        }
        path = self._folder / "envoy.json"
        path.write_text(json.dumps(config))
        address = self._folder / "admin"
        self._log = (self._folder / "log").open("wb")
        command = ["envoy", "-c", str(path), "--admin-address-path", str(address)]
        command += ["--concurrency", "1"]
        command += ["--use-dynamic-base-id", *flags]
        self.process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        for _ in range(300):
            with contextlib.suppress(OSError, ValueError, KeyError, IndexError):
                self.admin = int(address.read_text().rsplit(":", 1)[1])
                self.port = self._bound()
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        self.__exit__()
        sys.exit("Envoy did not start:\n" + (self._folder / "log").read_text()[-2000:])

    def _bound(self) -> int:
        status = json.loads(self.ask("/listeners?format=json"))["listener_statuses"][0]
        return status["local_address"]["socket_address"]["port_value"]

    def ask(self, path: str, method: str = "GET") -> str:
        """Return the admin interface's answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=10)
        try:
            connection.request(method, path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def stat(self, name: str) -> int:
        """Return a counter or gauge."""
        for line in self.ask(f"/stats?filter=^{name}$").splitlines():
            return int(line.rsplit(": ", 1)[1])
        return 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._log.close()


def get(port: int, path: str = "/", method: str = "GET", timeout: float = 30) -> tuple[int, str]:
    """Return status and body of one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body=b"x" if method == "POST" else None)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def claim(truth: bool, text: str) -> None:
    """Exit with what changed where the behaviour is not as the script's head says."""
    if not truth:
        sys.exit(f"CHANGED: {text}")
