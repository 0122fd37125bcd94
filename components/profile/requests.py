"""What the edge takes of a request: sizes, names of headers, paths, methods.

Tetrate's Profile has no keys for it, so these are annotations of the Profile. Every rule is the
edge's: a gateway takes whatever the edge has let through.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from components.profile.section import Section
from components.routing.transport import PREFIX
from foundation.errors import did_you_mean

HEADERS_SIZE = f"{PREFIX}request-headers-size"
HEADERS_COUNT = f"{PREFIX}request-headers-count"
RETRY_BODY = f"{PREFIX}retry-body"
UNDERSCORES = f"{PREFIX}header-underscores"
ESCAPED_SLASHES = f"{PREFIX}escaped-slashes"
METHODS = f"{PREFIX}methods"

_KI, _MI = 1024, 1024 * 1024
_SIZE = re.compile(r"(\d{1,6})(Ki|Mi)")
#: A token of RFC 9110, 5.6.2, as far as methods use it.
_METHOD = re.compile(r"[A-Z][A-Z0-9_-]{0,31}")
_ALL = "*"

_Choice = TypeVar("_Choice", bound=StrEnum)


class Underscores(StrEnum):
    """What becomes of a header whose name has an underscore, which some servers take for `-`."""

    ALLOW = "allow"
    DROP = "drop"
    REJECT = "reject"


class EscapedSlashes(StrEnum):
    """What becomes of `%2F` and `%5C` in a path."""

    KEEP = "keep"
    REJECT = "reject"
    DECODE = "decode"
    REDIRECT = "redirect"


@dataclass(frozen=True)
class RequestRules:
    """What the edge takes of a request; sizes in bytes."""

    headers_size: int = 32 * _KI
    headers_count: int = 100
    retry_body: int = _MI
    """The largest body that is kept for another try."""
    underscores: Underscores = Underscores.ALLOW
    escaped_slashes: EscapedSlashes = EscapedSlashes.KEEP
    methods: tuple[str, ...] = ()
    """Those that are taken; none named: all."""


def request_rules(annotations: Section) -> RequestRules:
    """Read the rules from the Profile's annotations. Raises ProfileError."""
    default = RequestRules()
    return RequestRules(
        # Envoy takes at most 8 MiB of headers (max_request_headers_kb).
        headers_size=_size(annotations, HEADERS_SIZE, default.headers_size, 8 * _MI),
        headers_count=_count(annotations, HEADERS_COUNT, default.headers_count, 10, 10_000),
        # What is kept counts towards the memory of a pod, request by request.
        retry_body=_size(annotations, RETRY_BODY, default.retry_body, 64 * _MI),
        underscores=_choice(annotations, UNDERSCORES, default.underscores),
        escaped_slashes=_choice(annotations, ESCAPED_SLASHES, default.escaped_slashes),
        methods=_methods(annotations),
    )


def _size(section: Section, key: str, default: int, high: int) -> int:
    if section.lacks(key):
        return default
    value = section.take(key)
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    size = int(match[1]) * (_KI if match[2] == "Ki" else _MI) if match else 0
    if not _KI <= size <= high:
        raise section.wrong(key, f"is {value!r}; a size from 1Ki to {high // _MI}Mi is needed")
    return size


def _count(section: Section, key: str, default: int, low: int, high: int) -> int:
    if section.lacks(key):
        return default
    value = section.take(key)
    number = int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,6}", value) else -1
    if not low <= number <= high:
        raise section.wrong(key, f"is {value!r}; a number from {low} to {high} in quotes is needed")
    return number


def _choice(section: Section, key: str, default: _Choice) -> _Choice:
    if section.lacks(key):
        return default
    value, known = section.take(key), list(type(default))
    if value not in known:
        allowed = ", ".join(known)
        raise section.wrong(
            key, f"is {value!r}; use one of {allowed}{did_you_mean(str(value), known)}"
        )
    return type(default)(str(value))


def _methods(section: Section) -> tuple[str, ...]:
    if section.lacks(METHODS):
        return ()
    value = section.take(METHODS)
    if value == _ALL:
        return ()
    names = [name.strip() for name in value.split(",")] if isinstance(value, str) else [""]
    for name in names:
        if not _METHOD.fullmatch(name):
            raise section.wrong(
                METHODS, f"is {value!r}; write methods as GET,HEAD,POST, or {_ALL} for all"
            )
    return tuple(dict.fromkeys(names))
