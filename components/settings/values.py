"""Typed access to a stack's configuration, with refusals that a person can act upon."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from foundation.errors import UserError, did_you_mean, shortened

_Choice = TypeVar("_Choice", bound=StrEnum)

_SHOWN = 160
"""Characters of a wrong path that are shown."""


class SettingsError(UserError):
    """A setting that cannot be used; the text names key, stack file and remedy, for people."""


class Values:
    """Typed access to a stack's configuration; every method raises SettingsError."""

    def __init__(self, project: Mapping[str, Any], given: Mapping[str, str], file: str) -> None:
        self.file = file
        prefix = f"{project['name']}:"
        self._declared = {k: v for k, v in project["config"].items() if ":" not in k}
        for key in given:
            namespace = key.rpartition(":")[0]
            # other namespaces are those of providers; one that is nearly ours is a typo
            if not key.startswith(prefix) and did_you_mean(namespace, [project["name"]]):
                raise SettingsError(
                    f"unknown key {key} in {file}{did_you_mean(namespace, [project['name']])}; "
                    f"remove it: ./demo pulumi config rm {key}"
                )
        self.given = {
            k.removeprefix(prefix): v
            for k, v in given.items()
            if k.startswith(prefix) or ":" not in k
        }
        for key in self.given:
            if key not in self._declared:
                into = "; a key into a list is set with --path" if re.search(r"[.\[]", key) else ""
                raise SettingsError(
                    f"unknown key {key} in {file}{did_you_mean(key, self._declared)}; remove it: "
                    f"./demo pulumi config rm {shlex.quote(key)}{into}"
                )

    def refusal(self, key: str, given: object, remedy: str) -> SettingsError:
        """Return the error that says what is wrong with the value of a key."""
        return SettingsError(f"{key} in {self.file} is '{given}': {remedy}")

    def default(self, key: str) -> Any:
        """Return the default that Pulumi.yaml declares."""
        declared = self._declared[key]
        # A key without a type, which may be text or a list, has a value in place of a default.
        return declared["default"] if "default" in declared else declared["value"]

    def is_set(self, key: str) -> bool:
        """Check whether the value is another than the default."""
        given, default = self.given.get(key), self.default(key)
        if given is None:
            return False
        if isinstance(default, list) and isinstance(given, str):
            with contextlib.suppress(ValueError):
                given = json.loads(given)
        return str(given).lower() != str(default).lower()

    def raw(self, key: str) -> Any:
        """Return the value as it was given, or else the default."""
        return self.given.get(key, self.default(key))

    def text(self, key: str) -> str:
        """Return the value as text."""
        return str(self.raw(key)).strip()

    def choice(self, key: str, choices: type[_Choice]) -> _Choice:
        """Return one of an enumeration's members."""
        given = self.text(key)
        if given not in list(choices):
            allowed = ", ".join(map(str, choices))
            raise self.refusal(key, given, f"use one of {allowed}{did_you_mean(given, choices)}")
        return choices(given)

    def whole(self, key: str, lowest: int, highest: int) -> int:
        """Return a whole number between two bounds, both allowed."""
        given = self.text(key)
        if not re.fullmatch(r"-?\d{1,9}", given) or not lowest <= int(given) <= highest:
            raise self.refusal(key, given, f"use a whole number from {lowest} to {highest}")
        return int(given)

    def boolean(self, key: str) -> bool:
        """Return true or false."""
        given = self.text(key)
        if given.lower() not in ("true", "false"):
            raise self.refusal(key, given, "use true or false")
        return given.lower() == "true"

    def entries(self, key: str) -> list[Any] | None:
        """Return a list, in JSON or as it stands; None if it is none."""
        given = self.raw(key)
        try:
            found = json.loads(given) if isinstance(given, str) else given
        except ValueError:
            return None
        return found if isinstance(found, list) else None

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts."""
        entries = self.entries(key)
        if entries is None or not all(isinstance(e, str) for e in entries):
            raise self.refusal(
                key, self.raw(key), f"use a list: ./demo pulumi config set --path '{key}[0]' VALUE"
            )
        return tuple(entries)

    def paths(self, key: str, root: Path) -> tuple[Path, ...]:
        """Return the files and folders of a key: one as text, or a list of them; all are there."""
        given = self.raw(key)
        several = given.strip().startswith("[") if isinstance(given, str) else True
        names = self.texts(key) if several else (given.strip(),)
        if not names:
            raise self.refusal(key, given, "name a file, a folder, or a list of them")
        for name in names:
            if not name or not _is_there(root / name):
                what = f"there is no such file or folder in {root}; name one that is there"
                raise self.refusal(key, _short(name), what)
        return tuple(root / name for name in names)

    def file_path(self, key: str, root: Path) -> Path:
        """Return the path of a file that is there."""
        given = self.text(key)
        path = root / given
        if not _is_there(path) or not path.is_file():
            what = f"there is no such file in {root}; name one that is there"
            raise self.refusal(key, _short(given), what)
        return path


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # longer than a name may be, as a file's contents are
        return False


def _short(text: str) -> str:
    return shortened(" ".join(text.split()), _SHOWN)
