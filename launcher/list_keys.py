"""Settings by `--path` that lead into a list which only the project's default has.

Pulumi knows nothing of the default there: it would begin a new list, with null for what comes
before the key (`config set --path` of 3.258), and the default's other entries would be gone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foundation.errors import UserError
from launcher.pulumi_line import Line

_KEY = re.compile(r"(?:[\w-]+:)?(?P<root>[A-Za-z][\w-]*)\[(?P<index>\d+)\]")
"""The first two steps of a property path: `clusters[2]`, with or without the project's name."""


@dataclass(frozen=True)
class Step:
    """Into which list a key leads, and to which entry."""

    root: str
    index: int


def steps(line: Line) -> list[Step]:
    """Return where the keys of a `config set`, `set-all`, `rm` or `rm-all` with `--path` lead."""
    if line.words[:1] != ("config",) or not line.has("path"):
        return []
    match line.words[1:2]:
        case ("set",) | ("rm",):
            keys: Sequence[str] = line.words[2:3]
        case ("rm-all",):
            keys = line.words[2:]
        case ("set-all",):
            keys = [pair.partition("=")[0] for pair in line.values("plaintext", "secret")]
        case _:
            return []
    found = (_KEY.match(key) for key in keys)
    return [Step(m["root"], int(m["index"])) for m in found if m]


def missing_defaults(
    given: Sequence[Step], project: Mapping[str, Any], settings: Mapping[str, Any]
) -> dict[str, list[Any]]:
    """Return the lists that have to be written into the stack's file first, by their key.

    `project` is the content of Pulumi.yaml and `settings` the `config` of the stack's file. Raises
    UserError for a key beyond the next entry of its list, which would leave a hole.
    """
    wanted: dict[str, list[Any]] = {}
    lengths: dict[str, int] = {}
    for step in given:
        declared = project["config"].get(step.root) or {}
        default = declared.get("default")
        if not isinstance(default, list):
            continue
        own = settings.get(f"{project['name']}:{step.root}")
        if own is None and default:
            wanted[step.root] = default
        length = lengths.setdefault(step.root, len(default if own is None else own))
        if step.index > length:
            raise UserError(
                f"{step.root} has {length} entries, so the next one is {step.root}[{length}]:"
                f" {step.root}[{step.index}] would leave a hole."
            )
        lengths[step.root] = max(length, step.index + 1)
    return wanted


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
