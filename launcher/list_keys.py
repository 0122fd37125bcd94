"""Settings by `--path` that lead into a list which is not one in the stack's file.

It may be the project's default, or text: JSON, or one entry alone. Pulumi would begin a new list,
with null for what comes before the key (`config set --path` of 3.258), and the other entries would
be gone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foundation import stack_file
from foundation.errors import UserError
from launcher.pulumi_line import Line

_KEY = re.compile(r"(?:[\w-]+:)?(?P<root>[A-Za-z][\w-]*)\[(?P<index>\d+)\](?P<rest>.*)")
"""The first two steps of a property path: `clusters[2]`, with or without the project's name."""


@dataclass(frozen=True)
class Step:
    """Into which list a key leads, and to which entry."""

    root: str
    index: int
    is_whole: bool = False
    """Whether it is the entry itself, and not something in it."""
    removes: bool = False
    """Whether it is taken away, and not set."""


def steps(line: Line) -> list[Step]:
    """Return where the keys of a `config set`, `set-all`, `rm` or `rm-all` with `--path` lead."""
    if line.words[:1] != ("config",) or not line.has("path"):
        return []
    verb = "".join(line.words[1:2])
    match verb:
        case "set" | "rm" | "remove" | "delete":
            keys: Sequence[str] = line.words[2:3]
        case "rm-all" | "remove-all" | "delete-all":
            keys = line.words[2:]
        case "set-all":
            keys = [pair.partition("=")[0] for pair in line.values("plaintext", "secret")]
        case _:
            return []
    found = (_KEY.match(key) for key in keys)
    removes = not verb.startswith("set")
    return [Step(m["root"], int(m["index"]), not m["rest"], removes) for m in found if m]


def not_yet_lists(
    keys: Sequence[Step], project: Mapping[str, Any], settings: Mapping[str, Any]
) -> dict[str, list[Any]]:
    """Return the lists that have to be written into the stack's file first, by their key.

    `project` is the content of Pulumi.yaml and `settings` the `config` of the stack's file. Raises
    UserError for a key beyond the next entry of its list, which would leave a hole, and for one of
    an entry that is not there and should be taken away.
    """
    wanted: dict[str, list[Any]] = {}
    lengths: dict[str, int] = {}
    for step in keys:
        declared = project["config"].get(step.root) or {}
        given = stack_file.value_in(settings, project["name"], step.root)
        entries = _entries(declared, given)
        if entries is None:
            continue
        is_all = step.is_whole and step.index == 0 and len(entries) == 1
        if not isinstance(given, list) and entries and not is_all:
            wanted[step.root] = entries
        length = lengths.setdefault(step.root, len(entries))
        noun = "entry" if length == 1 else "entries"
        if step.removes and step.index >= length:
            raise UserError(
                f"{step.root} has {length} {noun}, counted from 0:"
                f" {step.root}[{step.index}] is none of them."
            )
        if step.index > length:
            raise UserError(
                f"{step.root} has {length} {noun}, so the next one is"
                f" {step.root}[{length}]: {step.root}[{step.index}] would leave a hole."
            )
        lengths[step.root] = max(length, step.index + 1)
    return wanted


def _entries(declared: Mapping[str, Any], given: Any) -> list[Any] | None:
    """Return the entries of a key that may be a list, as the program reads it; None for another."""
    may_be_one = isinstance(declared.get("value"), str)  # or a list of such
    if not may_be_one and not isinstance(declared.get("default"), list):
        return None
    found = declared.get("default", declared.get("value")) if given is None else given
    if isinstance(found, str):
        try:
            found = json.loads(found)
        except ValueError:
            found = [found] if may_be_one else None
    return found if isinstance(found, list) else None


def as_arguments(root: str, entries: Sequence[Any]) -> list[str]:
    """Return what `pulumi config set-all --path` takes to write a list."""
    leaves = (leaf for index, entry in enumerate(entries) for leaf in _leaves(entry, f"[{index}]"))
    return [f"--plaintext={root}{path}={value}" for path, value in leaves]


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _leaves(each, f"{path}.{key}")
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _leaves(each, f"{path}[{index}]")
    else:
        yield path, value
