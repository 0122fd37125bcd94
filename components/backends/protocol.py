"""What a backend is: a way to get clusters, and what it hands over for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import pulumi

from components.settings.exposure import Exposure
from foundation.contract import CLUSTER_DOMAIN


@dataclass(frozen=True)
class MadeCluster:
    """What a backend hands over for one cluster."""

    kubeconfig: pulumi.Input[str]
    """Kubeconfig as text, of one context."""
    identity: pulumi.Input[str]
    """The same for the life of the cluster's data: the provider's `cluster_identifier`."""
    gateway_address: pulumi.Input[str] | None
    """Where the gateway's Service is reached from outside; None: at what its status will say."""
    lives_in: pulumi.Resource | None
    """The resource with which every object in the cluster is gone; None where some would stay."""
    owned: bool = False
    """Whether the cluster is the stack's own, so that nobody else's objects can be in it."""
    mark: str = ""
    """What all objects carry in a cluster of others (see components.backends.mark).

    With it `check` has made sure that none of them is there without it.
    """
    domain: str = CLUSTER_DOMAIN
    """Below which its DNS has Services."""
    ready: Sequence[pulumi.Resource] = ()
    """What must be there before objects can get into the cluster, and go after them."""


class ClusterBackend(Protocol):
    """A way to get clusters."""

    def check(self) -> None:
        """Raise UserError when the clusters cannot be made or reached; changes nothing."""

    def make(self, name: str, parent: pulumi.Resource) -> MadeCluster:
        """Register what the cluster needs, as children of `parent`."""

    @property
    def exposure(self) -> Exposure:
        """How the gateways' Services are reached from outside."""

    @property
    def edge_names(self) -> tuple[str, ...]:
        """Names and addresses, besides the routes' hosts, at which clients reach the edge.

        The first one is in the URL. Without any it is the address of the edge's Service.
        """

    @property
    def https_port(self) -> int:
        """Port at which clients reach the edge."""


@runtime_checkable
class Standing(Protocol):
    """A backend whose clusters are there before anything is registered."""

    def raw(self, cluster: str, path: str) -> str:
        """Return what a cluster's API server answers to GET of a path. Raises UserError."""
