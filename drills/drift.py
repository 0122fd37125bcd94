"""Drift: where the clusters hold something else than what the stack has applied.

Pure functions. What an apply of the stack's own objects would change is asked of the API server, by
a dry run; so defaults, webhooks and versions count as they do in an update.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drills import autoscalers
from drills.stack_objects import LEAVING, MISSING, REPLICAS, StackObject, shown
from foundation import managed_fields
from foundation.errors import shortened
from foundation.managed_fields import Path, value_at, written

_SERVERS = frozenset(
    ("metadata", name)
    for name in (
        "creationTimestamp",
        "generation",
        "managedFields",
        "resourceVersion",
        "selfLink",
        "uid",
    )
) | {("status",)}
"""Fields that the API server sets by itself."""

_LONGEST = 60
"""How many characters of a value are shown."""

_HIDDEN = "(secret)"

_SECRET_KEYS = ("data", "stringData")
"""Fields of a Secret whose values are not shown."""


@dataclass(frozen=True)
class Change:
    """A field that is not as the stack applies it."""

    path: Path
    live: Any
    """None: it is not there."""
    desired: Any
    """None: the stack has it not there."""
    by: str = ""
    """Field manager that set it, if the API server says."""


@dataclass(frozen=True)
class Drift:
    """An object that is not as the stack applies it."""

    object: StackObject
    changes: tuple[Change, ...] = ()
    problem: str = ""
    """What else is wrong with it: that it is missing, or cannot be compared."""

    @property
    def is_missing(self) -> bool:
        """Whether the object is not there, so that an apply makes it."""
        return self.problem == MISSING

    @property
    def is_leaving(self) -> bool:
        """Whether the object is being deleted, which no apply ends."""
        return self.problem == LEAVING

    @property
    def line(self) -> str:
        """The drift as `task status` says it."""
        where = f"{self.object.cluster}: {shown(self.object.identity)}"
        if self.problem:
            return f"{where}: {self.problem}"
        return f"{where}: {'; '.join(self._words(change) for change in self.changes)}"

    def _words(self, change: Change) -> str:
        live, desired = change.live, change.desired
        if self.object.is_secret and change.path[0] in _SECRET_KEYS:
            live, desired = (None if value is None else _HIDDEN for value in (live, desired))
        by = f", set by {change.by}" if change.by else ""
        return f"{written(change.path)} is {_text(live)}{by}, the stack's is {_text(desired)}"


def to_apply(wanted: StackObject, live: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the document that an apply of the stack's may send.

    Fields that the stack leaves to others are sent as they are if the stack owns them beside the
    others, for otherwise the API server would remove them; else they are left out. An object that
    is made anew gets the stack's own values.
    """
    document = copy.deepcopy(dict(wanted.document))
    if live is None:
        return document
    managed = managed_fields.entries(live)
    own = _own(managed, wanted.manager)
    if wanted.identity.group == "apps" and autoscalers.is_switched_off(live):
        document["spec"].setdefault("replicas", 1)  # what Kubernetes gives a new object
    for path in _ignored(wanted, live):
        parent = value_at(document, path[:-1])
        if not isinstance(parent, dict):
            continue
        now = value_at(live, path)
        is_ours = any(managed_fields.holds(tree, path) for tree in own)
        if is_ours and now is not None:
            parent[str(path[-1])] = now
        else:
            parent.pop(str(path[-1]), None)
    return document


def compare(
    wanted: StackObject, live: Mapping[str, Any], applied: Mapping[str, Any]
) -> Drift | None:
    """Return how an object drifts; None if it does not.

    `live` is what the cluster holds, `applied` what it would hold after an apply of the stack's.
    What kubectl's commands have added counts as well: the next update of the object removes it.
    Fields that a drill has set do not count, for the drill's fix gives them back.
    """
    managed = managed_fields.entries(live)
    changes = [
        Change(path, now, desired, _setter(managed, path))
        for path, now, desired in differences(live, applied)
        if not managed_fields.is_drilled(managed, path)
    ]
    known = {change.path for change in changes}
    after = managed_fields.entries(applied)
    own = _own(after, wanted.manager)
    ignored = _ignored(wanted, live)
    for entry in after:
        for path in managed_fields.paths(managed_fields.fields_of(entry)):
            is_ours = any(managed_fields.holds(tree, path) for tree in own)
            if is_ours or path in ignored or not managed_fields.is_kubectls(entry):
                continue
            path = _item(path, own)
            if path not in known and (now := value_at(live, path)) is not None:
                known.add(path)
                changes.append(Change(path, now, None, entry["manager"]))
    return Drift(wanted, tuple(changes)) if changes else None


def _item(path: Path, own: Sequence[managed_fields.Tree]) -> Path:
    """Return the whole item of a list for a field of one that is not the stack's at all."""
    for length, key in enumerate(path, 1):
        item = path[:length]
        if not isinstance(key, str) and not any(managed_fields.has(tree, item) for tree in own):
            return item
    return path


def differences(live: Any, applied: Any, path: Path = ()) -> Iterator[tuple[Path, Any, Any]]:
    """Return each field in which two objects differ, with both values."""
    if path in _SERVERS or live == applied:
        return
    if isinstance(live, dict) and isinstance(applied, dict):
        for key in {**live, **applied}:
            yield from differences(live.get(key), applied.get(key), (*path, key))
        return
    if (one := _by_name(live)) is not None and (other := _by_name(applied)) is not None:
        for name in {**one, **other}:
            yield from differences(one.get(name), other.get(name), (*path, (("name", name),)))
        return
    yield path, live, applied


def _by_name(items: Any) -> dict[str, Any] | None:
    """Return the items of a list by their names; None if not each has one of its own."""
    if not isinstance(items, list) or not all(isinstance(i, dict) and "name" in i for i in items):
        return None
    named = {item["name"]: item for item in items}
    return named if len(named) == len(items) else None


def _ignored(wanted: StackObject, live: Mapping[str, Any]) -> set[Path]:
    """Return the fields left to others: replicas as well, if a controller scales the object.

    Where a user has set them to 0 they are the stack's: no autoscaler would ever change that.
    """
    if autoscalers.is_switched_off(live):
        return {*wanted.ignored} - {REPLICAS}
    is_scaled = autoscalers.is_scaled(managed_fields.entries(live))
    return {*wanted.ignored, *([REPLICAS] if is_scaled else [])}


def _own(managed: Iterable[managed_fields.Entry], manager: str) -> list[managed_fields.Tree]:
    """Return the fields that the stack's own applies have set."""
    return [
        managed_fields.fields_of(entry)
        for entry in managed
        if (entry["manager"], entry["operation"]) == (manager, "Apply")
    ]


def _setter(managed: Iterable[managed_fields.Entry], path: Path) -> str:
    """Return the manager that set a field last; empty if nobody is noted."""
    found = [e for e in managed if managed_fields.holds(managed_fields.fields_of(e), path)]
    return str(max(found, key=lambda entry: entry.get("time", ""))["manager"]) if found else ""


def _text(value: Any) -> str:
    if value is None:
        return "not there"
    text = value if isinstance(value, str) else json.dumps(value)
    return shortened(text, _LONGEST)
