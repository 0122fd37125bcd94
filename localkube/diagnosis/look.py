"""Ask the machine and the clusters of a lab, and put the findings together."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from foundation import disk
from localkube import lab, pki, preflight
from localkube.api import FAILURES, Api
from localkube.diagnosis import Finding, clock, gone, memory, pressure, stopped
from localkube.health import ANSWER_SECONDS
from localkube.inside.node import config_file
from localkube.spec import ClusterSpec
from localkube.status import Status
from localkube.supervisord_config import find


def findings(folder: Path, clusters: Sequence[tuple[ClusterSpec, Status]]) -> list[Finding]:
    """Return all that can be seen to be wrong with a lab; never fail, and change nothing."""
    stack = folder.parent.name
    found = [each.finding(stack) for each in stopped.find(folder)]
    found += [
        Finding(str(short), preflight.FREE_SOME)
        for short in disk.shortages(preflight.space(folder))
    ]
    found += [each for each in (clock.look(folder), gone.look(folder)) if each]
    found += _ended(folder, find(lab.config_file(folder)), "the lab")
    for spec, status in clusters:
        for node in spec.members:
            where = spec.name if node.is_control_plane else node.name
            found += _ended(node.folder, find(config_file(node)), where)
        if status.api_ready:
            found += _told(spec)
    return found


def _ended(folder: Path, pid: int | None, where: str) -> list[Finding]:
    """Return the programs of a supervisord that the OOM killer ended."""
    if pid is None:
        return []
    kills, limit = memory.since_noted(folder, pid)
    if kills <= 0:
        return []
    with contextlib.suppress(OSError):
        log = (folder / "log" / "supervisord.log").read_text(errors="replace")
        return memory.of_programs(kills, memory.killed(log), where, limit)
    return []


def _told(spec: ClusterSpec) -> list[Finding]:
    """Return what the kubelets of a cluster have told its API server."""
    try:
        api = Api(pki.user_kubeconfig(spec), ANSWER_SECONDS)
        with contextlib.closing(api.connection):
            nodes = api.call("GET", "/api/v1/nodes")["items"]
            pods = api.call("GET", "/api/v1/pods")["items"]
    except FAILURES:
        return []
    return pressure.judge(nodes) + memory.of_containers(pods, spec.name)
