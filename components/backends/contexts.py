"""Contexts of the user's kubeconfig, as kubectl reads them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from components import kubectl
from components.errors import DemoError
from components.values import did_you_mean
from toolchain import environment, venv


@dataclass(frozen=True)
class Kubeconfig:
    """One or more files, merged as kubectl merges them."""

    files: tuple[Path, ...]

    def contexts(self) -> list[str]:
        """Gives the names of the contexts. Raises DemoError."""
        there = [file for file in self.files if file.exists()]
        shown = ", ".join(map(str, self.files))
        if not there:
            raise DemoError(
                f"there is no kubeconfig {shown}; name yours: "
                "./demo pulumi config set kubeconfig PATH"
            )
        for file in there:
            if not os.access(file, os.R_OK) or not file.is_file():
                raise DemoError(f"kubeconfig {file} is not a file that you may read; mend that")
        try:
            known = json.loads(self.run("config", "view", "--output=json"))
        except (kubectl.NoAnswer, ValueError) as error:
            raise DemoError(f"kubeconfig {shown} cannot be used: {error}") from None
        return [entry["name"] for entry in known.get("contexts") or []]

    def minified(self, context: str) -> str:
        """Gives one context as a kubeconfig of its own (JSON), files that it names inside.

        Raises kubectl.NoAnswer.
        """
        view = ("config", "view", "--raw", "--minify", "--flatten", "--output=json")
        return self.run(*view, "--context", context)

    def run(self, *arguments: str) -> str:
        """Gives what kubectl prints. Raises kubectl.NoAnswer."""
        return kubectl.run(arguments, {"KUBECONFIG": os.pathsep.join(map(str, self.files))})


def files(
    given: str, root: Path, env: Mapping[str, str] = os.environ, home: Path | None = None
) -> tuple[Path, ...]:
    """Gives the files of a kubeconfig: those given, relative to `root`, else what kubectl reads.

    `./demo` sets KUBECONFIG to that of the stack, and keeps the user's own under another name.
    """
    own = env.get("KUBECONFIG", "")
    if own.startswith(str(venv.PRIVATE)):
        own = ""
    place = home or Path.home()
    text = given or env.get(environment.USER_KUBECONFIG) or own or str(place / ".kube" / "config")
    found = [part for part in text.split(os.pathsep) if part]
    return tuple(root / (place / part[2:] if part.startswith("~/") else part) for part in found)


def missing(context: str, known: Sequence[str], cluster: str, key: str) -> DemoError:
    """Gives the error for a context that the kubeconfig does not have."""
    there = ", ".join(known) or "none"
    return DemoError(
        f"{cluster}: the kubeconfig has no context '{context}'{did_you_mean(context, known)}; "
        f"there are: {there}; name one of them in {key}"
    )


def without_namespace(kubeconfig: str) -> str:
    """Gives a kubeconfig of one context without its namespace.

    Documents that name none are meant for `default` in every cluster.
    """
    document = json.loads(kubeconfig)
    for entry in document["contexts"]:
        entry["context"].pop("namespace", None)
    return json.dumps(document)
