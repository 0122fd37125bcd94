"""The keys of backend existing, and how each wrong or missing value is refused."""

from __future__ import annotations

from typing import Any

import pytest

from components.settings.existing import ExistingSettings
from components.settings.exposure import ExposureKind
from components.settings.local import LocalSettings
from components.settings.values import SettingsError
from foundation.project import ROOT
from tests.support.stack_settings import settings

EAST = {"name": "east", "region": "us-east1"}


def existing(**values: Any) -> ExistingSettings:
    found = settings(backend="existing", **values).backend
    assert isinstance(found, ExistingSettings)
    return found


def test_contexts_are_called_as_the_clusters_unless_told_otherwise() -> None:
    assert dict(existing().contexts) == {
        "corp-edge": "corp-edge",
        "east-cluster": "east-cluster",
        "west-cluster": "west-cluster",
    }
    clusters = [{**EAST, "context": "kind-east"}, {**EAST, "name": "west"}]
    found = existing(edgeContext="kind-edge", clusters=clusters)
    assert dict(found.contexts) == {"corp-edge": "kind-edge", "east": "kind-east", "west": "west"}
    assert (found.kubeconfig, found.root) == ("", ROOT)


def test_load_balancers_need_no_address_and_may_have_one() -> None:
    found = existing(clusters=[{**EAST, "address": "east.example.com"}])
    assert found.exposure.kind is ExposureKind.LOAD_BALANCER
    assert found.exposure.gateway_ports == (15443, 15444)
    assert (dict(found.addresses), found.edge_port) == ({"east": "east.example.com"}, 443)


def test_hosts_are_in_small_letters_as_those_of_services_are() -> None:
    """Envoy refuses a configuration with a host in two forms."""
    found = existing(edgeAddress="Bank.Example.COM:8443")
    assert (found.edge_host, found.edge_port) == ("bank.example.com", 8443)


def test_node_ports_are_what_the_others_and_clients_use() -> None:
    clusters = [{**EAST, "address": "172.18.0.3"}]
    found = existing(exposure="NodePort", clusters=clusters, edgeAddress="172.18.0.2")
    assert found.exposure.gateway_ports == (30443, 30444)
    assert found.edge_port == 30443
    assert found.exposure.service_type == "NodePort"
    mapped = existing(exposure="NodePort", clusters=clusters, edgeAddress="127.0.0.1:8443")
    assert (mapped.addresses["corp-edge"], mapped.edge_port) == ("127.0.0.1", 8443)


def test_external_ips_keep_the_services_own_ports() -> None:
    clusters = [{**EAST, "address": "192.0.2.3"}]
    found = existing(exposure="externalIPs", clusters=clusters, edgeAddress="192.0.2.2")
    assert found.exposure.gateway_ports == (15443, 15444)
    assert (found.edge_port, found.exposure.service_type) == (443, "ClusterIP")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"exposure": "nodeport"}, r"exposure .* is 'nodeport': .*\(did you mean NodePort\?\)$"),
        (
            {"allowSharedCluster": "yes"},
            r"^allowSharedCluster in Pulumi\.west\.yaml is 'yes': use true or false$",
        ),
        ({"allowSharedCluster": ""}, "allowSharedCluster .* is '': use true or false$"),
        ({"nodePort": 70000}, "nodePort .* is '70000': use a whole number from 1 to 65534$"),
        ({"edgeAddress": "127.0.0.1:99999"}, "edgeAddress .* use host or host:port"),
        ({"edgeAddress": "https://edge"}, "edgeAddress .* use host or host:port"),
        ({"edgeAddress": f"edge.{'a' * 64}.com"}, "edgeAddress .* use an IPv4 address or a host's"),
        ({"edgeAddress": "edge.-a.com"}, "edgeAddress .* use an IPv4 address or a host's name$"),
        ({"edgeAddress": ".".join(["abc"] * 64)}, "edgeAddress .* use an IPv4 address or a host's"),
        ({"edgeAddress": "a b"}, "edgeAddress .* use an IPv4 address or a host's name$"),
        ({"clusters": [{**EAST, "context": 3}]}, r"clusters\[0\].context .* is '3': use text$"),
        ({"clusters": [{**EAST, "address": "::1"}]}, r"clusters\[0\].address .* use an IPv4"),
        (
            {"clusters": [{"name": n, "region": "r", "address": "A.b"} for n in ("east", "west")]},
            r"clusters\[1\].address .* 'A.b': east has it too; give the one of west's own gateway$",
        ),
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


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("exposure", "NodePort"),
        ("exposure", "nodeport"),
        ("nodePort", "70000"),
        ("allowSharedCluster", "yes"),
        ("gkeNodes", "0"),
        ("gkeLabels", ["Team=web"]),
    ],
)
def test_what_only_other_backends_read_is_warned_of_and_not_read(key: str, value: object) -> None:
    chosen = settings(**{key: value})
    assert isinstance(chosen.backend, LocalSettings)
    assert [line.split()[0] for line in chosen.without_effect] == [key]


def test_what_is_about_our_own_envoys_is_warned_of_on_another_platform() -> None:
    keys = {"edgeReplicas": "3", "gatewayReplicas": "1"}
    there = settings(backend="existing", platform="tetrate", **keys)
    assert there.without_effect[0] == (
        "edgeReplicas in Pulumi.west.yaml has no effect with platform tetrate; remove it: "
        "./demo pulumi config rm 'edgeReplicas'"
    )
    assert [line.split()[0] for line in there.without_effect] == list(keys)
    assert settings(backend="existing", **keys).without_effect == ()


def test_keys_that_only_other_backends_read_are_named_with_the_command_that_removes_them() -> None:
    clusters = [{**EAST, "address": "192.0.2.1"}]
    chosen = settings(gkeNodes="3", gkeLabels='["a=b"]', clusters=clusters, localPort="9443")
    assert chosen.without_effect == (
        "gkeLabels in Pulumi.west.yaml has no effect with backend local; remove it: "
        "./demo pulumi config rm 'gkeLabels'",
        "gkeNodes in Pulumi.west.yaml has no effect with backend local; remove it: "
        "./demo pulumi config rm 'gkeNodes'",
        "clusters[0].address in Pulumi.west.yaml has no effect with backend local; remove it: "
        "./demo pulumi config rm --path 'clusters[0].address'",
    )
    assert settings(backend="existing", clusters=clusters).without_effect == ()
    ports = settings(backend="existing", localPort="9443", kubeconfig="k").without_effect
    assert [line.split()[0] for line in ports] == ["localPort"]


@pytest.mark.parametrize("backend", ["local", "existing"])
def test_defaults_and_what_is_set_to_them_are_no_reason_to_say_anything(backend: str) -> None:
    given = {"gkeNodes": "1", "gkeLabels": "[]", "localNodes": 1, "gkePrivateNodes": "True"}
    assert settings(backend=backend, **given).without_effect == ()
