"""Values that have the right type, and that an API server would refuse all the same.

`check` looks at one object of the schema by the tables of `rules.py`, and by the functions that
`pods.py` and `objects.py` have for its type. The types of all its fields have been checked before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from components.documents import fields, objects, pods, rules
from foundation.errors import did_you_mean

Given = Mapping[str, Any]
Later = Callable[[str], None]
"""Takes what is wrong by this schema alone: a server of another version may take it."""

_EMPTY: tuple[Any, ...] = (None, "", 0, [])
_PERCENTAGE = re.compile(r"(\d{1,9})%", re.ASCII)


def check(name: str, given: Given, path: str, refuse: fields.Refuse, later: Later) -> None:
    """Check an object of type `name`; `path` is its own, with a dot at the end, or empty."""
    needed = [field for field in rules.NEEDED.get(name, ()) if given.get(field) not in _EMPTY]
    if name in rules.NEEDED and not needed:
        wanted = ", ".join(rules.NEEDED[name])
        later(f"has in {path[:-1]} none of the fields {wanted}; add one")
    percentages = rules.PERCENTAGES.get(name, {})  # 0 of them is as good as any number
    present = [
        field
        for field in rules.EXCLUSIVE.get(name, ())
        if given.get(field) not in ((None,) if field in percentages else _EMPTY)
    ]
    if len(present) > 1:
        raise refuse(f"has both {path}{present[0]} and {path}{present[1]}; keep one")
    for field, choices in rules.CHOICES.get(name, {}).items():
        choice(given.get(field), choices, f"{path}{field}", later)
    for field, (lowest, highest) in rules.RANGES.get(name, {}).items():
        _range(given.get(field), lowest, highest, f"{path}{field}", refuse)
    if (field := rules.PORT_NAMES.get(name, "")) and isinstance(given.get(field), str):
        fields.port_name(given[field], f"{path}{field}", refuse)
    for field, highest in percentages.items():
        _percentage(given.get(field), highest, f"{path}{field}", refuse)
    for field in rules.SUBDOMAINS.get(name, ()):
        if given.get(field):
            fields.subdomain(given[field], f"{path}{field}", refuse)
    for field in rules.LABELS.get(name, ()):
        fields.labels(given.get(field), f"{path}{field}", refuse)
    if further := _FURTHER.get(name):
        further(given, path, refuse)


def choice(value: Any, choices: Sequence[str], path: str, later: Later) -> None:
    """Check a text, or each of a list: it must be one of `choices`, or left out."""
    if isinstance(value, list):
        for number, each in enumerate(value):
            choice(each or "", choices, f"{path}[{number}]", later)
    elif value is not None and value not in choices:
        mean = did_you_mean(value, choices)
        later(f"has in {path} {fields.shown(value)}{mean}; use one of {', '.join(choices)}")


def _range(value: Any, lowest: int, highest: int | None, path: str, refuse: fields.Refuse) -> None:
    if not isinstance(value, int) or lowest <= value <= (value if highest is None else highest):
        return
    if highest == fields.HIGHEST_PORT:
        raise refuse(f"has in {path} no port number from 1 to {highest} but {value}")
    upper = f"from {lowest} on" if highest is None else f"from {lowest} to {highest}"
    raise refuse(f"has in {path} {value}; use a number {upper}")


def _percentage(value: Any, highest: int | None, path: str, refuse: fields.Refuse) -> None:
    if isinstance(value, int):
        wrong = value < 0
    else:
        found = _PERCENTAGE.fullmatch("0%" if value is None else value)
        wrong = found is None or (highest is not None and int(found[1]) > highest)
    if wrong:
        upper = "" if highest is None else f" up to {highest}%"
        raise refuse(
            f"has in {path} {fields.shown(value)}; use a number without quotes, or a percentage"
            f"{upper}"
        )


_FURTHER: Mapping[str, Callable[[Given, str, fields.Refuse], None]] = {
    **pods.FURTHER,
    **objects.FURTHER,
}
