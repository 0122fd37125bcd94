"""The key `clusters`: the application clusters, each with its name, region and weight."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from components.routing.targets import ApplicationCluster
from components.settings import existing
from components.settings.values import SettingsError, Values
from foundation.contract import EDGE_CLUSTER
from foundation.errors import did_you_mean
from localkube import spec

MAX_APPLICATION_CLUSTERS = spec.MAX_CLUSTERS - 1
"""As many as the address plan of backend local has room for, beside the edge's."""

_CLUSTER_NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
_REGION = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_KEYS = ("name", "region", "weight", *existing.CLUSTER_KEYS)

_WHOLE_LIST = (
    "a list in a stack's file holds nothing of the default: write name and region of every cluster "
    "there, or go back to the default: ./demo pulumi config rm clusters"
)


def edge_region(values: Values) -> str:
    """Return the name of the edge's region, or nothing. Raises SettingsError."""
    given = values.text("edgeRegion")
    if given and not _REGION.fullmatch(given):
        raise values.refusal("edgeRegion", given, "use a region's name, such as us-east1")
    return given


def entries(values: Values) -> list[Any]:
    """Return the list of application clusters as it is written, not empty.

    Raises SettingsError.
    """
    found = values.entries("clusters")
    if not found:
        wanted = "use a list with at least one name and region"
        raise values.refusal("clusters", values.raw("clusters"), wanted)
    if len(found) > MAX_APPLICATION_CLUSTERS:
        raise SettingsError(
            f"clusters in {values.file} has {len(found)} entries; "
            f"use at most {MAX_APPLICATION_CLUSTERS}"
        )
    return found


def read(values: Values, entries: Sequence[object]) -> tuple[ApplicationCluster, ...]:
    """Return the application clusters, names distinct. Raises SettingsError."""
    clusters = tuple(_cluster(values, f"clusters[{i}]", e) for i, e in enumerate(entries))
    names = [cluster.name for cluster in clusters]
    for position, name in enumerate(names):
        if name in names[:position]:
            raise values.refusal(
                f"clusters[{position}].name", name, "another cluster has it; use another name"
            )
    return clusters


def _cluster(values: Values, where: str, entry: object) -> ApplicationCluster:
    if entry is None:  # what `config set --path` pads a list with that it begins itself
        raise SettingsError(f"{where} in {values.file} is empty; {_WHOLE_LIST}")
    if not isinstance(entry, dict):
        raise values.refusal(where, entry, f"use an object with name and region; {_WHOLE_LIST}")
    for key in entry:
        if key not in _KEYS:
            raise SettingsError(
                f"unknown key {where}.{key} in {values.file}"
                f"{did_you_mean(key, _KEYS)}; a cluster has {', '.join(_KEYS)}"
            )
    for key in ("name", "region"):
        if key not in entry:
            raise SettingsError(f"{where} in {values.file} has no {key}; {_WHOLE_LIST}")
    name, within = entry["name"], entry["region"]
    if not isinstance(name, str) or not _CLUSTER_NAME.fullmatch(name):
        raise values.refusal(
            f"{where}.name", name, "use 1 to 40 small letters, digits and -, a letter first"
        )
    if name == EDGE_CLUSTER:
        raise values.refusal(f"{where}.name", name, "that is the edge's own; use another name")
    if not isinstance(within, str) or not _REGION.fullmatch(within):
        raise values.refusal(f"{where}.region", within, "use a region's name, such as us-east1")
    weight = entry.get("weight", 100)
    if not re.fullmatch(r"\d{1,6}", str(weight)):
        raise values.refusal(
            f"{where}.weight", weight, "use a whole number from 0 (standby) to 999999"
        )
    return ApplicationCluster(name, within, int(weight))
