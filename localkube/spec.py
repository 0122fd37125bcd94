"""What a cluster is made of: names, addresses and folders. Pure, no input or output.

Every lab has network namespaces of its own, so all labs use the same private addresses:
10.89.0.0/24 for nodes, 10.89.16.0/20, 10.89.32.0/20, ... for pods and 10.96.16.0/20, ... for
Services, each cluster taking the range that its index gives.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from foundation import files
from localkube import cgroups, delegation

LAB_RANGES = ("10.89.0.0/16", "10.96.0.0/16")
"""All nodes, pods and Services of a lab."""

BRIDGE_ADDRESS = "10.89.0.1"
"""Address of the lab's bridge: the default gateway of every node."""

EGRESS_PORT = 3128
"""Port on the bridge's address where containerd finds the proxy to image registries."""

API_PORT = 6443
"""Port of the API server on the address of a cluster's first node."""

MAX_CLUSTERS = 14
"""Follows from the address plan: sixteen ranges of sixteen addresses, less the outer two."""


def node_range(index: int) -> str:
    """Return the range (CIDR) of the node addresses of the cluster with this index, from 0."""
    return f"10.89.0.{16 * (index + 1)}/28"


def node_address(index: int, ordinal: int = 1) -> str:
    """Return the address of a node; on node 1 LoadBalancer Services answer too."""
    return str(IPv4Network(node_range(index))[ordinal])


def is_node_address(address: str) -> bool:
    """Return whether an address belongs to a node of some cluster; pods' are in other ranges."""
    return any(
        IPv4Address(address) in IPv4Network(node_range(index)) for index in range(MAX_CLUSTERS)
    )


def pod_range(index: int, ordinal: int | None = None) -> str:
    """Return the range (CIDR) of a cluster's pods, or of the pods on one of its nodes."""
    third = 16 * (index + 1)
    return f"10.89.{third}.0/20" if ordinal is None else f"10.89.{third + ordinal}.0/24"


def service_range(index: int) -> str:
    """Return the range (CIDR) of a cluster's ClusterIP addresses."""
    return f"10.96.{16 * (index + 1)}.0/20"


def dns_address(index: int) -> str:
    """Return the ClusterIP of CoreDNS: the tenth address of the Services' range, as in kubeadm."""
    return str(IPv4Network(service_range(index))[10])


@dataclass(frozen=True)
class Node:
    """One node: a machine of its own as far as anything inside can see."""

    cluster: ClusterSpec
    ordinal: int

    @property
    def name(self) -> str:
        """Name of the node object and of the machine, for example ``east-cluster-1``."""
        return f"{self.cluster.name}-{self.ordinal}"

    @property
    def is_control_plane(self) -> bool:
        """Whether etcd and the control plane run here too."""
        return self.ordinal == 1

    @property
    def address(self) -> str:
        """IPv4 address on the lab's bridge."""
        return node_address(self.cluster.index, self.ordinal)

    @property
    def pod_range(self) -> str:
        """Range (CIDR) of the pods on this node."""
        return pod_range(self.cluster.index, self.ordinal)

    @property
    def folder(self) -> Path:
        """State folder of the node: etcd's data, containerd's store, logs."""
        return self.cluster.folder / "nodes" / self.name

    @property
    def kubeconfig(self) -> Path:
        """Where the node's kubelet finds its kubeconfig."""
        name = "kubelet.conf" if self.is_control_plane else f"kubelet-{self.ordinal}.conf"
        return self.cluster.kubeconfigs / name

    @property
    def kubelet_certificate(self) -> str:
        """File of the certificate that the node's kubelet serves, as in the cluster's `pki`."""
        return f"kubelet-{self.ordinal}"

    @property
    def cgroup(self) -> str:
        """Path of the node's cgroup below the root of each cgroup hierarchy."""
        return f"{lab_cgroup(Path(self.cluster.lab))}/{self.name}"


@dataclass(frozen=True)
class ClusterSpec:
    """One cluster of a lab, as the user asked for it."""

    lab: str
    """Absolute path of the lab's state folder."""
    name: str
    """Name of the cluster and of its context in the kubeconfig."""
    index: int
    """Position in the address plan, counted from 0; unique in the lab."""
    nodes: int
    """Number of nodes; the first one also runs the control plane."""
    api_port: int
    """Port on 127.0.0.1 where the host reaches the API server."""
    ports: dict[str, int] = field(default_factory=dict)
    """Further ports on 127.0.0.1 (as text) and the port of node 1 that each leads to."""

    @property
    def stack(self) -> str:
        """Name of the stack whose cluster it is."""
        return Path(self.lab).parent.name

    @property
    def folder(self) -> Path:
        """State folder of the cluster."""
        return Path(self.lab) / "clusters" / self.name

    @property
    def pki(self) -> Path:
        """Folder of the keys and certificates, laid out as kubeadm does."""
        return self.folder / "pki"

    @property
    def kubeconfigs(self) -> Path:
        """Folder of the kubeconfigs of the cluster's own parts."""
        return self.folder / "kubeconfigs"

    @property
    def members(self) -> list[Node]:
        """The cluster's nodes, first one first."""
        return [Node(self, ordinal) for ordinal in range(1, self.nodes + 1)]

    @property
    def endpoint(self) -> str:
        """``address:port`` of the API server inside the lab."""
        return f"{node_address(self.index)}:{API_PORT}"

    @property
    def relayed(self) -> dict[int, tuple[str, int]]:
        """Host ports on 127.0.0.1 and the address and port in the lab that each leads to."""
        address = node_address(self.index)
        forwards = {int(port): (address, target) for port, target in self.ports.items()}
        return {self.api_port: (address, API_PORT), **forwards}

    def save(self) -> None:
        """Write the specification where the cluster's own processes read it."""
        files.replace(self.folder / "spec.json", json.dumps(asdict(self), indent=2))

    @staticmethod
    def load(folder: Path) -> ClusterSpec:
        """Read the specification of the cluster with this state folder."""
        return ClusterSpec(**json.loads((folder / "spec.json").read_text()))


def whole(lab: Path) -> list[ClusterSpec]:
    """Return the clusters of a lab, but for those whose specification is torn or not written."""
    found = []
    for file in sorted(lab.glob("clusters/*/spec.json")):
        with contextlib.suppress(OSError, ValueError, TypeError):
            found.append(ClusterSpec.load(file.parent))
    return found


def indexes(lab: Path) -> dict[str, int]:
    """Return the index of each cluster that a lab has; one that is not whole yet has none."""
    return {spec.name: spec.index for spec in whole(lab)}


def numbered(names: Sequence[str], known: Mapping[str, int]) -> dict[str, int]:
    """Return the index of each cluster: the one that it has, else the first free one.

    `known` are the clusters of the lab. Those that `names` lacks hold their addresses until the
    update that removes them ends, so a new cluster takes one of theirs only where no other is left.
    """
    kept: dict[int, str] = {}
    for name in names:
        if name in known:
            kept.setdefault(known[name], name)
    going = set(known.values()) - kept.keys()
    unused = (index for index in range(MAX_CLUSTERS) if index not in kept and index not in going)
    free = itertools.chain(unused, sorted(going))
    own = {name: index for index, name in kept.items()}
    return {name: own[name] if name in own else next(free) for name in names}


def relay_cgroup(lab: Path) -> str:
    """Return the path of the cgroup of a lab's relays, which carry the pods' traffic."""
    return f"{lab_cgroup(lab)}/relay"


def lab_cgroup(lab: Path) -> str:
    """Return the path of a lab's cgroup: unique for the folder, so that two clones do not meet.

    It is that of the lab's unit where there is one.
    """
    unit = delegation.cgroup(lab_id(lab))
    return unit if cgroups.exists(unit) else f"/{cgroups.TOP}/{lab_id(lab)}"


def lab_id(lab: Path) -> str:
    """Return a short name of a lab that no other folder's has."""
    return hashlib.sha256(str(lab).encode()).hexdigest()[:12]
