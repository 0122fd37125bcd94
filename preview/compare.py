"""Compares two plans, property by property. Pure."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from foundation.errors import shortened
from policies.rules import PRIVATE, SECRET, SECRET_KEYS, UNKNOWN, Resource
from preview.model import Change, Kind, Property, StackPlan

_LONG = 200
"""Characters of a value that are shown."""

_CONTEXT = 1
_LINES = 80
"""Lines of a differing text that are shown."""


def changes(base: StackPlan, head: StackPlan) -> tuple[Change, ...]:
    """Return what becomes of each resource, in the order of type and name."""
    found = []
    for urn in base.resources.keys() | head.resources.keys():
        old, new = base.resources.get(urn), head.resources.get(urn)
        if old is None and new is not None:
            found.append(Change(Kind.ADDED, new.type, new.name, _essence(new)))
        elif old is not None and new is None:
            found.append(Change(Kind.REMOVED, old.type, old.name))
        elif old is not None and new is not None and (differing := _differing(old, new)):
            found.append(Change(Kind.CHANGED, new.type, new.name, differing))
    return tuple(sorted(found, key=lambda c: (c.type, c.name, c.kind)))


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each single value with its path; what lists hold goes by its name where it has one."""
    if isinstance(value, Mapping | list) and value:
        for inner, item in _parts(value, path):
            yield from flat(item, inner)
    else:
        yield path, value


def _parts(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield what a mapping or a list holds, with its path; nothing of any other value."""
    if isinstance(value, Mapping):
        for key in sorted(value):
            step = f".{key}" if _PLAIN.fullmatch(key) else f'["{key}"]'
            yield f"{path}{step}".removeprefix("."), value[key]
    elif isinstance(value, list):
        names = _names(value)
        for position, item in enumerate(value):
            yield f"{path}[{names[position] if names else position}]", item


def _names(value: Sequence[Any]) -> list[str]:
    """Return the names of what a list holds, in its order; none unless each has its own."""
    names = [item.get("name") if isinstance(item, Mapping) else None for item in value]
    found = [name for name in names if isinstance(name, str)]
    return found if len(set(found)) == len(value) else []


def _orders(value: Any, path: str = "") -> Iterator[tuple[str, list[str]]]:
    """Yield the names in each list whose parts go by them, which says nothing of their order."""
    if isinstance(value, list) and (names := _names(value)):
        yield f"{path}[order]", names
    for inner, item in _parts(value, path):
        yield from _orders(item, inner)


def shown(value: Any) -> str:
    """Return a value for people, shortened."""
    if value == UNKNOWN:
        return "(known once it is made)"
    if value == SECRET:
        return "(secret)"
    return shortened(json.dumps(value, ensure_ascii=False), _LONG)


def _differing(old: Resource, new: Resource) -> tuple[Property, ...]:
    before, after = _values(old), _values(new)
    was, now = dict(_orders(old.inputs)), dict(_orders(new.inputs))
    for path in was.keys() & now.keys():
        # what is new or gone is shown by itself, and moves nothing
        kept = {*was[path]} & {*now[path]}
        if [n for n in was[path] if n in kept] != [n for n in now[path] if n in kept]:
            before[path] = _masked(path, was[path], old)
            after[path] = _masked(path, now[path], new)
    return tuple(
        _property(path, before.get(path, _ABSENT), after.get(path, _ABSENT))
        for path in sorted(before.keys() | after.keys())
        if before.get(path, _ABSENT) != after.get(path, _ABSENT)
    )


def _values(resource: Resource) -> dict[str, Any]:
    values = {path: _masked(path, value, resource) for path, value in flat(resource.inputs)}
    if resource.provider:
        values[_PROVIDER] = resource.provider
    return values


def _masked(path: str, value: Any, resource: Resource) -> Any:
    """Return the value, unless it is secret: to Pulumi, to Kubernetes or by what it says."""
    top = path.partition(".")[0].partition("[")[0]
    hidden = top in resource.secret_outputs
    hidden |= resource.type.endswith(":Secret") and top in SECRET_KEYS
    hidden |= isinstance(value, str) and PRIVATE.search(value) is not None
    return SECRET if hidden else value


def _property(path: str, old: Any, new: Any) -> Property:
    texts = isinstance(old, str) and isinstance(new, str)
    if texts and "\n" in old + new:
        told = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=_CONTEXT)
        # where it is stands in its context, not in a number of a line
        differing = [" …" if line.startswith("@@") else line for line in list(told)[2:]]
        more = len(differing) - _LINES
        note = (f"… and {more} more lines",) if more > 0 else ()
        kept = (shortened(line, _LONG) for line in differing[:_LINES])
        return Property(path, lines=(*kept, *note))
    return Property(
        path, None if old is _ABSENT else shown(old), None if new is _ABSENT else shown(new)
    )


def _essence(resource: Resource) -> tuple[Property, ...]:
    """Return where an added resource goes; what it says is read in the change itself."""
    values = _values(resource)
    return tuple(
        Property(path, new=shown(values[path])) for path in _SHOWN_OF_ADDED if path in values
    )


_ABSENT = object()
_PLAIN = re.compile(r"[\w-]+")
_PROVIDER = "(provider)"
_SHOWN_OF_ADDED = (_PROVIDER, "metadata.namespace")
