"""What users are warned of, because an edge does not follow it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from components.routing import cautions
from components.routing.routes import routes
from tests.support.exposed_service import service, workload


def test_what_is_not_followed_is_warned_of() -> None:
    exposed, behind = service(), workload(probe={"path": "/ready", "port": "web"})
    behind["apiVersion"] = "apps/v1"
    both = [exposed, behind]
    assert list(cautions.lines(both, routes(both))) == []
    exposed["spec"]["sessionAffinity"] = "ClientIP"
    (container,) = behind["spec"]["template"]["spec"]["containers"]
    container["readinessProbe"]["timeoutSeconds"] = 5
    affinity, slow = cautions.lines(both, routes(both))
    assert affinity.startswith("Service shop in namespace retail: sessionAffinity ClientIP is not")
    assert slow.startswith("Deployment shop in namespace retail: its readinessProbe may take 5 s")
    # of another port, which the edge does not ask, be it the Service's too
    container["readinessProbe"]["httpGet"]["port"] = 9999
    exposed["spec"]["ports"].append({"name": "metrics", "port": 9999})
    assert list(cautions.lines(both, routes(both))) == [affinity]


@pytest.mark.parametrize(
    ("address", "is_fixed"), [("10.0.0.77", True), ("None", False), ("", False), (None, False)]
)
def test_an_address_that_one_cluster_gave_is_warned_of(address: str | None, is_fixed: bool) -> None:
    own = service("own")
    own["metadata"]["annotations"] = {}
    own["spec"] |= {"clusterIP": address, "clusterIPs": [address]}
    documents = [service(), {**workload(), "apiVersion": "apps/v1"}, own]
    lines = list(cautions.lines(documents, routes(documents)))
    assert len(lines) == is_fixed
    for line in lines:
        assert line.startswith("Service own in namespace retail: clusterIP 10.0.0.77 is of one")


HTTP = {"httpGet": {"port": "web"}}
HTTPS = {"httpGet": {"port": 8080, "scheme": "HTTPS"}}
GRPC = {"grpc": {"port": 8080}}


@pytest.mark.parametrize(
    ("probes", "told", "wanted"),
    [
        ({"readinessProbe": HTTP}, "http", None),
        ({"readinessProbe": HTTP}, "grpc", None),
        ({"readinessProbe": HTTP}, "kubernetes.io/h2c", None),
        ({"readinessProbe": HTTP}, "https", "HTTP, .* appProtocol: http$"),
        ({"livenessProbe": HTTPS}, "https", None),
        ({"livenessProbe": HTTPS}, "", "HTTPS, .* appProtocol: https$"),
        ({"startupProbe": GRPC}, "kubernetes.io/h2c", None),
        ({"startupProbe": GRPC, "livenessProbe": GRPC}, "", "gRPC, .* appProtocol: grpc$"),
        ({"readinessProbe": GRPC, "livenessProbe": HTTPS}, "", None),
        ({"readinessProbe": {"httpGet": {"port": 9999, "scheme": "HTTPS"}}}, "", None),
        ({"readinessProbe": {"tcpSocket": {"port": 8080}}}, "https", None),
    ],
)
def test_a_port_that_says_other_than_the_probes_is_warned_of(
    probes: dict[str, Any], told: str, wanted: str | None
) -> None:
    exposed, behind = service(), {**workload(), "apiVersion": "apps/v1"}
    exposed["spec"]["ports"] = [{"port": 80, "targetPort": "web", "appProtocol": told}]
    behind["spec"]["template"]["spec"]["containers"][0] |= probes
    lines = list(cautions.lines([exposed, behind], routes([exposed, behind])))
    assert len(lines) == (wanted is not None)
    for line in lines:
        assert line.startswith("Deployment shop in namespace retail: its probes ask port 8080 by ")
        assert re.search(str(wanted), line)


ANYONE: dict[str, Any] = {}
GATEWAYS = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "tetrate-system"}}}


@pytest.mark.parametrize(
    ("specs", "is_closed"),
    [
        ([], False),
        ([{"podSelector": {}}], True),
        ([{"podSelector": {}, "policyTypes": ["Egress"]}], False),
        ([{"podSelector": {"matchLabels": {"app": "other"}}}], False),
        ([{"podSelector": {}, "ingress": [ANYONE]}], False),
        ([{"podSelector": {}, "ingress": [None]}], False),
        ([{"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]}], True),
        ([{"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {}}]}]}], False),
        (
            [{"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]}],
            False,
        ),
        ([{"podSelector": {}, "ingress": [{"from": [GATEWAYS]}]}], False),
        ([{"podSelector": {}}, {"podSelector": {}, "ingress": [{"from": [GATEWAYS]}]}], False),
        ([{"podSelector": {}, "ingress": [{"ports": [{"port": 8080}]}]}], False),
        ([{"podSelector": {}, "ingress": [{"ports": [{"port": 8000, "endPort": 9000}]}]}], False),
        ([{"podSelector": {}, "ingress": [{"ports": [{"port": "web"}]}]}], False),
        ([{"podSelector": {}, "ingress": [{"ports": [{"port": 9090}]}]}], True),
        ([{"podSelector": {}, "ingress": [{"ports": [{"port": 8080, "protocol": "UDP"}]}]}], True),
        (
            [
                {
                    "podSelector": {},
                    "ingress": [
                        {"from": [{**GATEWAYS, "podSelector": {"matchLabels": {"a": "b"}}}]}
                    ],
                }
            ],
            True,
        ),
    ],
)
def test_a_policy_that_keeps_the_gateways_out_is_warned_of(
    specs: list[dict[str, Any]], is_closed: bool
) -> None:
    policies = [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": f"policy-{number}", "namespace": "retail"},
            "spec": spec,
        }
        for number, spec in enumerate(specs)
    ]
    documents = [service(), {**workload(), "apiVersion": "apps/v1"}, *policies]
    lines = list(cautions.lines(documents, routes(documents)))
    assert len(lines) == is_closed
    for line in lines:
        assert line.startswith(
            "NetworkPolicy policy-0 in namespace retail keeps the gateways from Deployment shop in"
            " namespace retail, where the cluster enforces it; let namespace tetrate-system in at"
            " port 8080: "
        )
