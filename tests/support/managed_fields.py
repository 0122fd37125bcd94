"""An API server in memory, as far as field managers go: one object at a time, by their rules.

What is simulated was compared with Kubernetes 1.37 by the local layer's tests.
"""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from drills.live_objects import Conflict
from foundation import managed_fields
from foundation.managed_fields import MANAGER, Path, value_at

ATOMIC = {("spec", "selector")}
"""Maps that have one owner as a whole."""

STACK = "pulumi-kubernetes-multi-cluster-resiliency"


def entry(manager: str, operation: str, *paths: Path, subresource: str = "") -> dict[str, Any]:
    """Return an item of `managedFields`."""
    tree: dict[str, Any] = {}
    for path in paths:
        tree = managed_fields.union(tree, managed_fields.tree_of(path))
    found = {
        "manager": manager,
        "operation": operation,
        "apiVersion": "apps/v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": tree,
    }
    return {**found, "subresource": subresource} if subresource else found


def taken(managed: Sequence[Mapping[str, Any]], path: Path, manager: str) -> list[dict[str, Any]]:
    """Return `managedFields` after `manager` has changed the field's value by an update."""
    left = []
    for each in managed:
        tree = managed_fields.without(each["fieldsV1"], path)
        if tree:
            left.append({**each, "fieldsV1": tree})
    own = next((e for e in left if (e["manager"], e["operation"]) == (manager, "Update")), None)
    if own is None:
        return [*left, entry(manager, "Update", path)]
    own["fieldsV1"] = managed_fields.union(own["fieldsV1"], managed_fields.tree_of(path))
    return left


def canonical(managed: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Return `managedFields` in an order of their own."""
    return sorted(managed, key=lambda each: json.dumps(each, sort_keys=True))


class Server:
    """Holds one object; stands for a `Stack` that has it in its cluster."""

    name = "west"

    def __init__(self, found: Mapping[str, Any]) -> None:
        self.object: dict[str, Any] = copy.deepcopy(dict(found))
        self.versions = itertools.count(2)
        self.object["metadata"]["resourceVersion"] = "1"
        self.desired: Any = None
        self.meanwhile: list[Any] = []
        """What others do, one before each write of owners."""

    @property
    def objects(self) -> Server:
        return self

    def read(self, *_: str) -> dict[str, Any]:
        return copy.deepcopy(self.object)

    def stack_object(self, *_: str) -> Any:
        return self.desired

    def patch(self, _c: str, _k: str, _ns: str, _n: str, change: Mapping[str, Any]) -> None:
        self.write(change, MANAGER)

    def write(self, change: Mapping[str, Any], manager: str) -> None:
        """Merge a strategic patch; its manager gets the fields whose values change."""
        for path, value in _leaves(change):
            if value_at(self.object, path) == value:
                continue
            _set(self.object, path, value)
            owned = next((path[:n] for n in range(len(path)) if path[:n] in ATOMIC), path)
            managed = self.object["metadata"]["managedFields"]
            if value is None and owned == path:
                left = [
                    {**e, "fieldsV1": managed_fields.without(e["fieldsV1"], path)} for e in managed
                ]
                managed = [each for each in left if each["fieldsV1"]]
            else:
                managed = taken(managed, owned, manager)
            self.object["metadata"]["managedFields"] = managed
        self.object["metadata"]["resourceVersion"] = str(next(self.versions))

    def set_owners(
        self,
        _c: str,
        _k: str,
        _ns: str,
        _n: str,
        found: Mapping[str, Any],
        managed: Sequence[Mapping[str, Any]],
    ) -> None:
        if self.meanwhile:
            self.meanwhile.pop(0)(self)
        if found["metadata"]["resourceVersion"] != self.object["metadata"]["resourceVersion"]:
            raise Conflict("the object has been modified")
        self.object["metadata"]["managedFields"] = copy.deepcopy(list(managed))
        self.object["metadata"]["resourceVersion"] = str(next(self.versions))


def _leaves(change: Any, above: Path = ()) -> list[tuple[Path, Any]]:
    if isinstance(change, list):
        return [
            leaf
            for item in change
            for leaf in _leaves(
                {key: value for key, value in item.items() if key != "name"},
                (*above, (("name", item["name"]),)),
            )
        ]
    if isinstance(change, dict):
        return [leaf for key, value in change.items() for leaf in _leaves(value, (*above, key))]
    return [(above, change)]


def _set(found: dict[str, Any], path: Path, value: Any) -> None:
    parent: Any = found
    for key in path[:-1]:
        parent = parent.setdefault(key, {}) if isinstance(key, str) else item_of(parent, key)
    if value is None:
        parent.pop(path[-1], None)
    else:
        parent[path[-1]] = value


def item_of(items: Any, key: Any) -> Any:
    """Return the item of a list that has these keys."""
    return next(item for item in items if dict(key).items() <= item.items())
