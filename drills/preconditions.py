"""What keeps a presenter from breaking more than is meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from drills import rollout
from drills.application import ROLLED_OUT, Workload
from drills.faults import Fault, Moves
from drills.faults.operation import OTHER_SETTINGS
from drills.journal import Entry, Journal
from drills.stack import EDGE, GATEWAY_WORKLOAD, Stack
from drills.waiting import until
from foundation.errors import UserError

Problems = Mapping[str, str]
"""Cluster -> what is wrong with it; empty text if nothing."""


def look(stack: Stack) -> dict[str, str]:
    """Look at all clusters at once; never fails, and take some seconds at most."""

    def one(cluster: str) -> str:
        try:
            known = stack.application.workload
            is_known = cluster != EDGE and known.kind in ROLLED_OUT
            wanted = [known] if is_known else []
            if stack.platform == "envoy":  # elsewhere the gateways are the platform's own
                wanted.append(GATEWAY_WORKLOAD)
            kinds = ",".join({f"{workload.kind.lower()}s": None for workload in wanted})
            found = stack.get(cluster, kinds or "deployments", "--all-namespaces")
        except UserError as error:
            return str(error).removeprefix(f"{cluster}: ")
        return complaint(found["items"], wanted)

    with ThreadPoolExecutor(max_workers=len(stack.clusters)) as pool:
        return dict(zip(stack.clusters, pool.map(one, stack.clusters), strict=True))


def await_well(stack: Stack, seconds: float) -> None:
    """Wait until nothing is wrong with any cluster. Raises UserError after so many seconds."""
    until(lambda: not any(look(stack).values()), "The stack is well", seconds, pause=1.0)


def complaint(items: Iterable[Mapping[str, Any]], wanted: Iterable[Workload]) -> str:
    """Return what is wrong with the workloads of a cluster; empty if nothing."""
    known = {
        Workload(i["kind"], i["metadata"]["namespace"], i["metadata"]["name"]): i for i in items
    }
    found = []
    for workload in wanted:
        if workload not in known:
            found.append(f"{workload.name} is missing")
            continue
        ready, count = rollout.ready(known[workload])
        if not count or ready < count:
            found.append(f"{workload.name} has {ready} of {count} pods ready")
    return ", ".join(found)


def in_force(stack: Stack) -> list[Entry]:
    """Return what is broken; other settings that the stack has on purpose are not."""
    entries = Journal(stack.folder).entries()
    return [
        entry for entry in entries if not (stack.changes and entry.fault == OTHER_SETTINGS.name)
    ]


def misplaced(fault: Fault, cluster: str, clusters: Sequence[str]) -> str:
    """Return why a fault cannot be in a cluster, in one line; empty if it can."""
    if cluster not in clusters:
        return f"There is no cluster {cluster!r}; there are: {', '.join(clusters)}"
    if fault.edge and cluster != EDGE:
        return f"{fault.name} strikes {EDGE}, not {cluster}"
    if not fault.edge and cluster == EDGE:
        return f"{fault.name} strikes an application cluster, not {EDGE}"
    return ""


def refusal(
    fault: Fault,
    cluster: str,
    clusters: Iterable[str],
    problems: Problems,
    in_force: Iterable[Entry],
    heal: str = "./demo task heal-all",
) -> str:
    """Return why a fault must not be made now, in one line; empty if it may."""
    there = list(clusters)
    if wrong := misplaced(fault, cluster, there):
        return wrong
    broken = {entry.cluster: entry.fault for entry in in_force}
    bad = {name: text for name, text in problems.items() if text}
    for name, known in broken.items():
        bad.setdefault(name, f"{known} is in force")
    mend = f"Mend it: {heal}, or add --force"
    others = [name for name in there if name not in (cluster, EDGE)]
    moves = fault.moves is not Moves.NONE and not fault.edge
    if moves and not others:
        return f"{cluster} is the only application cluster, so nobody could answer. Add --force"
    if not bad:
        return ""
    if moves and all(name in bad for name in others):
        left = ", ".join(f"{name}: {bad[name]}" for name in others)
        return f"{cluster} is the last healthy path ({left}). {mend}"
    listed = "; ".join(f"{name}: {text}" for name, text in bad.items())
    return f"The stack is not well ({listed}). {mend}"
