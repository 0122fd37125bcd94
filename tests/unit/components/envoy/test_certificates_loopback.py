"""A change of certificates under open connections, by real Envoys on loopback."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path

import pytest

from components.envoy.common import edge_san
from components.envoy.tls import MESH, sds_version
from components.envoy.version import version_command
from components.gateways.loaded import state
from components.routing.transport import Transport
from foundation.contract import gateway_san
from tests.support.envoy_lab import CLUSTERS, WEST, Lab
from tests.support.envoy_process import HOST, Envoy, ask
from tests.support.own_application import (
    EDGE,
    connected,
    open_websocket,
    running,
)
from tests.support.own_server import Executions, OwnServer
from tests.support.waiting import eventually

WEBSOCKETS = 50
GATEWAYS = {cluster.name: f"gateway-{cluster.name}" for cluster in CLUSTERS}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("certificates")
    with running(folder, Transport(), OwnServer, executions=Executions()) as made:
        yield made


def clients_folder(shop: Lab) -> Path:
    assert shop.route.tls_secret
    return shop.envoys[EDGE].folder / "certs" / shop.route.tls_secret


def pem(folder: Path) -> str:
    return (folder / "tls.crt").read_text()


def shown(secure: ssl.SSLSocket) -> str:
    """The certificate that the other side showed at the begin of a connection."""
    der = secure.getpeercert(binary_form=True)
    assert der
    return ssl.DER_cert_to_PEM_cert(der)


def shown_to_clients(shop: Lab) -> str:
    with connected(shop) as secure:
        return shown(secure)


def same(one: str, other: str) -> bool:
    return "".join(one.split()) == "".join(other.split())


def shown_by_gateway(shop: Lab, cluster: str) -> str:
    context = shop.mesh_context(edge_san("corp-edge"))
    address = (shop.gateways[cluster], 15443)
    with (
        socket.create_connection(address, timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=gateway_san(cluster)) as secure,
    ):
        return shown(secure)


def told(envoy: Envoy, certificates: dict[str, str], version: str = "") -> str:
    command = version_command(
        version,
        str(envoy.folder / "config"),
        9901,
        certificates,
        admin_address=envoy.address,
        looks=20,
    )
    said = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return state(said.stdout, version, certificates)


def test_a_renewed_certificate_closes_nothing_and_new_connections_show_it(shop: Lab) -> None:
    folder = clients_folder(shop)
    before = pem(folder)
    assert same(shown_to_clients(shop), before)
    process = shop.envoys[EDGE].process
    with ExitStack() as stack:
        kept = HTTPConnection(HOST)
        kept.sock = stack.enter_context(connected(shop))
        sockets = [stack.enter_context(connected(shop)) for _ in range(WEBSOCKETS)]
        for each in sockets:
            open_websocket(each)
        shop.write_certificate(folder, HOST, shop.clients)
        renewed = pem(folder)
        assert not same(before, renewed)
        eventually(
            lambda: same(shown_to_clients(shop), renewed), "new connections show the new one"
        )
        for number, each in enumerate(sockets):
            each.sendall(b"message %d" % number)
            assert each.recv(4096) == b"message %d" % number
            assert same(shown(each), before)
        kept.request("GET", "/kept")
        answer = kept.getresponse()
        assert (answer.status, answer.read(), answer.will_close) == (200, b"/kept", False)
    assert shop.envoys[EDGE].process is process


def test_renewed_certificates_between_the_tiers_close_nothing(shop: Lab) -> None:
    members = {EDGE: edge_san("corp-edge")}
    members |= {name: gateway_san(cluster) for cluster, name in GATEWAYS.items()}
    old = {name: pem(shop.envoys[name].folder / "mesh") for name in members}
    assert same(shown_by_gateway(shop, WEST.name), old[GATEWAYS[WEST.name]])
    with ExitStack() as stack:
        sockets = [stack.enter_context(connected(shop)) for _ in range(WEBSOCKETS)]
        for each in sockets:
            open_websocket(each)
        for name, san in members.items():
            shop.write_certificate(shop.envoys[name].folder / "mesh", san, shop.mesh)
        for name in members:
            wanted = {MESH: sds_version(pem(shop.envoys[name].folder / "mesh"))}
            assert told(shop.envoys[name], wanted, version(shop, name)) == "", name
            stale = {MESH: sds_version(old[name])}
            late = "it shows the old certificate mesh"
            assert told(shop.envoys[name], stale, version(shop, name)) == late
        for cluster, name in GATEWAYS.items():
            assert same(shown_by_gateway(shop, cluster), pem(shop.envoys[name].folder / "mesh"))
        for number, each in enumerate(sockets):
            each.sendall(b"message %d" % number)
            assert each.recv(4096) == b"message %d" % number
    tls = shop.client_context()
    answers = [ask(shop.envoys[EDGE].address, 8443, "/x", tls=tls) for _ in range(20)]
    assert {answer.status for answer in answers} == {200}


def version(shop: Lab, name: str) -> str:
    """The version of the files that an Envoy loads beside its certificates; none for a gateway."""
    file = shop.envoys[name].folder / "config" / "version"
    return file.read_text() if file.exists() else ""


def test_a_certificate_that_cannot_be_loaded_leaves_the_old_one_in_force(shop: Lab) -> None:
    folder = clients_folder(shop)
    before = pem(folder)
    broken = (folder / "sds.yaml").read_text().replace("BEGIN CERTIFICATE", "BEGIN NOTHING")
    (folder / "next").write_text(broken)
    good = (folder / "sds.yaml").read_text()
    (folder / "next").rename(folder / "sds.yaml")

    def rejected() -> bool:
        said = ask(shop.envoys[EDGE].address, 9901, "/stats?filter=^sds.*update_rejected").body
        return any(int(line.rpartition(" ")[2]) for line in said.splitlines())

    eventually(rejected, "Envoy refuses it")
    assert same(shown_to_clients(shop), before)
    (folder / "next").write_text(good)
    (folder / "next").rename(folder / "sds.yaml")
