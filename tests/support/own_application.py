"""A lab in front of an application of a user's own, and ways to ask it."""

from __future__ import annotations

import base64
import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path

import grpc

from components.profile.model import HttpProfile
from components.routing.targets import LbMode, edge_targets, edge_weights
from components.routing.transport import Protocol, Transport
from tests.support.envoy_lab import CLUSTERS, WEST, Lab, lab, portal_route
from tests.support.envoy_process import HOST
from tests.support.own_server import GrpcServer
from tests.support.waiting import eventually

PORT = 8080
EDGE = "standby"
"""The lab's edge, and its mode."""


@contextmanager
def running(
    folder: Path,
    transport: Transport,
    server: type,
    profile: HttpProfile | None = None,
    **more: object,
) -> Iterator[Lab]:
    """A lab with two pods of the application in each cluster, and an edge in mode standby."""
    portal = portal_route()
    route = replace(
        portal, service="shop", namespace="shop", path="/", port=80, target_port=PORT,
        health_path="/healthz", transport=transport,
    )  # fmt: skip
    with lab(folder) as made:
        made.route = route
        made.profile = profile or made.profile
        servers = []
        for cluster in CLUSTERS:
            addresses = [made.address(), made.address()]
            servers += [server(address, PORT, **more) for address in addresses]
            made.show_pods(cluster, addresses)
            made.add_gateway(cluster)
        made.start()
        weights = edge_weights(LbMode.STANDBY, CLUSTERS, WEST.name)
        made.add_edge(EDGE, edge_targets(weights, CLUSTERS, made.gateways, "us-east1"))
        made.start(EDGE)
        for name, hosts in {EDGE: 2, "gateway-west-cluster": 3}.items():
            eventually(
                lambda name=name, hosts=hosts: (
                    len(found := made.hosts(name)) == hosts and not any(found.values())
                ),
                f"{name} knows all its hosts",
                15,
            )
        try:
            yield made
        finally:
            for each in servers:
                each.stop()


@contextmanager
def running_grpc(folder: Path) -> Iterator[tuple[Lab, grpc.Channel]]:
    """A lab whose application speaks gRPC, and a client's one connection to its edge."""
    with running(folder, Transport(Protocol.GRPC), GrpcServer) as made:
        credentials = grpc.ssl_channel_credentials(made.clients.certificate.encode())
        options = (("grpc.ssl_target_name_override", HOST), ("grpc.default_authority", HOST))
        target = f"{made.envoys[EDGE].address}:8443"
        with grpc.secure_channel(target, credentials, options) as channel:
            yield made, channel


@contextmanager
def connected(shop: Lab, edge: str = EDGE) -> Iterator[ssl.SSLSocket]:
    plain = socket.create_connection((shop.envoys[edge].address, 8443), timeout=30)
    with closing(shop.client_context().wrap_socket(plain, server_hostname=HOST)) as secure:
        yield secure


def ask(
    shop: Lab, method: str, path: str, body: object = None, edge: str = EDGE, **headers: str
) -> tuple[int, str]:
    with connected(shop, edge) as secure:
        connection = HTTPConnection(HOST)
        connection.sock = secure
        names = {key.replace("__", "-"): value for key, value in headers.items()}
        chunked = body is not None and not isinstance(body, bytes)
        connection.request(method, path, body, names, encode_chunked=chunked)  # type: ignore[arg-type]
        response = connection.getresponse()
        return response.status, response.read().decode()


def open_websocket(secure: ssl.SSLSocket) -> None:
    key = base64.b64encode(os.urandom(16)).decode()
    secure.sendall(
        f"GET /chat HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    head = b""
    while b"\r\n\r\n" not in head:
        head += secure.recv(4096)
    assert head.startswith(b"HTTP/1.1 101 ")
