"""Backend `local`: clusters made on this machine by `localkube`."""

from __future__ import annotations

import os

import pulumi

from components.backends.protocol import MadeCluster
from components.settings.exposure import Exposure
from components.settings.local import LocalSettings
from components.settings.model import Settings
from foundation.contract import EDGE_CLUSTER
from localkube import LocalKubeError, dynamic, owner, preflight, spec


class LocalBackend:
    """One lab a stack; a cluster keeps its index in the address plan as long as it is there."""

    exposure = Exposure()
    edge_names = ("127.0.0.1", "localhost")

    def __init__(self, settings: Settings, own: LocalSettings) -> None:
        self._own = own
        self._lab = settings.state / "lab"
        self._indexes = spec.numbered(settings.cluster_names, spec.indexes(self._lab))

    @property
    def https_port(self) -> int:
        """Port of the edge on 127.0.0.1."""
        return self._own.ports.https

    def check(self) -> None:
        """Raise LocalKubeError when this machine cannot run the clusters."""
        if text := owner.refusal(self._lab, os.environ):
            raise LocalKubeError(text)
        ports = self._own.ports
        servers = [ports.api(index) for index in self._indexes.values()]
        preflight.check([ports.https, ports.http], servers, self._lab)

    def make(self, name: str, parent: pulumi.Resource) -> MadeCluster:
        """Register the cluster."""
        ports = self._own.ports
        index = self._indexes[name]
        edge_ports = {str(ports.https): 443, str(ports.http): 80}
        cluster = dynamic.Cluster(
            name,
            spec.ClusterSpec(
                lab=str(self._lab),
                name=name,
                index=index,
                nodes=self._own.nodes,
                api_port=ports.api(index),
                ports=edge_ports if name == EDGE_CLUSTER else {},
            ),
            parent,
        )
        return MadeCluster(
            kubeconfig=cluster.kubeconfig,
            identity=cluster.identity,
            gateway_address=spec.node_address(index),
            lives_in=cluster,
            owned=True,
        )
