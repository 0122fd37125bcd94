"""The application in one cluster: the user's manifest, and what the gateways need beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from components.application.objects import objects
from components.clusters.cluster import Cluster
from components.routing.targets import ApplicationCluster, shown_weight
from components.settings.model import Platform


class Application(pulumi.ComponentResource):
    """Every document of the manifest in one cluster; its Services carry the cluster's weight."""

    def __init__(
        self,
        cluster: Cluster,
        member: ApplicationCluster,
        documents: Sequence[Mapping[str, Any]],
        weight: int | None,
        platform: Platform,
    ) -> None:
        """Registers the documents; returns before the cluster has them.

        `weight` is the cluster's edge weight, None where locality decides.
        """
        props = {
            "cluster": member.name,
            "region": member.region,
            "edgeWeight": shown_weight(weight),
        }
        super().__init__("demo:application:Application", member.name, props)
        made = objects(documents, member, weight, platform)
        cluster.register(made, self)
        self.register_outputs({})
