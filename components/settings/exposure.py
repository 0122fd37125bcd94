"""How the Service of a gateway is reached from outside its cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from foundation.contract import INGRESS_PORT, PEER_PORT


class ExposureKind(StrEnum):
    """By what a gateway's Service is reached (config key `exposure`)."""

    LOAD_BALANCER = "LoadBalancer"
    NODE_PORT = "NodePort"
    EXTERNAL_IPS = "externalIPs"


@dataclass(frozen=True)
class Exposure:
    """One way for all clusters of a stack."""

    kind: ExposureKind = ExposureKind.LOAD_BALANCER
    node_ports: tuple[int, int] = (0, 0)
    """Kind NodePort: the node ports of the two ports of every gateway."""
    gateway_annotations: Mapping[str, str] = field(default_factory=dict)
    """What the Services of the regional gateways say to a cloud; not that of the edge."""

    @property
    def gateway_ports(self) -> tuple[int, int]:
        """Ports of a regional gateway as the others see it: for the edge, for its peers."""
        return self.node_ports if self._by_node_port else (INGRESS_PORT, PEER_PORT)

    @property
    def edge_ports(self) -> tuple[int, int]:
        """Ports of the edge as clients see it: https, http."""
        return self.node_ports if self._by_node_port else (443, 80)

    @property
    def service_type(self) -> str:
        """Type of the Service."""
        # of externalIPs any type will do; this one asks nobody for anything more
        return "ClusterIP" if self.kind is ExposureKind.EXTERNAL_IPS else str(self.kind)

    @property
    def _by_node_port(self) -> bool:
        return self.kind is ExposureKind.NODE_PORT
