"""What keeps a presenter from breaking more than is meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from drills.book import Entry
from drills.faults import Fault, Moves
from drills.site import EDGE, GATEWAY, PORTAL, Site
from toolchain.errors import UserError

Problems = Mapping[str, str]
"""Cluster -> what is wrong with it; empty text if nothing."""


def look(site: Site) -> dict[str, str]:
    """Looks at all clusters at once; never fails, and takes some seconds at most."""

    def one(cluster: str) -> str:
        try:
            found = site.get(cluster, "deployments", "--all-namespaces")
        except UserError as error:
            return str(error).removeprefix(f"{cluster}: ")
        wanted = [GATEWAY] if cluster == EDGE else [PORTAL, GATEWAY]
        return complaint(found["items"], wanted)

    with ThreadPoolExecutor(max_workers=len(site.clusters)) as pool:
        return dict(zip(site.clusters, pool.map(one, site.clusters), strict=True))


def complaint(items: Iterable[Mapping[str, Any]], wanted: Iterable[tuple[str, str]]) -> str:
    """What is wrong with the Deployments of a cluster; empty if nothing."""
    known = {(i["metadata"]["namespace"], i["metadata"]["name"]): i for i in items}
    found = []
    for place in wanted:
        if place not in known:
            found.append(f"{place[1]} is missing")
            continue
        count = known[place]["spec"].get("replicas", 1)
        ready = known[place].get("status", {}).get("readyReplicas", 0)
        if not count or ready < count:
            found.append(f"{place[1]} has {ready} of {count} pods ready")
    return ", ".join(found)


def refusal(
    fault: Fault,
    cluster: str,
    site_clusters: Iterable[str],
    problems: Problems,
    in_force: Iterable[Entry],
    edge: str = EDGE,
) -> str:
    """Why a fault must not be made now, in one line; empty if it may."""
    clusters = list(site_clusters)
    if cluster not in clusters:
        return f"There is no cluster {cluster!r}; there are: {', '.join(clusters)}"
    if fault.edge and cluster != edge:
        return f"{fault.name} strikes {edge}, not {cluster}"
    if not fault.edge and cluster == edge:
        return f"{fault.name} strikes an application cluster, not {edge}"
    broken = {entry.cluster: entry.fault for entry in in_force}
    bad = {name: text for name, text in problems.items() if text}
    for name, known in broken.items():
        bad.setdefault(name, f"{known} is in force")
    if not bad:
        return ""
    mend = "Mend it: ./demo task heal-all   or add --force"
    others = [name for name in clusters if name not in (cluster, edge)]
    if fault.moves is not Moves.NONE and not fault.edge and all(name in bad for name in others):
        left = ", ".join(f"{name}: {bad[name]}" for name in others)
        return f"{cluster} is the last healthy path ({left}). {mend}"
    listed = "; ".join(f"{name}: {text}" for name, text in bad.items())
    return f"The stack is not well ({listed}). {mend}"
