"""Fields of documents: their types, and how a wrong one is refused with its path.

Each function takes a value, its path in the document, and what makes an error of a text. A field
that is null counts as absent, as with an API server.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from foundation.errors import shortened

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""A name that is one part of a DNS name: RFC 1123."""

_PART = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"(?=.{{1,253}}$){_PART}(\.{_PART})*")
_KEY = re.compile(
    rf"((?=[^/]{{1,253}}/){_PART}(\.{_PART})*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?"
)
_DATA_KEY = re.compile(r"(?!\.\.)(?!\.$)[-._a-zA-Z0-9]{1,253}")
HIGHEST_PORT = 65535
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_PORT_NAME = re.compile(r"(?=.{1,15}$)(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_FOLDED = re.compile(r"[A-Za-z0-9+/]{60,}( [A-Za-z0-9+/=]+)+")
"""Base64 as base64(1) and openssl write it, in lines that YAML has made one of."""

_DEFAULTS = {"protocol": "TCP"}
_TYPES = {
    bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list",
    dict: "a mapping",
}  # fmt: skip

Refuse = Callable[[str], Exception]


def entries(
    value: Any, path: str, keys: Sequence[str], refuse: Refuse
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield path and entry of a list that server-side apply takes for a map: each key once."""
    seen: dict[str, str] = {}
    for number, entry in enumerate(items(value, path, refuse)):
        where = f"{path}[{number}]"
        if not isinstance(entry, dict):
            raise refuse(f"has no object in {where}")
        given = {key: entry.get(key) or _DEFAULTS.get(key) for key in keys}
        first = seen.setdefault(repr(given), where)
        if first is not where:
            said = " and ".join(f"{key} {value}" for key, value in given.items())
            raise refuse(f"has {said} twice: {first} and {where}; keep one")
        yield where, entry


def once(name: Any, where: str, seen: dict[str, str], refuse: Refuse) -> None:
    """Check that a name, if there is one, is not among those seen so far."""
    if name and seen.setdefault(name, where) is not where:
        raise refuse(f"has name {name} twice: {seen[name]} and {where}; keep one")


def mapping(value: Any, path: str, refuse: Refuse) -> Mapping[str, Any]:
    """Return a field's mapping, an empty one where it is absent."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise refuse(f"has in {path} no mapping but {shown(value)}")
    return value


def items(value: Any, path: str, refuse: Refuse) -> Sequence[Any]:
    """Return a field's list, an empty one where it is absent."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise refuse(f"has in {path} no list but {shown(value)}")
    return value


def texts(value: Any, path: str, refuse: Refuse) -> None:
    """Check a mapping of texts, such as labels."""
    for key, each in mapping(value, path, refuse).items():
        optional_text(each, f"{path}.{key}", refuse)


def labels(value: Any, path: str, refuse: Refuse) -> None:
    """Check labels, or a selector of them: texts of the signs that Kubernetes takes."""
    texts(value, path, refuse)
    _keys(value, path, refuse)
    for key, each in mapping(value, path, refuse).items():
        if each and not _LABEL_VALUE.fullmatch(each):
            raise refuse(
                f"has in {path}.{key} {shown(each)}; use letters, digits, '-', '_' and '.', "
                "at most 63"
            )


def annotation_texts(value: Any, refuse: Refuse) -> None:
    """Check an object's annotations: texts behind keys that Kubernetes takes."""
    path = "metadata.annotations"
    texts(value, path, refuse)
    _keys(value, path, refuse, str.lower)


def _keys(value: Any, path: str, refuse: Refuse, form: Callable[[str], str] = str) -> None:
    for key in mapping(value, path, refuse):
        if not _KEY.fullmatch(form(key)):
            raise refuse(
                f"has in {path} the key {shown(key)}; use letters, digits, '-', '_' and '.', at "
                "most 63, behind a domain and '/' if need be"
            )


def secret_texts(value: Any, path: str, refuse: Refuse) -> None:
    """Check the texts of a Secret. An error names the type of a wrong value and never shows it."""
    if value is not None and not isinstance(value, dict):
        raise refuse(f"has in {path} no mapping but {_type(value)}")
    for key, each in (value or {}).items():
        if each is not None and not isinstance(each, str):
            raise refuse(f"has in {path}.{key} no text but {_type(each)}; put it in quotes")


def _type(value: Any) -> str:
    return _TYPES.get(type(value), "another value")


def optional_text(value: Any, path: str, refuse: Refuse) -> None:
    """Check that a field is text where it is present."""
    if value is not None:
        text(value, path, refuse)


def text(value: Any, path: str, refuse: Refuse) -> None:
    """Check that a field is text."""
    if not isinstance(value, str):
        raise refuse(f"has in {path} no text but {shown(value)}; put it in quotes")


def base64_text(value: Any, path: str, refuse: Refuse) -> None:
    """Check a value in base64, which may have line ends."""
    text(value, path, refuse)
    try:
        base64.b64decode(re.sub("[\r\n]", "", value), validate=True)
    except ValueError:
        texts = {"data": ", or use stringData", "binaryData": ", or use data"}
        mend = f"encode it in one line{texts.get(path.partition('.')[0], '')}"
        if _FOLDED.fullmatch(value.strip()):
            mend = "YAML has put spaces between its lines, so write '|' behind the key"
        raise refuse(f"has in {path} no base64; {mend}") from None


def port_name(value: Any, path: str, refuse: Refuse) -> None:
    """Check the name of a port where it is present."""
    if value in (None, ""):
        return
    if not isinstance(value, str) or not _PORT_NAME.fullmatch(value):
        raise refuse(
            f"has in {path} {shown(value)}; a port's name has small letters, digits and '-', at "
            "least one letter, at most 15 in all; a number goes without quotes"
        )


def label(value: Any, path: str, refuse: Refuse) -> None:
    """Check a name that is one part of a DNS name."""
    if not isinstance(value, str) or not LABEL.fullmatch(value):
        raise refuse(f"has in {path} {shown(value)}; use small letters, digits and '-', at most 63")


def subdomain(value: str, path: str, refuse: Refuse) -> None:
    """Check a name as DNS has it: RFC 1123."""
    if not _SUBDOMAIN.fullmatch(value):
        raise refuse(
            f"has in {path} {shown(value)}; use small letters, digits, '-' and '.', at most 253"
        )


def data_key(key: str, path: str, refuse: Refuse) -> None:
    """Check a key of a ConfigMap or a Secret, which may become the name of a file."""
    if not _DATA_KEY.fullmatch(key):
        raise refuse(f"has the key {path}; use letters, digits, '-', '_' and '.', at most 253")


def shown(value: object) -> str:
    """Return a value for an error text, cut to a readable length."""
    return "nothing" if value is None else shortened(repr(value), 60)
