"""An API server of a test's own, without nodes: it says which documents it would refuse."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from toolchain import tools

_TOKEN = "a-token-of-the-test"
_START_SECONDS = 60


class ApiServer:
    """A connection to a running API server."""

    def __init__(self, port: int, authority: Path) -> None:
        context = ssl.create_default_context(cafile=authority)
        self._connection = http.client.HTTPSConnection("127.0.0.1", port, context=context)
        self._paths: dict[str, dict[str, str]] = {}

    def is_ready(self) -> bool:
        """Tell whether the server serves and has its namespace `default`."""
        try:
            ready = self._ask("GET", "/api/v1/namespaces/default", None)[0] == 200
        except OSError:
            ready = False
        if not ready:
            self.close()
        return ready

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def refusal(self, document: Mapping[str, Any]) -> str:
        """Return why a server-side apply of the document is refused; empty if it is not."""
        version = document["apiVersion"]
        if version not in self._paths:
            self._paths[version] = self._served(version)
        name = quote(document["metadata"]["name"], safe="")
        path = f"{self._paths[version][document['kind']]}/{name}?dryRun=All&fieldManager=test"
        status, body = self._ask("PATCH", path, json.dumps(document))
        return "" if status in (200, 201) else str(json.loads(body)["message"])

    def openapi(self) -> dict[str, Any]:
        """Return what the server publishes of its kinds."""
        return dict(json.loads(self._ask("GET", "/openapi/v2", None)[1]))

    def _served(self, version: str) -> dict[str, str]:
        """Return the paths of the kinds that an API version has, those of namespace `default`."""
        base = f"/apis/{version}" if "/" in version else f"/api/{version}"
        found = json.loads(self._ask("GET", base, None)[1])["resources"]
        return {
            each["kind"]: f"{base}{'/namespaces/default' * each['namespaced']}/{each['name']}"
            for each in found
            if "/" not in each["name"]
        }

    def _ask(self, method: str, path: str, body: str | None) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {_TOKEN}"}
        if body is not None:
            headers["Content-Type"] = "application/apply-patch+yaml"
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()


@contextlib.contextmanager
def api_server(folder: Path) -> Iterator[ApiServer]:
    """Run etcd and an API server on free ports of 127.0.0.1; end both afterwards."""
    client, peer, port = _free_ports(3)
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    (folder / "key.pem").write_bytes(key)
    (folder / "key.pem").chmod(0o600)
    (folder / "tokens.csv").write_text(f'{_TOKEN},test,1,"system:masters"\n')
    at, peers = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
    etcd = [
        str(tools.path("etcd")),
        f"--data-dir={folder}/etcd",
        "--unsafe-no-fsync",
        f"--listen-client-urls={at}",
        f"--advertise-client-urls={at}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
    ]
    server = [
        str(tools.path("kube-apiserver")),
        f"--etcd-servers={at}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",
        f"--secure-port={port}",
        f"--cert-dir={folder}/certificates",
        f"--token-auth-file={folder}/tokens.csv",
        "--authorization-mode=RBAC",
        "--allow-privileged",
        "--disable-admission-plugins=ServiceAccount",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder}/key.pem",
        f"--service-account-signing-key-file={folder}/key.pem",
    ]
    with contextlib.ExitStack() as stack:
        for command in (etcd, server):
            log = folder / f"{Path(command[0]).name}.log"
            process = stack.enter_context(_running(command, log))
        yield stack.enter_context(contextlib.closing(_ready(port, folder, process)))


@contextlib.contextmanager
def _running(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _ready(port: int, folder: Path, process: subprocess.Popen[bytes]) -> ApiServer:
    authority = folder / "certificates" / "apiserver.crt"
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if authority.exists() and (server := ApiServer(port, authority)).is_ready():
            return server
        time.sleep(0.2)
    raise AssertionError((folder / "kube-apiserver.log").read_text()[-2000:])


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
