"""What operators do on purpose, done under traffic: it must cost no more than nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from drills import update
from drills.faults.model import Fault, Kind, Layer, Moves, Place
from drills.site import Site

CERTIFICATES = "**:Certificate::**"
"""URNs of the stack's certificates; not of its authority, whose type ends otherwise."""


def _switch(place: Place) -> None:
    update.up(place.site, {**place.site.changes, "lbMode": _other_mode(place.site)})


def _back(place: Place) -> None:
    update.up(place.site, place.site.changes)


def _other_mode(site: Site) -> str:
    return "standby" if site.mode == "active" else "active"


def _after_switch(site: Site, _: str) -> tuple[str, ...]:
    if _other_mode(site) == "standby":
        return (update.setting(site.stack, "activeCluster") or site.application_clusters[0],)
    return _weighted(_clusters(site))


def _clusters(site: Site) -> list[dict[str, Any]]:
    """The application clusters of the settings, which may be text as well."""
    known = update.setting(site.stack, "clusters")
    return list(json.loads(known) if isinstance(known, str) else known)


def _weighted(clusters: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(each["name"] for each in clusters if int(each.get("weight", 100)))


def _renew(place: Place) -> None:
    update.up(place.site, place.site.changes, replace=CERTIFICATES)


def _evacuate(place: Place) -> None:
    update.up(place.site, evacuated(place.site, place.cluster))


def evacuated(site: Site, cluster: str) -> update.Changes:
    """The settings that take all traffic from one cluster and leave it as a standby."""
    known = _clusters(site)
    clusters = [{**each, "weight": 0} if each["name"] == cluster else each for each in known]
    return {**site.changes, "lbMode": "active", "clusters": clusters}


def _others(site: Site, cluster: str) -> tuple[str, ...]:
    return _weighted(evacuated(site, cluster)["clusters"])


def _set(place: Place) -> None:
    update.up(place.site, json.loads(place.memory["changes"]))


def _own(place: Place) -> None:
    update.up(place.site)


OTHER_SETTINGS = Fault(
    "other-settings",
    Layer.OPERATION,
    Kind.CONTROL,
    "Puts other settings than the stack's own in force.",
    _set,
    _own,
    moves=Moves.NONE,
    edge=True,
    update=True,
)
"""What `--mode` and `--profile` do around a drill; no drill of its own, but mended like one."""

FAULTS = (
    Fault(
        "mode-switch",
        Layer.OPERATION,
        Kind.CONTROL,
        "Switches lbMode by an update, from active to standby or else to active, and back.",
        _switch,
        _back,
        edge=True,
        during=_after_switch,
        update=True,
    ),
    Fault(
        "certificates-renewed",
        Layer.OPERATION,
        Kind.CONTROL,
        "Makes every certificate of the stack anew by an update: edge, gateways, mutual TLS.",
        _renew,
        _back,  # what was renewed stays; what was interrupted is completed
        moves=Moves.NONE,
        edge=True,
        update=True,
    ),
    Fault(
        "region-evacuated",
        Layer.OPERATION,
        Kind.CONTROL,
        "Takes all traffic from the cluster by an update, and brings it back.",
        _evacuate,
        _back,
        during=_others,
        update=True,
    ),
)
"""All of this layer, in the order of a talk."""
