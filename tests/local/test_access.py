"""Who gets in: from the host, from inside the lab, without a certificate."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path

import pytest

from components.envoy.common import edge_san
from foundation import certificates
from localkube.spec import API_PORT, node_address
from tests.support import lab
from tests.support.checkout import CLUSTERS, PORTS, Checkout

KUBELET = 10250
INGRESS, PEER = 15443, 15444
"""Ports of a regional gateway: for the edge, for the other gateways."""
HOST = "online-banking.dynabank.com"
REFUSED = (35, 55, 56)
"""curl's codes for a TLS handshake that failed and for a connection that was ended."""


def curl_inside(demo: Checkout, url: str, *more: str) -> tuple[int, str]:
    """Exit code of curl on the lab's bridge; body and status, or the reason for the failure."""
    command = ("curl", "--insecure", "--silent", "--show-error", "--max-time", "10")
    status = ("--write-out", "\n%{http_code}")
    done = lab.run_inside(demo.lab(), *command, *status, *more, url)
    return done.returncode, (done.stdout if done.returncode == 0 else done.stderr)


def test_the_host_has_the_stacks_ports_on_loopback_and_no_others(demo: Checkout) -> None:
    first = demo.ports["west"]
    expected = {("127.0.0.1", port) for port in range(first, first + PORTS)}
    assert lab.listening_on_host(demo.lab()) == expected


@pytest.mark.parametrize("path", ["/api", "/version", "/readyz", "/apis/apps/v1/deployments"])
def test_the_api_server_tells_a_stranger_nothing(demo: Checkout, path: str) -> None:
    config = json.loads(demo.kubectl(CLUSTERS[0], "config", "view", "--output=json"))
    for cluster in config["clusters"]:
        url = cluster["cluster"]["server"] + path
        status = demo.run("curl", "--insecure", "--silent", "--write-out", "\n%{http_code}", url)
        assert status.output.endswith("\n401"), status.output


@pytest.mark.parametrize("path", ["/pods", "/metrics", "/stats/summary", "/runningpods/"])
def test_the_kubelet_tells_a_stranger_nothing(demo: Checkout, path: str) -> None:
    for index in range(len(CLUSTERS)):
        code, answer = curl_inside(demo, f"https://{node_address(index)}:{KUBELET}{path}")
        assert (code, answer) == (0, "Unauthorized\n401")


def test_a_kubelet_may_read_its_own_node_and_nothing_of_others(demo: Checkout) -> None:
    folder = demo.lab() / "clusters" / "east-cluster" / "kubeconfigs"
    server = f"https://127.0.0.1:{demo.ports['west'] + 3}"
    kubectl = ("kubectl", "--kubeconfig", str(folder / "kubelet.conf"), "--server", server)
    own = demo.demo(*kubectl, "get", "node", "east-cluster-1", "--output=name")
    assert own.output.strip() == "node/east-cluster-1"
    for question in (["nodes"], ["secrets", "--all-namespaces"]):
        everywhere = demo.demo(*kubectl, "get", *question, check=False)
        assert everywhere.code and "Forbidden" in everywhere.output


@pytest.mark.parametrize(("port", "allowed"), [(INGRESS, "corp-edge"), (PEER, "west-cluster")])
def test_a_gateway_serves_those_that_have_a_certificate_of_the_stack_only(
    demo: Checkout, tmp_path: Path, port: int, allowed: str
) -> None:
    stranger = certificates.leaf(
        certificates.authority("stranger"), "edge", [edge_san("corp-edge")]
    )
    files = {
        "own": mesh_certificate(demo, allowed),
        "stranger": (stranger.certificate, stranger.key),
    }
    for name, texts in files.items():
        for kind, text in zip(("certificate", "key"), texts, strict=True):
            (tmp_path / f"{name}.{kind}").write_text(text)

    def ask(name: str = "") -> tuple[int, str]:
        files = str(tmp_path / f"{name}.certificate"), str(tmp_path / f"{name}.key")
        given = ("--cert", files[0], "--key", files[1]) if name else ()
        url = f"https://{node_address(1)}:{port}/web-portal"
        return curl_inside(demo, url, "--header", f"Host: {HOST}", *given)

    code, answer = ask("own")
    assert code == 0 and answer.endswith("\n200"), answer
    for name in ("stranger", ""):
        code, answer = ask(name)
        assert code in REFUSED, answer


def mesh_certificate(demo: Checkout, cluster: str) -> tuple[str, str]:
    """Certificate and key of a cluster's gateways."""
    command = ("--namespace", "tetrate-system", "get", "secret", "gateway-mesh", "--output=json")
    data = json.loads(demo.kubectl(cluster, *command))["data"]
    certificate, key = (b64decode(data[name]).decode() for name in ("tls.crt", "tls.key"))
    return certificate, key


def test_etcd_is_out_of_reach_from_the_network(demo: Checkout) -> None:
    code, _ = curl_inside(demo, f"https://{node_address(0)}:{API_PORT}/readyz")
    assert code == 0  # the way there works
    code, answer = curl_inside(demo, f"https://{node_address(0)}:2379/version")
    assert code and "onnect" in answer, answer
