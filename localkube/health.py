"""Whether a cluster is there and well, asked at each preview: quick, and with little to import."""

from __future__ import annotations

import time
from pathlib import Path

from localkube.api import FAILURES, Api
from localkube.diagnosis import stopped
from localkube.spec import ClusterSpec

SILENCE_SECONDS = 8
"""A node not heard from for so long is down; so the controller-manager of several nodes says."""

ANSWER_SECONDS = 3
"""How long the API server may take for an answer; it takes milliseconds."""


def identity(spec: ClusterSpec) -> str:
    """Return what tells this cluster's data from any other's; empty without a whole cluster."""
    try:
        return (spec.folder / "identity").read_text()
    except FileNotFoundError:
        return ""


def ready_nodes(spec: ClusterSpec, kubeconfig: str) -> dict[str, bool] | None:
    """Return node -> whether it is Ready and was heard from lately; None without an answer."""
    try:
        names = Api(kubeconfig, ANSWER_SECONDS).ready_nodes(time.time() - SILENCE_SECONDS)
    except FAILURES:
        return None
    return {node.name: node.name in names for node in spec.members}


def is_healthy(spec: ClusterSpec, kubeconfig: str) -> bool:
    """Check whether all nodes are Ready, and no process of the cluster is stopped.

    The question itself goes through relay, lab and API server. A stopped scheduler, say, changes
    nothing about its answer.
    """
    if stopped.concerning(stopped.find(Path(spec.lab)), spec.name):
        return False
    nodes = ready_nodes(spec, kubeconfig)
    return nodes is not None and all(nodes.values())
