"""Pulumi without the demo, with the same settings: what the times of its commands are taken to."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from foundation.pulumi_process import GO_SETTINGS
from preview import engine
from tests.support.checkout import SOURCE, Checkout

LEAST = Path(__file__).with_name("least_program.py")


def preview_seconds() -> float:
    """How long a preview of a program that does nothing takes."""
    with project("") as pulumi:
        return pulumi("preview")


def update_seconds(kubeconfig: Path, objects: int = 1) -> float:
    """Return the seconds of `pulumi up` with nothing to do, for so many objects in each cluster.

    The objects stay: the clusters are about to be destroyed.
    """
    variables = {"KUBECONFIG": str(kubeconfig), "OBJECTS": str(objects)}
    with project(LEAST.read_text(), **variables) as pulumi:
        pulumi("up", "--yes", "--skip-preview")
        return pulumi("up", "--yes")


@contextmanager
def project(program: str, **variables: str) -> Iterator[Callable[..., float]]:
    """A project with a stack; gives what runs pulumi in it and says how many seconds that took.

    What it gives raises CommandFailed.
    """
    with tempfile.TemporaryDirectory(prefix="demo-") as name:
        folder = Path(name).resolve()
        (folder / "__main__.py").write_text(program)
        options = f"{{toolchain: pip, virtualenv: '{SOURCE / '.venv'}'}}"
        text = f"name: alone\nruntime: {{name: python, options: {options}}}\n"
        (folder / "Pulumi.yaml").write_text(text)
        env = {**GO_SETTINGS, **engine.environment(os.environ, folder), **variables}
        own = Checkout(folder, {})

        def pulumi(*arguments: str) -> float:
            return own.run("pulumi", *arguments, "--non-interactive", **env).seconds

        pulumi("stack", "init", "alone")
        yield pulumi
