"""Errors for people: one or two lines that say what is wrong, where, and the command that mends it.

Here because every other package rests on this one.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class UserError(Exception):
    """Something a person has to mend; shown by its text alone, without a traceback."""


class UsageError(UserError):
    """A command line that is not understood; the text says how it is used."""


class ToolMissing(UserError):
    """A tool is not there (yet); the text says how it is got."""


def nearest(given: str, known: Iterable[str]) -> str:
    """Return the known word that is near, whatever its case; empty if none is."""
    near = {str(word).lower(): str(word) for word in known}
    found = difflib.get_close_matches(given.lower(), near, n=1)
    return near[found[0]] if found else ""


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Return ` (did you mean …?)` where a known word is near, else nothing."""
    near = nearest(given, known)
    return f" (did you mean {near}?)" if near else ""


def shortened(text: str, most: int) -> str:
    """Return the text, cut to so many characters if it is longer."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def first_of(parts: Sequence[str], most: int) -> str:
    """Return the first few parts, and how many more there are."""
    more = f" and {len(parts) - most} more" if len(parts) > most else ""
    return ", ".join(parts[:most]) + more


def first_line(said: str) -> str:
    """Return the first line of a failed command's errors; else "no message"."""
    return (said.strip().splitlines() or ["no message"])[0]


def last_line(said: str) -> str:
    """Return the last line of a failed command's errors, which says why; else "no message".

    Lines of klog (W1124 19:50:20.123 ...), which kubectl writes as well, are passed over.
    """
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    told = [line for line in lines if not (line[:1] in "IWEF" and line[1:5].isdigit())]
    return " ".join((told or lines or ["no message"])[-1].split()).removeprefix("error: ")
