"""What is rendered for the delivered application, line by line, as files that a review shows.

Rewritten on purpose by: GOLDEN=write ./demo test tests/unit/components/envoy/test_golden.py
"""

from __future__ import annotations

import os
from typing import Any

import pytest
import yaml

from components.envoy.edge_clusters import EdgeConfig
from components.envoy.edge_config import edge_bootstrap
from components.envoy.gateway_clusters import GatewayConfig
from components.envoy.gateway_config import gateway_bootstrap
from components.envoy.pod import EnvoyPods, envoy_deployment
from components.routing.targets import (
    LbMode,
    edge_targets,
    edge_weights,
    gateway_targets,
    passing_on_to,
)
from foundation.contract import EDGE_CLUSTER
from foundation.project import ROOT
from tests.support.envoy_lab import CLUSTERS, portal_route, shipped_profile

GOLDEN = ROOT / "tests" / "golden"
ADDRESSES = {"east-cluster": "10.89.0.27", "west-cluster": "10.89.0.43"}


def edge(mode: LbMode) -> dict[str, Any]:
    weights = edge_weights(mode, CLUSTERS, "west-cluster")
    targets = tuple(edge_targets(weights, CLUSTERS, ADDRESSES, "us-east1"))
    return edge_bootstrap(EdgeConfig((portal_route(),), targets, shipped_profile()))


def gateway() -> dict[str, Any]:
    peers = tuple(gateway_targets("east-cluster", CLUSTERS, ADDRESSES))
    passing_on = tuple(passing_on_to("east-cluster", CLUSTERS))
    routes, profile = (portal_route(),), shipped_profile()
    config = GatewayConfig("east-cluster", "us-east1", routes, peers, passing_on, profile)
    return gateway_bootstrap(config)


def deployment(cluster: str) -> dict[str, Any]:
    return envoy_deployment(EnvoyPods(cluster), "0")


RENDERED = {
    **{f"edge-{mode}": lambda mode=mode: edge(mode) for mode in LbMode},
    "gateway": gateway,
    "deployment-edge": lambda: deployment(EDGE_CLUSTER),
    "deployment-gateway": lambda: deployment("east-cluster"),
}


class Plain(yaml.SafeDumper):
    """YAML in which nothing is an alias of something else."""

    def ignore_aliases(self, data: object) -> bool:
        return True


@pytest.mark.parametrize("name", RENDERED)
def test_what_is_rendered_is_what_was_reviewed(name: str) -> None:
    text = yaml.dump(RENDERED[name](), Dumper=Plain, sort_keys=False, width=100)
    file = GOLDEN / f"{name}.yaml"
    if os.environ.get("GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert file.read_text() == text


def test_no_file_is_left_of_what_is_rendered_no_more() -> None:
    assert {file.stem for file in GOLDEN.glob("*.yaml")} == set(RENDERED)
