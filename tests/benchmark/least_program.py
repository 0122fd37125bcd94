"""The least Pulumi program like the demo's: a dynamic resource, objects in each cluster.

Not imported: the benchmark runs a copy of it. KUBECONFIG names the clusters, OBJECTS how many
objects each of them gets.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import yaml
from pulumi.dynamic import CreateResult, Resource, ResourceProvider


class NothingProvider(ResourceProvider):
    """Makes nothing."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Takes the properties as they are."""
        return CreateResult("nothing", props)


class Nothing(Resource):
    """For it, as for the demo's clusters, Pulumi starts the provider of dynamic resources."""


Nothing(NothingProvider(), "nothing", {})
text = Path(os.environ["KUBECONFIG"]).read_text()
for context in sorted(entry["name"] for entry in yaml.safe_load(text)["contexts"]):
    provider = kubernetes.Provider(
        context,
        kubeconfig=text,
        context=context,
        opts=pulumi.ResourceOptions(version=os.environ.get("DEMO_KUBERNETES_PROVIDER")),
    )
    for number in range(int(os.environ["OBJECTS"])):
        kubernetes.core.v1.ConfigMap(
            f"{context}-{number}",
            metadata={"name": f"benchmark-{number}", "namespace": "default"},
            opts=pulumi.ResourceOptions(provider=provider),
        )
