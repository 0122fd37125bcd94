"""What plain YAML scalars mean to kubectl.

kubectl reads YAML by go-yaml v2 and hands on what JSON has. The rules here are those of go-yaml
v2.4 (resolve.go) and sigs.k8s.io/yaml v1.6 (yaml.go), which kubectl 1.37 is built with.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import math
import re
import struct

Scalar = str | int | float | bool | None

_PREFIX = "tag:yaml.org,2002:"
_STR, _INT, _FLOAT, _BOOL, _NULL, _TIMESTAMP = (
    _PREFIX + name for name in ("str", "int", "float", "bool", "null", "timestamp")
)
MERGE = f"{_PREFIX}merge"
_BINARY = f"{_PREFIX}binary"

_WORDS: dict[str, tuple[str, Scalar]] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES"), (_BOOL, True)),
    **dict.fromkeys(("true", "True", "TRUE", "on", "On", "ON"), (_BOOL, True)),
    **dict.fromkeys(("n", "N", "no", "No", "NO"), (_BOOL, False)),
    **dict.fromkeys(("false", "False", "FALSE", "off", "Off", "OFF"), (_BOOL, False)),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), (_NULL, None)),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), (_FLOAT, math.nan)),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), (_FLOAT, math.inf)),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), (_FLOAT, -math.inf)),
}
_NUMERIC = frozenset("+-.0123456789")
_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_BASES = (16, 2, 8, 10)
_DECIMAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_FRACTION = re.compile(r"\.[0-9]+(_[0-9]+)*([eE][-+]?[0-9]+(_[0-9]+)*)?")
_MISPLACED_SIGN = re.compile(r"0b([-+][01]+)")  # go-yaml takes 0b-1 for -1
_DATE = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)(?:([Tt ])(\d\d?):(\d\d?):(\d\d?)(?:[.,]\d+)?(Z|[-+]\d\d:\d\d)?)?"
)
_LOWEST, _HIGHEST, _HIGHEST_UNSIGNED = -(2**63), 2**63 - 1, 2**64 - 1
_WRITTEN_OUT = 1e21
"""From here on Go writes a whole float with an exponent, so that JSON has no integer of it."""


def resolved(value: str, tag: str | None, *, plain: bool) -> Scalar:
    """Return what a scalar stands for, before it becomes JSON.

    `tag` is its explicit tag in full, if it has one; `plain` is off for a scalar in quotes or a
    block. Raises ValueError when the tag does not fit the value.
    """
    if tag is None:
        return _implicit(value)[1] if plain else value
    if tag == _BINARY:
        return _decoded(value)
    if tag == _TIMESTAMP:
        if not _is_timestamp(value):
            raise ValueError("cannot decode the value as a timestamp")
        return value
    if tag not in (_INT, _FLOAT, _BOOL, _NULL):
        return value  # !!str, and whatever go-yaml does not know
    found, meant = _implicit(value)
    if found == tag:
        return meant
    if tag == _FLOAT and found == _INT and isinstance(meant, int) and meant <= _HIGHEST:
        return float(meant)
    raise ValueError(f"cannot decode the value as a {tag.removeprefix(_PREFIX)}")


def key(value: Scalar) -> str:
    """Return the text that a key becomes in JSON. Raises ValueError where it becomes none."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _shortest(value)
    if value is None or value > _HIGHEST:
        raise ValueError(f"a key cannot be {'null' if value is None else value}; put it in quotes")
    return str(value)


def number(value: int | float) -> int | float:
    """Return a number as JSON and the API server have it: 64-bit integers, or else floats.

    Raises ValueError for what JSON does not have.
    """
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"JSON does not have the number {value}; put it in quotes")
        if not value.is_integer() or abs(value) >= _WRITTEN_OUT:
            return value
        # Go writes the fewest digits that stand for the float, then zeros: not its exact value.
        return int(decimal.Decimal(repr(value)))
    if _LOWEST <= value <= _HIGHEST:
        return value
    try:
        return number(float(value))
    except OverflowError:
        raise ValueError("a number is too large for JSON; put it in quotes") from None


def _implicit(value: str) -> tuple[str, Scalar]:
    """Return tag and meaning of a scalar by its text alone."""
    word = _WORDS.get(value)
    if word:
        return word
    first = value[0]
    if first not in _NUMERIC:
        return _STR, value
    if first == ".":
        return _float(value) if _FRACTION.fullmatch(value) else (_STR, value)
    digits = value.replace("_", "")
    match = _INTEGER.fullmatch(digits)
    if match:
        sign, *parts = match.groups()
        for base, part in zip(_BASES, parts, strict=True):
            if part is not None and (base != 10 or len(part) <= 20):
                whole = int(f"{sign}{part}", base)
                if _LOWEST <= whole <= (_HIGHEST if sign else _HIGHEST_UNSIGNED):
                    return _INT, whole
    if _DECIMAL.fullmatch(digits):
        found = _float(digits)
        return found if found[0] == _FLOAT else (_STR, value)
    misplaced = _MISPLACED_SIGN.fullmatch(digits)
    return (_INT, int(misplaced[1], 2)) if misplaced else (_STR, value)


def _float(text: str) -> tuple[str, Scalar]:
    value = float(text)
    return (_FLOAT, value) if math.isfinite(value) else (_STR, text)  # out of range is text


def _decoded(value: str) -> str:
    try:
        data = base64.b64decode(re.sub("[\r\n]", "", value), validate=True)
    except ValueError:
        raise ValueError("a !!binary value is not base64") from None
    return data.decode(errors="replace")


def _is_timestamp(value: str) -> bool:
    """Tell whether go-yaml takes the value for a time, in its four forms of RFC 3339."""
    match = _DATE.fullmatch(value)
    if not match:
        return False
    year, month, day, divider, hour, minute, second, zone = match.groups()
    if divider and (divider == " ") == bool(zone):  # a zone goes with a T, and only with it
        return False
    try:
        datetime.datetime(
            int(year) or 4, int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0)
        )
    except ValueError:
        return False
    return True


def _shortest(value: float) -> str:
    """Return Go's FormatFloat(value, 'g', -1, 32): the shortest text of a 32-bit float."""
    if math.isnan(value):
        return ".nan"
    try:
        (single,) = struct.unpack("f", struct.pack("f", value))
    except OverflowError:
        single = math.copysign(math.inf, value)
    if math.isinf(single):
        return ".inf" if single > 0 else "-.inf"
    for digits in range(9):
        text = f"{single:.{digits}e}"
        if struct.pack("f", float(text)) == struct.pack("f", single):
            break
    mantissa, _, power = text.partition("e")
    if -4 <= (exponent := int(power)) < 6:
        return f"{float(text):.{max(digits - exponent, 0)}f}"
    return f"{mantissa}e{exponent:+03d}"
