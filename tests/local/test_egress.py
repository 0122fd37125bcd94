"""The way out of a lab is open to nodes and to no pod. No machine outside is asked."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from localkube import images
from localkube.spec import BRIDGE_ADDRESS, EGRESS_PORT, node_address
from tests.support import lab
from tests.support.checkout import APPLICATION, CLUSTERS, Checkout
from tests.support.waiting import eventually

NAMESPACE = "egress"
IN_NAMESPACE = ("--namespace", NAMESPACE)
NODE_PORT = 30128
OF_NODE = ("hostNetwork", "hostPID", "hostIPC")
WAIT_FOR_EVER = ["bash", "-c", "coproc read x; wait"]

# asks for loopback, which is refused: nothing is connected to, and the refusal is an answer
ASK = """
exec 3<>/dev/tcp/$1/$2 || exit 0
printf 'CONNECT 127.0.0.1:443 HTTP/1.1\\r\\n\\r\\n' >&3
read -rt 5 line <&3
echo "answer: $line"
"""
ANSWER = "answer: HTTP/1.1 403 127.0.0.1 has no address outside this machine"


def objects() -> list[dict[str, Any]]:
    """A pod, one in its node's namespaces, and a Service whose only endpoint is the way out.

    kube-proxy gives packets to a node port the node's address before they go to an endpoint.
    """
    container = {"name": "pod", "image": images.envoy(), "command": WAIT_FOR_EVER}
    pod: dict[str, Any] = {"terminationGracePeriodSeconds": 0, "containers": [container]}
    port = {"port": EGRESS_PORT, "nodePort": NODE_PORT}
    slice_labels = {"kubernetes.io/service-name": "detour"}
    described: list[tuple[str, str, str, dict[str, Any]]] = [
        ("v1", "Pod", "pod", {"spec": pod}),
        ("v1", "Pod", "host", {"spec": {**pod, **dict.fromkeys(OF_NODE, True)}}),
        ("v1", "Service", "detour", {"spec": {"type": "NodePort", "ports": [port]}}),
        ("discovery.k8s.io/v1", "EndpointSlice", "detour", {
            "addressType": "IPv4",
            "endpoints": [{"addresses": [BRIDGE_ADDRESS]}],
            "ports": [{"name": "", "port": EGRESS_PORT}],
        }),
    ]  # fmt: skip
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    made = [
        {
            "apiVersion": version,
            "kind": kind,
            "metadata": {
                "name": name,
                "namespace": NAMESPACE,
                "labels": slice_labels if kind == "EndpointSlice" else {},
            },
            **rest,
        }
        for version, kind, name, rest in described
    ]
    return [namespace, *made]


@pytest.fixture(scope="module")
def pods(copy: Checkout, up: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """The demo with these objects in both application clusters."""
    manifest = tmp_path_factory.mktemp("egress") / "objects.yaml"
    manifest.write_text(yaml.safe_dump_all(objects()))
    try:
        for cluster in APPLICATION:
            copy.kubectl(cluster, "apply", "--filename", str(manifest))
        for cluster in APPLICATION:
            wait = ("wait", "pod", "--all", "--for=condition=Ready", "--timeout=60s")
            copy.kubectl(cluster, *IN_NAMESPACE, *wait)
        eventually(lambda: ask(copy, "host", *direct()) == ANSWER, "the pod in the node's network")
        yield copy
    finally:
        for cluster in APPLICATION:
            copy.kubectl(cluster, "delete", "namespace", NAMESPACE, "--timeout=60s")


def direct() -> tuple[str, int]:
    return BRIDGE_ADDRESS, EGRESS_PORT


def ask(demo: Checkout, pod: str, address: str, port: int) -> str:
    """The answer that a pod of the first application cluster gets; empty if it gets none."""
    words = ("exec", pod, "--", "bash", "-c", ASK, "ask", address, str(port))
    output = demo.kubectl(APPLICATION[0], *IN_NAMESPACE, *words)
    return "".join(line for line in output.splitlines() if line.startswith("answer"))


def node_of(demo: Checkout, cluster: str) -> int:
    """Process id of the containerd of a cluster's node."""
    (found,) = lab.named(demo.lab(), f"/{cluster}-1/containerd.toml")
    return found


def test_nodes_may_use_it(demo: Checkout) -> None:
    for cluster in CLUSTERS:
        entered = ["nsenter", f"--net=/proc/{node_of(demo, cluster)}/ns/net"]
        words = ["bash", "-c", ASK, "ask", *map(str, direct())]
        done = subprocess.run(
            [*entered, *words], stdout=subprocess.PIPE, text=True, check=True, timeout=30
        )
        assert done.stdout.strip() == ANSWER


def test_a_pod_in_its_nodes_network_is_its_node(pods: Checkout) -> None:
    assert ask(pods, "host", *direct()) == ANSWER


def test_a_pod_in_its_nodes_network_has_the_name_of_the_node(pods: Checkout) -> None:
    for cluster in APPLICATION:
        names = ("exec", "host", "--", "bash", "-c", "echo $HOSTNAME; echo /proc/[0-9]*/exe")
        name, programs = pods.kubectl(cluster, *IN_NAMESPACE, *names).splitlines()
        assert name == f"{cluster}-1"
        assert len(programs.split()) > len(CLUSTERS)  # its node's, not its own alone


def test_pods_may_not(pods: Checkout) -> None:
    assert ask(pods, "pod", *direct()) == ""


@pytest.mark.parametrize("cluster", APPLICATION, ids=["its own node", "another cluster's node"])
def test_pods_may_not_by_a_service_that_gives_them_a_nodes_address(
    pods: Checkout, cluster: str
) -> None:
    address = node_address(CLUSTERS.index(cluster))
    assert ask(pods, "pod", address, NODE_PORT) == ""


def test_pods_may_not_by_a_services_own_address(pods: Checkout) -> None:
    words = ("get", "service", "detour", "--output=jsonpath={.spec.clusterIP}")
    address = pods.kubectl(APPLICATION[0], *IN_NAMESPACE, *words).strip()
    assert ask(pods, "host", address, EGRESS_PORT) == ANSWER  # the Service works
    assert ask(pods, "pod", address, EGRESS_PORT) == ""


def test_the_lab_itself_is_no_node(demo: Checkout) -> None:
    done = lab.run_inside(demo.lab(), "bash", "-c", ASK, "ask", *map(str, direct()))
    assert "HTTP/" not in done.stdout
