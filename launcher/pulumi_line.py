"""A command line of Pulumi's, read as far as the launcher has to know it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_VALUED = frozenset((
    "cwd", "tracing", "tracing-header", "otel-traces", "profiling", "memprofilerate", "verbose",
    "color", "stack", "config-file", "type", "target", "replace", "exclude", "plan", "save-plan",
    "message", "parallel",
))  # fmt: skip
"""Options that take the next word (`pulumi --help` and that of the commands used here, 3.258)."""

_OF_SET_ALL = frozenset(("plaintext", "secret", "json"))
"""Options that take the next word in `config set-all`, and none in `config set`."""

_SHORT = {"C": "cwd", "s": "stack", "v": "verbose", "t": "target", "m": "message", "h": "help"}

_ALONE = "defhijQry"
"""Short options without a value, which another may follow in the same word: `-ys east`."""


@dataclass(frozen=True)
class Line:
    """Words and options of a command line, each in its order."""

    words: tuple[str, ...]
    """What is no option: the command, then its arguments."""
    options: tuple[tuple[str, str], ...]
    """Long names with their values; the value of one without is empty."""

    def has(self, name: str) -> bool:
        """Return whether an option is given, and not as `--name=false`."""
        return any(known == name and value != "false" for known, value in self.options)

    def values(self, *names: str) -> list[str]:
        """Return the values of all options of these names, in their order."""
        return [value for known, value in self.options if known in names]

    @property
    def stack(self) -> str:
        """The last part of the name that `--stack` gives; empty without one."""
        given = self.values("stack")
        return given[-1].rpartition("/")[2] if given else ""

    @property
    def runs_elsewhere(self) -> bool:
        """Whether it asks for help only, or is about a project in another folder."""
        return self.has("help") or bool(self.values("cwd")) or not self.words


def parse(arguments: Sequence[str]) -> Line:
    """Return the words and options of what follows `pulumi`.

    An option that is not known here counts as one without a value, so what follows it is a word:
    harmless once the command itself has been read.
    """
    words: list[str] = []
    options: list[tuple[str, str]] = []
    left = list(arguments)
    while left:
        argument = left.pop(0)
        if argument[:1] == "-" and argument[1:2] in _ALONE and argument[2:3].isalpha():
            left.insert(0, f"-{argument[2:]}")
            argument = argument[:2]
        if argument == "--":
            words += left
            break
        name, value = _option(argument)
        if not name:
            words.append(argument)
            continue
        valued = _VALUED | _OF_SET_ALL if words[:2] == ["config", "set-all"] else _VALUED
        if value is None:
            value = left.pop(0) if name in valued and left else ""
        options.append((name, value))
    return Line(tuple(words), tuple(options))


def _option(argument: str) -> tuple[str, str | None]:
    """Return the long name of an option and the value joined to it; no name for a plain word."""
    if argument.startswith("--"):
        name, separator, value = argument[2:].partition("=")
        return name, value if separator else None
    if len(argument) > 1 and argument.startswith("-"):
        name, rest = argument[1], argument[2:]
        return _SHORT.get(name, name), rest.removeprefix("=") if rest else None
    return "", None
