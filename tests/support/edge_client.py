"""Requests to a regional gateway as the edge sends them, to see the gateway's own order.

Through the edge it could be seen for a moment only: an edge that knows of a gateway without pods
sends its requests elsewhere. Run as a program, inside a lab, it asks and prints who answered.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import sys
import tempfile
from base64 import b64decode
from collections import Counter
from pathlib import Path
from typing import Any

PORT = 15443
"""Where a gateway takes requests from the edge."""

SECONDS = 5


def answers_of_gateway(
    demo: Any, address: str, outputs: dict[str, Any], requests: int, stack: str
) -> Counter[str]:
    """Clusters that answered so many requests, sent to the gateway at an address in the lab.

    They carry the edge's own certificate. A request without a good answer counts as "".
    """
    from tests.support import lab

    command = ("--namespace", "tetrate-system", "get", "secret", "gateway-mesh", "--output=json")
    data = json.loads(demo.kubectl("corp-edge", *command))["data"]
    with tempfile.TemporaryDirectory() as folder:
        for name, text in data.items():
            (Path(folder) / name).write_bytes(b64decode(text))
        path = outputs["url"].rpartition("/")[2]
        arguments = (folder, address, outputs["host"], f"/{path}", str(requests))
        done = lab.run_inside(demo.lab(stack), sys.executable, __file__, *arguments)
    assert done.returncode == 0, done.stderr
    return Counter(json.loads(done.stdout))


def ask(context: ssl.SSLContext, address: str, host: str, path: str) -> str:
    """Sends one request on a connection of its own; gives the cluster that answered well."""
    with (
        socket.create_connection((address, PORT), timeout=SECONDS) as plain,
        context.wrap_socket(plain) as secure,
    ):
        secure.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = http.client.HTTPConnection(host)
        connection.sock = secure
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        good = response.status == http.client.OK
        return response.headers.get("x-served-by-cluster", "") if good else ""


def main(folder: str, address: str, host: str, path: str, requests: str) -> None:
    """Prints how many answers each cluster gave, as JSON."""
    context = ssl.create_default_context(cafile=f"{folder}/ca.crt")
    context.check_hostname = False  # a gateway's name is not that of an address
    context.load_cert_chain(f"{folder}/tls.crt", f"{folder}/tls.key")
    found = Counter(ask(context, address, host, path) for _ in range(int(requests)))
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
