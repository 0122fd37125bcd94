"""Who owns which field of an object: `metadata.managedFields`, read and rewritten.

Pure functions. The API server notes for each field manager which fields it has set (`fieldsV1`:
`f:<key>` for a key of a map, `k:{"name":"x"}` for an item of a list, `{}` for a leaf). A field that
a drill sets is the drill's afterwards, and the stack's next server-side apply would conflict. So
each drill gives its fields back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

MANAGER = "resiliency-drill"
"""Field manager of every write of a drill."""

KUBECTL = "kubectl"
"""What the field managers of kubectl's commands begin with: kubectl-patch, kubectl-edit, and so on.

Pulumi's provider takes over the fields of exactly these at its next update of the object.
"""

Item = tuple[tuple[str, Any], ...]
"""The keys and their values by which an item of a list is known."""

Key = str | Item
"""A key of a map, or an item of a list."""

Path = tuple[Key, ...]

Tree = Mapping[str, Any]
"""`fieldsV1` of an entry."""

Entry = Mapping[str, Any]
"""One item of `managedFields`."""

_ITSELF = "."


def entries(live: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return `managedFields` of an object; none where it was read without them."""
    return list(live["metadata"].get("managedFields") or [])


def fields_of(entry: Entry) -> Tree:
    """Return `fieldsV1` of an entry; an empty one where it has none."""
    return entry.get("fieldsV1") or {}


def tree_of(path: Path) -> dict[str, Any]:
    """Return `fieldsV1` that holds one field."""
    if not path:
        return {}
    return {_name(path[0]): tree_of(path[1:])}


def holds(tree: Tree, path: Path) -> bool:
    """Check whether the field is in `fieldsV1`, by itself or by an atomic map or list above it."""
    for key in path:
        if _name(key) not in tree:
            return False
        tree = tree[_name(key)]
        if not tree:
            return True
    return _ITSELF in tree


def has(tree: Tree, path: Path) -> bool:
    """Check whether `fieldsV1` holds the field or anything in it."""
    for key in path:
        if _name(key) not in tree:
            return False
        tree = tree[_name(key)]
    return True


def union(one: Tree, other: Tree) -> dict[str, Any]:
    """Return `fieldsV1` that holds what either holds."""
    shared = {key: union(one[key], other[key]) for key in one.keys() & other.keys()}
    return {**one, **other, **shared}


def without(tree: Tree, path: Path) -> dict[str, Any]:
    """Return `fieldsV1` without the field, and without maps and lists of which nothing is left."""
    name = _name(path[0])
    if name not in tree:
        return dict(tree)
    rest = without(tree[name], path[1:]) if path[1:] else {}
    left = {key: value for key, value in tree.items() if key != name}
    if any(key != _ITSELF for key in rest):
        left[name] = rest
    return left


def paths(tree: Tree, above: Path = ()) -> Iterator[Path]:
    """Return the leaves of `fieldsV1`; values of sets left out."""
    for name, below in tree.items():
        if name == _ITSELF or (key := _key(name)) is None:
            continue
        if below:
            yield from paths(below, (*above, key))
        else:
            yield (*above, key)


def owners(managed: Iterable[Entry], path: Path) -> list[dict[str, Any]]:
    """Return the entries that hold the field, a drill's apart, without their `fieldsV1`."""
    return [
        {key: value for key, value in entry.items() if key != "fieldsV1"}
        for entry in managed
        if entry["manager"] != MANAGER and holds(fields_of(entry), path)
    ]


def is_drilled(managed: Iterable[Entry], path: Path) -> bool:
    """Check whether a drill has set the field and nobody has since."""
    return any(entry["manager"] == MANAGER and holds(fields_of(entry), path) for entry in managed)


def returned(managed: Sequence[Entry], path: Path, former: Iterable[Entry]) -> list[dict[str, Any]]:
    """Return `managedFields` in which a drill's field is its former owners' again.

    `former` is what `owners` said before. Fields that the drill does not hold stay as they are:
    whoever has set one since, owns it. An owner that has no entry any more gets its old one back.
    """
    if not is_drilled(managed, path):
        return [dict(entry) for entry in managed]
    result: list[dict[str, Any]] = []
    for entry in managed:
        tree = fields_of(entry)
        if entry["manager"] == MANAGER and holds(tree, path):
            tree = without(tree, path)
            if not tree:
                continue
        result.append({**entry, "fieldsV1": tree})
    for owner in former:
        known = next((entry for entry in result if _identity(entry) == _identity(owner)), None)
        if known is None:
            result.append({**owner, "fieldsV1": tree_of(path)})
        else:
            known["fieldsV1"] = union(known["fieldsV1"], tree_of(path))
    return result


def taken_over(managed: Sequence[Entry], manager: str, version: str) -> list[dict[str, Any]]:
    """Return `managedFields` in which all that kubectl's managers hold is `manager`'s, by apply.

    The next apply of `manager` then removes what it does not name. client-go's csaupgrade and
    Pulumi's provider do the same. `version`: the object's `apiVersion`.
    """
    theirs = [entry for entry in managed if is_kubectls(entry)]
    result = [dict(entry) for entry in managed if not is_kubectls(entry)]
    if not theirs:
        return result
    own = next((e for e in result if (e["manager"], e["operation"]) == (manager, "Apply")), None)
    if own is None:
        own = {**theirs[0], "manager": manager, "operation": "Apply", "apiVersion": version}
        own["fieldsV1"] = {}
        result.append(own)
    for entry in theirs:
        own["fieldsV1"] = union(own["fieldsV1"], fields_of(entry))
    return result


def replaced(found: Mapping[str, Any], managed: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return the JSON patch that gives an object, read as `found`, these `managedFields`.

    It replaces the version and does not test it: an old one is then a conflict, as in csaupgrade.
    """
    values = {
        "managedFields": list(managed),
        "resourceVersion": found["metadata"]["resourceVersion"],
    }
    return [
        {"op": "replace", "path": f"/metadata/{key}", "value": value}
        for key, value in values.items()
    ]


def is_kubectls(entry: Entry) -> bool:
    """Check whether fields were set by hand; `kubectl scale` writes to a subresource."""
    manager: str = entry["manager"]
    return manager.startswith(KUBECTL) and entry.get("subresource", "") != "status"


def value_at(found: Mapping[str, Any], path: Path) -> Any:
    """Return the value of a field of an object; None if it is not there."""
    value: Any = found
    for key in path:
        if isinstance(key, str):
            value = (value or {}).get(key)
        else:
            value = next((item for item in value or [] if dict(key).items() <= item.items()), None)
    return value


def written(path: Path) -> str:
    """Return a field as people write it: spec.containers[web].image, annotations[a.b/c]."""
    text = ""
    for key in path:
        if not isinstance(key, str):
            text += f"[{','.join(str(value) for _, value in key)}]"
        elif "." in key or "/" in key:
            text += f"[{key}]"
        else:
            text += f".{key}" if text else key
    return text


def _identity(entry: Entry) -> tuple[str, ...]:
    """Return what an entry is known by: appliers by manager alone, updaters by version as well."""
    version = "" if entry["operation"] == "Apply" else entry["apiVersion"]
    return entry["manager"], entry["operation"], version, entry.get("subresource", "")


def _name(key: Key) -> str:
    if isinstance(key, str):
        return f"f:{key}"
    return f"k:{json.dumps(dict(sorted(key)), separators=(',', ':'))}"


def _key(name: str) -> Key | None:
    """Return the key that a name in `fieldsV1` stands for; None for a value of a set."""
    kind, _, text = name.partition(":")
    if kind == "f":
        return text
    return tuple(sorted(json.loads(text).items())) if kind == "k" else None
