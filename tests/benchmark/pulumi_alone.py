"""Pulumi without the demo, with the same settings: what the times of its commands are taken to."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.checkout import SOURCE, failure
from toolchain.pulumi_process import GO_SETTINGS

LEAST = Path(__file__).with_name("least_program.py")


def preview_seconds() -> float:
    """How long a preview of a program that does nothing takes."""
    with project("") as pulumi:
        return pulumi("preview")


def update_seconds(kubeconfig: Path) -> float:
    """How long `pulumi up` with nothing to do takes, of a program with one object a cluster.

    The objects stay: the clusters are about to be destroyed.
    """
    with project(LEAST.read_text(), KUBECONFIG=str(kubeconfig)) as pulumi:
        pulumi("up", "--yes", "--skip-preview")
        return pulumi("up", "--yes")


@contextmanager
def project(program: str, **variables: str) -> Iterator[Callable[..., float]]:
    """A project with a stack; gives what runs pulumi in it and says how many seconds that took.

    What it gives raises CommandFailed.
    """
    with tempfile.TemporaryDirectory(prefix="demo-") as name:
        folder = Path(name).resolve()
        (folder / "state").mkdir()
        (folder / "__main__.py").write_text(program)
        options = f"{{toolchain: pip, virtualenv: '{SOURCE / '.venv'}'}}"
        text = f"name: alone\nruntime: {{name: python, options: {options}}}\n"
        (folder / "Pulumi.yaml").write_text(text)
        env = {**os.environ, **GO_SETTINGS, **variables}
        for unwanted in ("PULUMI_STACK", "PULUMI_CONFIG_PASSPHRASE_FILE"):
            env.pop(unwanted, None)
        env["PULUMI_BACKEND_URL"] = f"file://{folder / 'state'}"
        env["PULUMI_CONFIG_PASSPHRASE"] = "-"

        def pulumi(*arguments: str) -> float:
            command = ["pulumi", *arguments, "--non-interactive"]
            begin = time.monotonic()
            done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
            if done.returncode:
                raise failure(command, f"ended with {done.returncode}", done.stdout + done.stderr)
            return time.monotonic() - begin

        pulumi("stack", "init", "alone")
        yield pulumi
