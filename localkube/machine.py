"""The embedded clusters as other packages see them: who strikes their nodes takes this alone."""

from __future__ import annotations

from pathlib import Path

from localkube import cgroups, lab, pki
from localkube.api import FAILURES, Api, ApiError
from localkube.cluster import clusters, has_power, start, stop
from localkube.inside.node import config_file
from localkube.inside.relay import listen, serve
from localkube.namespaces import enter
from localkube.spec import API_PORT, ClusterSpec, Node, node_range, pod_range
from localkube.supervisord_client import Supervisor, running
from localkube.supervisord_config import find

__all__ = [
    "API_PORT",
    "FAILURES",
    "Api",
    "ApiError",
    "ClusterSpec",
    "Node",
    "Supervisor",
    "api",
    "cgroups",
    "clusters",
    "end",
    "enter",
    "first_process",
    "has_power",
    "listen",
    "network",
    "node_range",
    "pod_range",
    "serve",
    "start",
    "stop",
    "supervisor",
]


def end(folder: Path) -> None:
    """End a lab, whatever state it is in, and remove all that is left of it.

    Raises LocalKubeError.
    """
    with lab.locked(folder):
        lab.destroy(folder)


def api(spec: ClusterSpec) -> Api:
    """Return the API server of a cluster, as its user asks it.

    Raises OSError, KeyError or ValueError where the cluster's kubeconfig cannot be used.
    """
    return Api(pki.user_kubeconfig(spec))


def supervisor(node: Node) -> Supervisor | None:
    """Return what runs the programs of a node; None without power."""
    return running(config_file(node))


def first_process(folder: Path) -> int | None:
    """Return the process from which all others of a lab descend; None where the lab has ended.

    It is the first one of a process namespace: whoever loses a parent in there becomes its child.
    """
    return find(lab.config_file(folder))


def network(node: Node) -> Path | None:
    """Return the file of a node's network namespace, for nsenter(1); None without power."""
    pid = find(config_file(node))
    return None if pid is None else Path(f"/proc/{pid}/ns/net")
