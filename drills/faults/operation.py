"""What operators do on purpose, done under traffic: it must cost no more than nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from drills import update
from drills.faults.model import Fault, Kind, Layer, Means, Moves, Strike
from drills.stack import Stack
from foundation.stack_file import Changes

CERTIFICATES = "**:Certificate::**"
"""URNs of the stack's certificates; not of its authority, whose type ends otherwise."""


def _switch(strike: Strike) -> None:
    update.up(strike.stack, {**strike.stack.changes, "lbMode": _other_mode(strike.stack)})


def _back(strike: Strike) -> None:
    update.up(strike.stack, strike.stack.changes)


def _other_mode(stack: Stack) -> str:
    return "standby" if stack.mode == "active" else "active"


def _after_switch(stack: Stack, _: str) -> tuple[str, ...]:
    if _other_mode(stack) == "standby":
        return (update.setting(stack.name, "activeCluster") or stack.application_clusters[0],)
    return _weighted(_clusters(stack))


def _clusters(stack: Stack) -> list[dict[str, Any]]:
    """Return the application clusters of the settings, which may be text as well."""
    known = update.setting(stack.name, "clusters")
    return list(json.loads(known) if isinstance(known, str) else known)


def _weighted(clusters: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(each["name"] for each in clusters if int(each.get("weight", 100)))


def _renew(strike: Strike) -> None:
    update.up(strike.stack, strike.stack.changes, replace=CERTIFICATES)


def _evacuate(strike: Strike) -> None:
    update.up(strike.stack, evacuated(strike.stack, strike.cluster))


def evacuated(stack: Stack, cluster: str) -> Changes:
    """Return the settings that take all traffic from one cluster and leave it as a standby."""
    known = _clusters(stack)
    clusters = [{**each, "weight": 0} if each["name"] == cluster else each for each in known]
    return {**stack.changes, "lbMode": "active", "clusters": clusters}


def _others(stack: Stack, cluster: str) -> tuple[str, ...]:
    return _weighted(evacuated(stack, cluster)["clusters"])


def _set(strike: Strike) -> None:
    update.up(strike.stack, json.loads(strike.memory["changes"]))


def _own(strike: Strike) -> None:
    update.up(strike.stack)


OTHER_SETTINGS = Fault(
    "other-settings",
    Layer.OPERATION,
    Kind.CONTROL,
    "Puts other settings than the stack's own in force.",
    Means("an update changes settings", _set, _own),
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
        Means("an update sets lbMode", _switch, _back),
        edge=True,
        during=_after_switch,
        update=True,
    ),
    Fault(
        "certificates-renewed",
        Layer.OPERATION,
        Kind.CONTROL,
        "Makes every certificate of the stack anew by an update: edge, gateways, mutual TLS.",
        # what was renewed stays; what was interrupted is completed
        Means("an update replaces the certificates", _renew, _back),
        moves=Moves.NONE,
        edge=True,
        update=True,
    ),
    Fault(
        "region-evacuated",
        Layer.OPERATION,
        Kind.CONTROL,
        "Takes all traffic from the cluster by an update, and brings it back.",
        Means("an update sets the cluster's weight to 0", _evacuate, _back),
        during=_others,
        update=True,
    ),
)
"""All of this layer, in the order of a talk."""
