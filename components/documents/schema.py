"""The schema of Kubernetes' own kinds: which fields a document may have, and of what types.

`kubernetes.json` is made by `make_schema.py` from the OpenAPI document of an API server; it says of
which version. Kinds that it does not have, such as custom ones, pass unchecked.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from components.documents import constraints, fields, quantity, rules
from components.documents.constraints import Later
from foundation.errors import did_you_mean

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
"""RFC 3339, roughly."""

_LARGEST = 2**31 - 1
_ZERO = (0, "", False)

FILE = Path(__file__).with_name("kubernetes.json")


@functools.cache
def _schema() -> Mapping[str, Any]:
    return dict(json.loads(FILE.read_bytes()))


def version() -> str:
    """Return the Kubernetes version that the schema is of, such as `1.37`."""
    return str(_schema()["version"])


def knows(version: str, kind: str) -> bool:
    """Tell whether a kind of an API version is one of Kubernetes' own."""
    return f"{version} {kind}" in _schema()["kinds"]


def owns(group: str) -> bool:
    """Tell whether an API group is Kubernetes' own: that of a defined kind has a dot in it.

    That of an APIService need not have one.
    """
    return "." not in group or any(each.startswith(f"{group}/") for each in _schema()["kinds"])


def remedy(version: str, kind: str) -> str:
    """Return in words what to do about a kind that an API version does not have."""
    every = [each.split(" ") for each in _schema()["kinds"]]
    if having := [each for each, named in every if named == kind]:
        return f"use {' or '.join(having)}"
    mean = did_you_mean(kind, [named for each, named in every if each == version])
    return f"correct apiVersion or kind{mean}, or remove it"


def check(document: Mapping[str, Any], refuse: fields.Refuse, later: Later) -> bool:
    """Check the types of all fields; tell whether the kind is known.

    A value of a wrong type is refused: types of fields never change within an API version. Fields
    and choices that are unknown, and required fields that are not there, go to `later`.
    """
    name = _schema()["kinds"].get(f"{document['apiVersion']} {document['kind']}")
    if name == "core.v1.Secret":
        for field in ("data", "stringData"):
            fields.secret_texts(document.get(field), field, refuse)
    if name is not None:
        _Check(refuse, later).object(document, name, "")
    return name is not None


def as_a_server_takes(document: dict[str, Any]) -> dict[str, Any]:
    """Return a checked document as a server takes it, unless its kind is unknown.

    What is null in a mapping of texts is empty text. What a server never gives back is left out, as
    each update would find another value: the status, empty lists, and `rules.DROPPED`.
    """
    name = _schema()["kinds"].get(f"{document['apiVersion']} {document['kind']}")
    if name is None:
        return document
    written = {key: value for key, value in document.items() if key != "status"}
    result: dict[str, Any] = _filled(written, name)
    return result


def _filled(value: Any, declared: Any) -> Any:
    if value is None or (isinstance(declared, str) and declared in _SCALARS):
        return value
    if isinstance(declared, str):
        types, dropped = _schema()["types"][declared], rules.DROPPED.get(declared, ())
        return {
            key: _filled(each, types.get(key, "any"))
            for key, each in value.items()
            if not (each == [] and types.get(key, "any") != "any")
            and not (key in dropped and each in _ZERO)
        }
    form, item, *_ = declared
    if form == "list":
        return [_filled(each, item) for each in value]
    if form == "map" and item in ("string", "base64"):
        return {key: "" if each is None else each for key, each in value.items()}
    if form == "map":
        return {key: _filled(each, item) for key, each in value.items()}
    return value


class _Check:
    """The check of one document."""

    def __init__(self, refuse: fields.Refuse, later: Later) -> None:
        self._refuse, self._later = refuse, later
        self._types, self._required = _schema()["types"], _schema()["required"]

    def object(self, value: Any, name: str, path: str) -> None:
        """Check a mapping whose fields are declared."""
        declared = self._types[name]
        before = f"{path}." if path else ""
        given = fields.mapping(value, path, self._refuse)
        for field, each in given.items():
            if field not in declared:
                mean = did_you_mean(field, declared)
                self._later(f"has the unknown field {before}{field}{mean}; correct or remove it")
            elif each is not None:
                self._value(each, declared[field], f"{before}{field}")
        for field in (*self._required.get(name, ()), *rules.REQUIRED.get(name, ())):
            if given.get(field) in (None, "", [], {}):
                self._later(f"has no {before}{field}; add it")
        constraints.check(name, given, before, self._refuse, self._later)

    def _value(self, value: Any, declared: Any, path: str) -> None:
        if isinstance(declared, str):
            if scalar := _SCALARS.get(declared):
                scalar(value, path, self._refuse)
            else:
                self.object(value, declared, path)
            return
        form, *more = declared
        if form == "list":
            self._list(value, more[0], more[1:], path)
        elif form == "set":
            self._set(value, more[0], path)
        elif form == "map":
            for key, each in fields.mapping(value, path, self._refuse).items():
                if each is not None:
                    self._value(each, more[0], f"{path}.{key}")
        else:
            fields.text(value, path, self._refuse)
            constraints.choice(value or None, more, path, self._later)

    def _list(self, value: Any, item: Any, keys: list[str], path: str) -> None:
        if keys:
            for where, entry in fields.entries(value, path, keys, self._refuse):
                self._value(entry, item, where)
            return
        for number, each in enumerate(fields.items(value, path, self._refuse)):
            if each is not None:
                self._value(each, item, f"{path}[{number}]")

    def _set(self, value: Any, item: Any, path: str) -> None:
        seen: dict[Any, str] = {}
        for number, each in enumerate(fields.items(value, path, self._refuse)):
            where = f"{path}[{number}]"
            if each is None:
                raise self._refuse(f"has nothing in {where}; remove it")
            self._value(each, item, where)
            first = seen.setdefault(each, where)
            if first is not where:
                raise self._refuse(f"has {each!r} twice: {first} and {where}; keep one")


def _whole(value: Any, path: str, refuse: fields.Refuse) -> None:
    # A server takes numbers that are too large for the field, and cuts them.
    if isinstance(value, bool) or not isinstance(value, int):
        raise refuse(f"has in {path} no whole number but {fields.shown(value)}")


def _number(value: Any, path: str, refuse: fields.Refuse) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refuse(f"has in {path} no number but {fields.shown(value)}")


def _boolean(value: Any, path: str, refuse: fields.Refuse) -> None:
    if not isinstance(value, bool):
        raise refuse(f"has in {path} neither true nor false but {fields.shown(value)}")


def _whole_or_text(value: Any, path: str, refuse: fields.Refuse) -> None:
    if not isinstance(value, str):
        _whole(value, path, refuse)
        if abs(value) > _LARGEST:
            raise refuse(f"has in {path} {value}; use a number up to {_LARGEST}")


def _quantity(value: Any, path: str, refuse: fields.Refuse) -> None:
    if not quantity.is_quantity(value):
        raise refuse(f"has in {path} no quantity, such as 100m or 64Mi, but {fields.shown(value)}")


def _time(value: Any, path: str, refuse: fields.Refuse) -> None:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise refuse(
            f"has in {path} no time, such as '2026-01-02T15:04:05Z', but {fields.shown(value)}"
        )


def _any(value: Any, path: str, refuse: fields.Refuse) -> None:
    """Take whatever is there."""


_SCALARS: Mapping[str, Callable[[Any, str, fields.Refuse], None]] = {
    "string": fields.text,
    "base64": fields.base64_text,
    "time": _time,
    "integer": _whole,
    "number": _number,
    "boolean": _boolean,
    "int-or-string": _whole_or_text,
    "quantity": _quantity,
    "any": _any,
}
