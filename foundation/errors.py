"""Errors for people: one or two lines that say what is wrong, where, and the command that mends it.

Here because every other package rests on this one.
"""

from __future__ import annotations


class UserError(Exception):
    """Something a person has to mend; shown by its text alone, without a traceback."""


class UsageError(UserError):
    """A command line that is not understood; the text says how it is used."""


class ToolMissing(UserError):
    """A tool is not there (yet); the text says how it is got."""
