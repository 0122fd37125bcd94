"""What came of a preview in words: the parts that Markdown and the terminal share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from preview.model import Change, Kind, Property, Result, StackDiff

COLUMNS = ("stack", "mode", "resources", *Kind, "policies")
SIGN = {Kind.ADDED: "+", Kind.CHANGED: "~", Kind.REMOVED: "-"}


@dataclass(frozen=True)
class Section:
    """What several stacks and modes have in common, in lines that begin with + - ! or a blank."""

    title: str
    lines: tuple[str, ...]


def row(diff: StackDiff) -> tuple[str, ...]:
    """Return a line of the table."""
    if diff.head_problem:
        counts = ("fails", *("" for _ in Kind), "")
    else:
        changed = ["?" if diff.base_problem else str(diff.count(kind)) for kind in Kind]
        verdict = f"{len(diff.violations)} violated" if diff.violations else "kept"
        counts = (str(diff.resources), *changed, verdict)
    return (diff.stack, diff.mode, *counts)


def headline(result: Result) -> str:
    """Return the whole in a sentence."""
    diffs = result.diffs
    failed = sum(bool(o.head_problem) for o in diffs)
    violated = sum(bool(o.violations) for o in diffs)
    if failed or violated:
        parts = [f"{failed} of {len(diffs)} previews fail"] if failed else []
        parts += [f"policies are violated in {violated} of {len(diffs)}"] if violated else []
        return f"{' and '.join(parts)}."
    alone = sum(bool(o.base_problem) for o in diffs)
    if alone == len(diffs) > 0:
        return "The base cannot be previewed, so only what the head would make is shown."
    changed = sum(bool(o.changes) for o in diffs)
    if not changed and not alone:
        return "Nothing changed: no resource is added, removed or made differently."
    said = f"Resources change in {changed} of {len(diffs)} combinations of stack and mode"
    if alone:
        said += f"; {alone} {'has' if alone == 1 else 'have'} no base to compare with"
    return f"{said}."


def sections(result: Result) -> list[Section]:
    """Return the details, each once for all stacks and modes that it holds for; worst first."""
    found = [
        *_grouped(result, "fails", lambda o: tuple(o.head_problem.splitlines())),
        *_grouped(result, "policies violated", lambda o: o.violations),
        *_grouped(result, "no base to compare with", lambda o: tuple(o.base_problem.splitlines())),
    ]
    marked = [Section(s.title, tuple(f"! {line}" for line in s.lines)) for s in found]
    return marked + _changes(result)


def _grouped(
    result: Result, what: str, of: Callable[[StackDiff], tuple[str, ...]]
) -> list[Section]:
    groups: dict[tuple[str, ...], list[StackDiff]] = {}
    for diff in result.diffs:
        if lines := of(diff):
            groups.setdefault(lines, []).append(diff)
    return [Section(f"{_where(diffs)}: {what}", key) for key, diffs in groups.items()]


def _changes(result: Result) -> list[Section]:
    groups: dict[tuple[Change, ...], list[StackDiff]] = {}
    for diff in result.diffs:
        if diff.changes:
            groups.setdefault(diff.changes, []).append(diff)
    found = []
    for changes, diffs in groups.items():
        counts = [(diffs[0].count(kind), str(kind)) for kind in Kind]
        what = ", ".join(f"{count} {kind}" for count, kind in counts if count)
        lines = tuple(line for change in changes for line in _change(change))
        found.append(Section(f"{_where(diffs)}: {what}", lines))
    return found


def _where(diffs: list[StackDiff]) -> str:
    stacks: dict[str, list[str]] = {}
    for diff in diffs:
        stacks.setdefault(diff.stack, []).append(diff.mode)
    return "; ".join(f"{stack} {', '.join(modes)}" for stack, modes in stacks.items())


def _change(change: Change) -> Iterator[str]:
    yield f"{SIGN[change.kind]} {change.type} {change.name}"
    for item in change.properties:
        yield from _property(item, change.kind)


def _property(item: Property, kind: Kind) -> Iterator[str]:
    if item.lines:
        yield f"    {item.path}:"
        yield from (f"{line[:1]}     {line[1:]}" for line in item.lines)
    elif kind is Kind.ADDED:
        yield f"    {item.path}: {item.new}"
    else:
        old, new = ("(not there)" if value is None else value for value in (item.old, item.new))
        yield f"    {item.path}: {old} -> {new}"
