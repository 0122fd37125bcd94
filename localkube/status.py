"""What can be seen of a cluster from the host, and what that says in a few words."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault

from localkube import health, lab, pki, supervisord_client
from localkube.inside.node import config_file
from localkube.spec import ClusterSpec
from localkube.supervisord_client import Supervisor


@dataclass(frozen=True)
class Status:
    """What can be seen of a cluster from outside."""

    name: str
    running: bool
    """Whether its lab runs all its nodes."""
    api_ready: bool
    nodes: dict[str, bool]
    """Node -> whether it is Ready; empty while no API server answers."""
    programs: dict[str, dict[str, str]]
    """Node -> program -> state of that program at its supervisord."""

    @property
    def healthy(self) -> bool:
        """Whether everything is as it should be."""
        return self.running and self.api_ready and bool(self.nodes) and all(self.nodes.values())


def status(spec: ClusterSpec) -> Status:
    """Look at a cluster; never fail, and take a few seconds at most."""
    supervisor = lab.supervisor(Path(spec.lab))
    known = _states(supervisor)
    wanted = [node.name for node in spec.members] + [f"{spec.name}-relay"]
    running = all(known.get(name, {}).get("statename") == "RUNNING" for name in wanted)
    nodes = None
    if running:
        with contextlib.suppress(OSError):  # its kubeconfigs were deleted, so nobody can ask it
            nodes = health.ready_nodes(spec, pki.user_kubeconfig(spec))
    inside = {}
    for node in spec.members:
        if found := _states(supervisord_client.running(config_file(node))):
            inside[node.name] = {name: info["statename"] for name, info in found.items()}
    return Status(spec.name, running, nodes is not None, nodes or {}, inside)


def _states(supervisor: Supervisor | None) -> dict[str, dict[str, Any]]:
    """Return the state of each program of a supervisord; none of one that ends or is silent."""
    with contextlib.suppress(OSError, Fault):
        if supervisor and supervisor.is_up():
            return supervisor.states()
    return {}


def milestones(state: Status) -> set[str]:
    """Return what has come true of a cluster that starts; each is progress."""
    found = {
        f"{program} of {node} is {name}"
        for node, known in state.programs.items()
        for program, name in known.items()
        if name in ("RUNNING", "EXITED")
    }
    found |= {f"{node} is Ready" for node, ready in state.nodes.items() if ready}
    return found | {"the API server answers"} if state.api_ready else found


def complaint(state: Status) -> str:
    """Return what is wrong with a cluster, in a few words."""
    down = [
        f"{program} on {node} is {name.lower()}"
        for node, known in state.programs.items()
        for program, name in known.items()
        if name not in ("RUNNING", "EXITED")
    ]
    if down:
        return ", ".join(down)
    if not state.api_ready:
        return "its API server does not answer"
    if not state.nodes:
        return "no node has joined"
    unready = [node for node, ready in state.nodes.items() if not ready]
    return f"not ready: {', '.join(unready)}" if unready else "a node takes no pods yet"
