"""Amounts of resources, such as `100m` and `64Mi`.

Source: ParseQuantity of k8s.io/apimachinery v0.37 (pkg/api/resource/quantity.go).
"""

from __future__ import annotations

import re

NANO = 10**9
"""An amount is counted in parts of this size: a server rounds finer ones up."""

_TEXT = re.compile(
    r"(?P<sign>[+-]?)(?=\.?\d)(?P<whole>\d*)\.?(?P<part>\d*)"
    r"(?:(?P<suffix>[numkMGTPE]|[KMGTPE]i)|[eE](?P<exponent>[+-]?\d{1,3}))?",
    re.ASCII,
)
_POWERS = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


def is_quantity(value: object) -> bool:
    """Tell whether a value is an amount: a number, or a text of a number and a unit."""
    if isinstance(value, str):
        return _TEXT.fullmatch(value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)


def amount(value: str | int | float | None) -> int:
    """Return the amount that a quantity is, in billionths; 0 for one that is absent."""
    found = _TEXT.fullmatch(str(value or 0))
    assert found is not None, value
    digits, suffix = int(found["whole"] + found["part"]), found["suffix"]
    if suffix in _BINARY:
        digits *= 1024 ** (_BINARY.index(suffix) + 1)
    power = int(found["exponent"] or _POWERS.get(suffix, 0)) - len(found["part"])
    count: int = digits * NANO * 10 ** max(power, 0)
    count = -(-count // 10 ** max(-power, 0))
    return -count if found["sign"] == "-" else count
