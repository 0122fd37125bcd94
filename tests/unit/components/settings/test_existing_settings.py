"""The keys of backend existing, and how each wrong or missing value is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.settings.exposure import ExposureKind
from components.settings.model import Settings
from components.settings.values import SettingsError
from tests.unit.components.settings.test_settings import ROOT, settings

EAST = {"name": "east", "region": "us-east1"}


def existing(**values: Any) -> Settings:
    return settings(backend="existing", **values)


def test_contexts_are_called_as_the_clusters_unless_told_otherwise() -> None:
    assert dict(existing().existing.contexts) == {
        "corp-edge": "corp-edge",
        "east-cluster": "east-cluster",
        "west-cluster": "west-cluster",
    }
    clusters = [{**EAST, "context": "kind-east"}, {**EAST, "name": "west"}]
    found = existing(edgeContext="kind-edge", clusters=clusters).existing
    assert dict(found.contexts) == {"corp-edge": "kind-edge", "east": "kind-east", "west": "west"}
    assert (found.kubeconfig, found.root) == ("", ROOT)


def test_load_balancers_need_no_address_and_may_have_one() -> None:
    found = existing(clusters=[{**EAST, "address": "east.example.com"}]).existing
    assert found.exposure.kind is ExposureKind.LOAD_BALANCER
    assert found.exposure.gateway_ports == (15443, 15444)
    assert (dict(found.addresses), found.edge_port) == ({"east": "east.example.com"}, 443)


def test_node_ports_are_what_the_others_and_clients_use() -> None:
    clusters = [{**EAST, "address": "172.18.0.3"}]
    found = existing(exposure="NodePort", clusters=clusters, edgeAddress="172.18.0.2").existing
    assert found.exposure.gateway_ports == (30443, 30444)
    assert found.edge_port == 30443
    assert found.exposure.service_type == "NodePort"
    mapped = existing(exposure="NodePort", clusters=clusters, edgeAddress="127.0.0.1:8443").existing
    assert (mapped.addresses["corp-edge"], mapped.edge_port) == ("127.0.0.1", 8443)


def test_external_ips_keep_the_services_own_ports() -> None:
    clusters = [{**EAST, "address": "192.0.2.3"}]
    found = existing(exposure="externalIPs", clusters=clusters, edgeAddress="192.0.2.2").existing
    assert found.exposure.gateway_ports == (15443, 15444)
    assert (found.edge_port, found.exposure.service_type) == (443, "ClusterIP")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"exposure": "nodeport"}, r"exposure .* is 'nodeport': .*\(did you mean NodePort\?\)$"),
        ({"nodePort": 70000}, "nodePort .* is '70000': use a whole number from 1 to 65534$"),
        ({"edgeAddress": "127.0.0.1:99999"}, "edgeAddress .* use host or host:port"),
        ({"edgeAddress": "https://edge"}, "edgeAddress .* use host or host:port"),
        ({"edgeAddress": "a b"}, "edgeAddress .* use an IPv4 address or a host's name$"),
        ({"clusters": [{**EAST, "context": 3}]}, r"clusters\[0\].context .* is '3': use text$"),
        ({"clusters": [{**EAST, "address": "::1"}]}, r"clusters\[0\].address .* use an IPv4"),
        ({"exposure": "NodePort"}, "edgeAddress is missing .* a node's address of corp-edge"),
        (
            {"exposure": "NodePort", "edgeAddress": "edge", "clusters": [EAST]},
            r"clusters\[0\].address is missing in Pulumi.west.yaml: .* of east that the others",
        ),
        (
            {"exposure": "externalIPs", "edgeAddress": "127.0.0.1", "clusters": [EAST]},
            "edgeAddress .* needs an IPv4 address, and none of the loopback$",
        ),
        (
            {"exposure": "externalIPs", "edgeAddress": "edge.example.com", "clusters": [EAST]},
            "edgeAddress .* needs an IPv4 address",
        ),
    ],
)
def test_wrong_values_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        existing(**values)


def test_what_is_missing_is_nobodys_business_while_another_backend_is_chosen(
    tmp_path: Path,
) -> None:
    assert settings(exposure="NodePort").existing.exposure.kind is ExposureKind.NODE_PORT
