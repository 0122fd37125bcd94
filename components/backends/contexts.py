"""Contexts of the user's kubeconfig, as kubectl reads them."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from components import kubectl
from foundation import project
from foundation.commands import Failed
from foundation.contract import USER_KUBECONFIG
from foundation.errors import UserError, did_you_mean


@dataclass(frozen=True)
class Kubeconfig:
    """One or more files, merged as kubectl merges them."""

    files: tuple[Path, ...]

    def contexts(self) -> list[str]:
        """Return the names of the contexts. Raises UserError."""
        there = [file for file in self.files if file.exists()]
        shown = ", ".join(map(str, self.files))
        if not there:
            raise UserError(
                f"there is no kubeconfig {shown}; name yours: "
                "./demo pulumi config set kubeconfig PATH"
            )
        for file in there:
            if not os.access(file, os.R_OK) or not file.is_file():
                raise UserError(f"kubeconfig {file} is not a file that you may read; mend that")
        try:
            known = json.loads(self.run("config", "view", "--output=json"))
        except (Failed, ValueError) as error:
            raise UserError(f"kubeconfig {shown} cannot be used: {error}") from None
        return [entry["name"] for entry in known.get("contexts") or []]

    def standalone(self, context: str) -> str:
        """Return one context as a kubeconfig of its own (JSON), certificates inside.

        Raises Failed.
        """
        view = ("config", "view", "--raw", "--minify", "--flatten", "--output=json")
        document = json.loads(self.run(*view, "--context", context))
        (user,) = document.get("users") or [{"name": ""}]
        return json.dumps(settled(document, self._folder(user["name"])))

    def _folder(self, user: str) -> Path:
        """Return the folder of the file that a user is in; as for kubectl, the first one counts."""
        for file in self.files:
            with contextlib.suppress(OSError, yaml.YAMLError, AttributeError):
                users = yaml.safe_load(file.read_text()).get("users") or []
                if user in [entry.get("name") for entry in users]:
                    return file.parent.absolute()
        return Path.cwd()

    def run(self, *arguments: str) -> str:
        """Return what kubectl prints. Raises Failed."""
        return kubectl.run(arguments, {"KUBECONFIG": os.pathsep.join(map(str, self.files))})


def files(
    given: str, root: Path, env: Mapping[str, str] = os.environ, home: Path | None = None
) -> tuple[Path, ...]:
    """Return the files of a kubeconfig: those given, relative to `root`, else what kubectl reads.

    `./demo` sets KUBECONFIG to that of the stack, and keeps the user's own under another name.
    """
    own = env.get("KUBECONFIG", "")
    if own.startswith(str(project.PRIVATE)):
        own = ""
    user_home = home or Path.home()
    text = given or env.get(USER_KUBECONFIG) or own or str(user_home / ".kube" / "config")
    found = [part for part in text.split(os.pathsep) if part]
    return tuple(root / (user_home / part[2:] if part.startswith("~/") else part) for part in found)


def missing(context: str, known: Sequence[str], cluster: str, key: str) -> UserError:
    """Return the error for a context that the kubeconfig does not have."""
    there = ", ".join(known) or "none"
    return UserError(
        f"{cluster}: the kubeconfig has no context '{context}'{did_you_mean(context, known)}; "
        f"there are: {there}; name one of them in {key}"
    )


def settled(document: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Change a kubeconfig of one context so that it means the same wherever it lies; return it.

    Paths that kubectl does not take inside are relative to the file of the user, in `folder`. The
    context's namespace goes: documents that name none are meant for `default` in every cluster.
    """
    for entry in document["contexts"]:
        entry["context"].pop("namespace", None)
    for entry in document.get("users") or []:
        user = entry["user"]
        if user.get("tokenFile"):
            user["tokenFile"] = str(folder / user["tokenFile"])
        plugin = user.get("exec") or {}
        if "/" in plugin.get("command", ""):  # any other is looked for on PATH
            plugin["command"] = str(folder / plugin["command"])
    return document
