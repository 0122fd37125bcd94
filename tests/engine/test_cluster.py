"""The Cluster component and the real Kubernetes provider."""

from __future__ import annotations

from pathlib import Path

import pulumi
import pytest

from components.backends.protocol import MadeCluster
from components.clusters import cluster
from tests.components.conftest import kubeconfig
from tests.engine.conftest import changes, new_stack

pytestmark = pytest.mark.engine


def test_a_renewed_kubeconfig_replaces_nothing_and_a_new_cluster_everything(
    tmp_path: Path,
) -> None:
    given = {"kubeconfig": kubeconfig("first"), "identity": "one"}

    class Backend:
        def make(self, name: str, parent: pulumi.Resource) -> MadeCluster:
            return MadeCluster(given["kubeconfig"], given["identity"], "10.0.0.1", None)

    def one_cluster() -> None:
        cluster.Cluster("east-cluster", "us-east1", Backend())  # type: ignore[arg-type]

    stack = new_stack(tmp_path, one_cluster)
    stack.up()
    given["kubeconfig"] = kubeconfig("second")
    assert changes(stack)[0].keys() == {"same", "update"}
    given["identity"] = "two"
    assert "replace" in changes(stack)[0]
