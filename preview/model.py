"""Plans and what came of comparing them, as values; diffs travel between jobs as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from foundation.errors import UserError
from policies.rules import Resource


class Kind(StrEnum):
    """What becomes of a resource."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True)
class StackPlan:
    """What one preview plans, or why it cannot be had."""

    resources: Mapping[str, Resource] = field(default_factory=dict)
    """By URN, without what is the same for all of a stack."""
    problem: str = ""


@dataclass(frozen=True)
class Property:
    """A property that differs; a text of several lines by its differing lines alone."""

    path: str
    old: str | None = None
    new: str | None = None
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Change:
    """A resource that differs."""

    kind: Kind
    type: str
    name: str
    properties: tuple[Property, ...] = ()


@dataclass(frozen=True)
class StackDiff:
    """What the change does to one stack in one mode."""

    stack: str
    mode: str
    resources: int
    """How many the head has."""
    changes: tuple[Change, ...] = ()
    violations: tuple[str, ...] = ()
    head_problem: str = ""
    base_problem: str = ""
    """Why there is nothing to compare with."""

    @property
    def ok(self) -> bool:
        """Whether the head can be previewed and obeys all rules."""
        return not (self.head_problem or self.violations)

    def count(self, kind: Kind) -> int:
        """Return how many resources that becomes of."""
        return sum(change.kind is kind for change in self.changes)


@dataclass(frozen=True)
class Result:
    """All diffs of one run, and of what."""

    base: str
    head: str
    diffs: tuple[StackDiff, ...]
    note: str = ""
    """What the comparison cannot show; empty where there is nothing to say."""

    @property
    def ok(self) -> bool:
        """Whether the change may go in."""
        return all(diff.ok for diff in self.diffs)


def write(result: Result, file: Path) -> None:
    """Write a result for `read`."""
    file.write_text(json.dumps(asdict(result), indent=1) + "\n")


LOST = "its job ended without a result; look at the job's log"


def read(files: Sequence[Path], wanted: Iterable[tuple[str, str]] = ()) -> Result:
    """Return the results of several runs as one. Raises UserError.

    `wanted` are stacks and modes of which there has to be a result: one that is lost has failed.
    """
    parts = []
    for file in files:
        try:
            parts.append(_result(json.loads(file.read_text())))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{file} is no result of a preview: {error}") from None
    diffs = [diff for part in parts for diff in part.diffs]
    there = {(diff.stack, diff.mode) for diff in diffs}
    diffs += [StackDiff(*one, 0, head_problem=LOST) for one in wanted if one not in there]
    if not (parts or diffs):
        raise UserError("There is no result to show: every preview job failed before its end")
    first = parts[0] if parts else Result("unknown", "unknown", ())
    return Result(first.base, first.head, tuple(diffs), first.note)


def _result(data: dict[str, Any]) -> Result:
    # a result of an older version has no note
    diffs = tuple(map(_diff, data["diffs"]))
    return Result(data["base"], data["head"], diffs, data.get("note", ""))


def _diff(data: dict[str, Any]) -> StackDiff:
    changes = tuple(
        Change(
            Kind(change["kind"]),
            change["type"],
            change["name"],
            tuple(Property(**{**p, "lines": tuple(p["lines"])}) for p in change["properties"]),
        )
        for change in data["changes"]
    )
    return StackDiff(**{**data, "changes": changes, "violations": tuple(data["violations"])})
