"""Typed reading of a profile: keys are taken one by one, and what is left over is unknown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from foundation.errors import UserError

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s)")


class ProfileError(UserError):
    """A profile that cannot be followed; the text is for people."""


class Section:
    """A mapping of the document; every method raises ProfileError, which names the key's path.

    `defaults` has the values of keys that may be left out, by their path below this section and
    as a document would write them; None is for a time that is then without limit. Any other key
    must be there.
    """

    def __init__(
        self, value: object, path: str, source: str, defaults: Mapping[str, Any] | None = None
    ) -> None:
        self._path = path
        self._source = source
        self._defaults = defaults or {}
        if not isinstance(value, Mapping):
            raise ProfileError(f"{source}: {path or 'the document'} must be a mapping")
        self._left = dict(value)

    def lacks(self, key: str) -> bool:
        """Tell whether the document leaves a key out."""
        return key not in self._left

    def wrong(self, key: str, what: str) -> ProfileError:
        """Return the error that says what is wrong with a key."""
        return ProfileError(f"{self._source}: {self._at(key)} {what}")

    def take(self, key: str) -> object:
        """Return a value as it is written, or its default."""
        if self.lacks(key):
            if key not in self._defaults:
                raise self.wrong(key, "is missing; write it")
            return self._defaults[key]
        return self._left.pop(key)

    def section(self, key: str) -> Section:
        """Return the mapping below a key; one whose keys have defaults may be left out."""
        start = f"{key}."
        own = {p.removeprefix(start): v for p, v in self._defaults.items() if p.startswith(start)}
        value = {} if own and self.lacks(key) else self.take(key)
        return Section(value, self._at(key), self._source, own)

    def duration(self, key: str, default: float | None = None) -> float:
        """Return a time in seconds, from a millisecond to an hour; 0 for one without limit.

        `default` is for a key whose default follows from another key.
        """
        if self.lacks(key):
            default = 0.0 if self._defaults.get(key, key) is None else default
            if default is not None:
                return default
        value = self.take(key)
        match = _DURATION.fullmatch(value) if isinstance(value, str) else None
        seconds = float(match[1]) * _UNITS[match[2]] if match else 0.0
        if not 0.001 <= seconds <= 3600:
            raise self.wrong(
                key, f"is {value!r}; a time from 1ms to 1h is needed, such as 3s or 0.25s"
            )
        return seconds

    def integer(self, key: str, low: int, high: int) -> int:
        """Return a whole number between two bounds, both allowed."""
        value = self.take(key)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.wrong(key, f"is {value!r}; a whole number from {low} to {high} is needed")
        return value

    def boolean(self, key: str) -> bool:
        """Return true or false."""
        value = self.take(key)
        if not isinstance(value, bool):
            raise self.wrong(key, f"is {value!r}; true or false is needed")
        return value

    def end(self, prefix: str = "") -> None:
        """Refuse keys that nobody took: a misspelt key must not silently do nothing.

        `prefix` is for a mapping that others write into too: only keys with it are ours.
        """
        for key in (key for key in self._left if str(key).startswith(prefix)):
            raise self.wrong(key, "is unknown here; remove it or correct its name")

    def _at(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key
