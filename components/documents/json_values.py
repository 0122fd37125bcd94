"""The JSON values at the beginning of a manifest, as kubectl reads them.

The rules are those of k8s.io/apimachinery v0.37 (util/yaml/decoder.go) and of Go's encoding/json.
"""

from __future__ import annotations

import json
from typing import Any

from components.documents import scalars
from components.documents.value import ReadingError, Value


def values_of(data: bytes) -> tuple[list[Value], int, ReadingError | None]:
    """Return the JSON values at the beginning, where they end, and why no more can be read."""
    text = data.decode(errors="replace")
    decoder = json.JSONDecoder(parse_int=_int, parse_float=_float, parse_constant=_constant)
    found: list[Value] = []
    at = 0
    while True:
        begin = len(text) - len(text[at:].lstrip(" \t\r\n"))
        if begin == len(text):
            return found, len(data), None
        try:
            value, at_next = decoder.raw_decode(text, begin)
        except ReadingError:
            raise
        except (ValueError, RecursionError) as error:
            line = text.count("\n", 0, getattr(error, "pos", begin)) + 1
            problem = ReadingError(str(error).partition(":")[0], line)
            return found, len(text[:at].encode()), problem
        if value is not None:
            found.append(Value(text.count("\n", 0, begin) + 1, _without_surrogates(value)))
        at = at_next


def _int(digits: str) -> int | float:
    return _float(digits) if len(digits) > 20 else scalars.number(int(digits))


def _float(digits: str) -> int | float:
    try:
        return scalars.number(float(digits))
    except ValueError:
        raise ReadingError("a number is too large") from None


def _constant(name: str) -> None:
    raise ValueError(f"JSON does not have {name}")


def _without_surrogates(value: Any) -> Any:
    """Return the value with halves of surrogate pairs replaced, as Go's reader does."""
    if isinstance(value, dict):
        return {_without_surrogates(k): _without_surrogates(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_without_surrogates(each) for each in value]
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def after_space(data: bytes, start: int, problem: ReadingError) -> int:
    """Return where YAML may begin after JSON: behind white space, up to a line's end."""
    rest = data[start:].decode(errors="replace")
    for skipped, sign in enumerate(rest):
        if len(rest[skipped:].encode()) < 4:  # what kubectl looks at together
            break
        if not sign.isspace():
            return start + len(rest[:skipped].encode())
        if sign == "\n":
            return start + len(rest[: skipped + 1].encode())
    raise problem
