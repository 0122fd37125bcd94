"""The embedded clusters do what any Kubernetes cluster does."""

from __future__ import annotations

import json
import re
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from localkube import network
from localkube.spec import BRIDGE_ADDRESS, node_address
from tests.support import lab
from tests.support.checkout import CLUSTERS, Checkout, kill_session
from tests.support.waiting import eventually

EAST, WEST = "east-cluster", "west-cluster"
NAMESPACE = "transaction-service"
PORTAL = ("--namespace", NAMESPACE, "exec", "deployment/web-portal", "--")
# the image has bash and no client
GET = """
exec 3<>/dev/tcp/$1/$2 || exit
printf '%s\\r\\n' 'GET /web-portal/api/whoami HTTP/1.1' 'Host: portal' 'Connection: close' '' >&3
while IFS= read -r line || [[ $line ]]; do printf '%s\\n' "$line"; done <&3
"""


def get_in_pod(demo: Checkout, cluster: str, host: str, port: int) -> dict[str, Any]:
    """What the portal at `host` says to a pod of a cluster, once kube-proxy knows the way."""
    command = (*PORTAL, "bash", "-c", GET, "get", host, str(port))
    said = [""]

    def answers() -> bool:
        said.append(demo.kubectl(cluster, *command, check=False))
        return "HTTP/1.1 200 OK" in said[-1]

    eventually(answers, f"{host} answers at port {port}")
    return dict(json.loads(said[-1].strip().splitlines()[-1]))


def service(name: str, kind: str, port: int, **fields: object) -> dict[str, Any]:
    """A Service of the portal's pods."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "type": kind,
            "selector": {"app": "web-portal"},
            "ports": [{"port": port, "targetPort": "http", **fields}],
        },
    }


def apply(demo: Checkout, cluster: str, document: dict[str, Any]) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(document, file)
        file.flush()
        demo.kubectl(cluster, "apply", "--filename", file.name)


def remove(demo: Checkout, cluster: str, *names: str) -> None:
    demo.kubectl(cluster, "--namespace", NAMESPACE, "delete", "service", *names, "--wait=false")


def address_of(demo: Checkout, cluster: str, name: str) -> str:
    path = "jsonpath={.status.loadBalancer.ingress[*].ip}"
    command = ("--namespace", NAMESPACE, "get", "service", name, "--output", path)
    return demo.kubectl(cluster, *command)


def test_links_keep_their_addresses_whichever_nodes_come_and_go(demo: Checkout) -> None:
    said = lab.run_inside(demo.lab(), "ip", "link", "show", "br0").stdout
    assert network.mac(BRIDGE_ADDRESS) in said, said
    for index, _ in enumerate(CLUSTERS):
        address = node_address(index)
        said = lab.run_inside(demo.lab(), "ip", "neighbour", "show", address).stdout
        assert f"lladdr {network.mac(address)} " in said, said


def test_every_node_is_ready_and_every_pod_runs(demo: Checkout) -> None:
    for cluster in CLUSTERS:
        demo.kubectl(cluster, "wait", "node", "--all", "--for=condition=Ready", "--timeout=60s")
        wait = ("wait", "pod", "--all", "--all-namespaces", "--for=condition=Ready")
        demo.kubectl(cluster, *wait, "--timeout=20s")


def test_local_status_says_that_all_is_well(demo: Checkout) -> None:
    output = demo.demo("local", "status", COLUMNS="80").output
    for cluster in CLUSTERS:
        row = rf"{cluster} +1 +yes +127\.0\.0\.1:\d+ answers +\d+ running *$"
        assert re.search(row, output, re.MULTILINE)
    assert "stack west" in output


def test_logs_are_shown(demo: Checkout) -> None:
    command = ("--namespace", "kube-system", "logs", "deployment/coredns")
    assert "CoreDNS" in demo.kubectl(EAST, *command)


def test_exec_runs_in_the_pod(demo: Checkout) -> None:
    assert demo.kubectl(EAST, *PORTAL, "bash", "-c", "echo $HOSTNAME").startswith("web-portal-")


def test_port_forward_leads_to_the_pod(demo: Checkout, tmp_path: Path) -> None:
    log = tmp_path / "forward.log"
    command = ("kubectl", "--context", WEST, "--namespace", NAMESPACE, "port-forward")
    forward = demo.start("./demo", *command, "deployment/web-portal", ":3000", log=log)
    try:
        eventually(lambda: "Forwarding from 127.0.0.1:" in log.read_text(), "a forwarded port")
        port = re.findall(r"127\.0\.0\.1:(\d+)", log.read_text())[0]
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{port}/web-portal/api/whoami", timeout=10) as answer:
            assert json.load(answer)["cluster"] == WEST
    finally:
        kill_session(forward)


def test_nodes_and_pods_are_measured(demo: Checkout) -> None:
    node = f"/api/v1/nodes/{EAST}-1/proxy"

    def pods_with_memory() -> set[str]:
        summary = json.loads(demo.kubectl(EAST, "get", "--raw", f"{node}/stats/summary"))
        assert summary["node"]["memory"]["workingSetBytes"] > 0
        return {
            pod["podRef"]["name"].rsplit("-", 2)[0]
            for pod in summary["pods"]
            if pod.get("memory", {}).get("workingSetBytes")
        }

    expected = {"coredns", "gateway", "web-portal"}
    eventually(lambda: expected <= pods_with_memory(), "the memory of all pods")
    metrics = demo.kubectl(EAST, "get", "--raw", f"{node}/metrics/resource")
    assert re.search(r"^node_cpu_usage_seconds_total [\d.]", metrics, re.MULTILINE)
    assert re.search(r'^pod_memory_working_set_bytes{.*pod="web-portal-', metrics, re.MULTILINE)


def test_services_are_found_by_name_and_address(demo: Checkout) -> None:
    command = ("get", "service", "web-portal", "--output=jsonpath={.spec.clusterIP}")
    cluster_ip = demo.kubectl(EAST, "--namespace", NAMESPACE, *command)
    names = ("web-portal", f"web-portal.{NAMESPACE}", f"web-portal.{NAMESPACE}.svc.cluster.local")
    for host in (*names, cluster_ip):
        assert get_in_pod(demo, EAST, host, 3000)["cluster"] == EAST


def test_a_node_port_answers_at_the_nodes_address_to_other_clusters_too(demo: Checkout) -> None:
    apply(demo, WEST, service("by-node", "NodePort", 3000, nodePort=30333))
    try:
        for cluster in (WEST, EAST):
            assert get_in_pod(demo, cluster, node_address(2), 30333)["cluster"] == WEST
    finally:
        remove(demo, WEST, "by-node")


def test_a_load_balancer_answers_and_a_second_one_on_its_port_waits(demo: Checkout) -> None:
    apply(demo, WEST, service("first", "LoadBalancer", 9000))
    try:
        eventually(lambda: bool(address_of(demo, WEST, "first")), "an address for the first")
        assert address_of(demo, WEST, "first") == node_address(2)
        assert get_in_pod(demo, EAST, node_address(2), 9000)["cluster"] == WEST
        apply(demo, WEST, service("second", "LoadBalancer", 9000))
        events = ("--namespace", NAMESPACE, "get", "events", "--output=name")
        about = "--field-selector=involvedObject.name=second,reason=PortTaken"
        eventually(lambda: bool(demo.kubectl(WEST, *events, about)), "an event that says why")
        assert address_of(demo, WEST, "second") == ""
        remove(demo, WEST, "first")
        eventually(lambda: address_of(demo, WEST, "second") == node_address(2), "its turn")
    finally:
        demo.kubectl(WEST, "--namespace", NAMESPACE, "delete", "service", "first", "second",
                     "--ignore-not-found", "--wait=false")  # fmt: skip
