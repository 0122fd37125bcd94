"""A real Pulumi engine with a state backend of its own, apart from the user's."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from pulumi import automation

from foundation.project import ROOT
from launcher import environment
from tests.support import isolation
from tests.support.event_loops import closed_at_the_end
from tests.support.isolation import PROJECT
from toolchain import tools

SHARED = (".venv", "components", "foundation", "localkube", "toolchain", "manifests")


@pytest.fixture(scope="session", autouse=True)
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Puts the project's own `pulumi` on PATH, and nothing of the user's Pulumi in reach."""
    if missing := tools.missing():
        pytest.skip(f"needs {', '.join(missing)}: ./demo setup")
    before = dict(os.environ)
    folder = tmp_path_factory.mktemp("engine")
    # the launcher keeps a user's kubeconfig under another name, and sets that of the stack
    env = environment.variables(isolation.environment(before, folder), "west")
    environment.prepare(env)
    # the provider would take it for its own; the program reads USER_KUBECONFIG, which is not there
    env.pop("KUBECONFIG")
    env["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
    env["TMPDIR"] = str(tmp_path_factory.mktemp("tmp"))  # the provider never empties it
    os.environ.clear()
    os.environ.update(env)
    with closed_at_the_end():
        yield
    os.environ.clear()
    os.environ.update(before)


@dataclass
class Project:
    """A copy of the project's Pulumi files in a folder of its own, with its own state."""

    folder: Path
    env: dict[str, str]

    def pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs the command line; standard output and error come together, as people see them."""
        return subprocess.run(
            ["pulumi", "--non-interactive", "--color=never", *arguments],
            cwd=self.folder,
            env=self.env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            check=False,
        )

    def select(self, stack: str) -> None:
        """Makes a stack with the tests' own settings of that name."""
        made = self.pulumi("stack", "init", stack)
        assert made.returncode == 0, made.stdout
        self.configure(stack, isolation.config(isolation.STACKS[stack]))

    def configure(self, stack: str, config: dict[str, Any]) -> None:
        """Writes a stack's settings."""
        (self.folder / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump({"config": config}))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh copy with a state of its own."""
    return Project(copy(tmp_path), {**os.environ, **state(tmp_path)})


def copy(parent: Path) -> Path:
    """Makes a copy of the project; code is shared with it by links."""
    folder = parent / "project"
    folder.mkdir()
    for name in SHARED:
        (folder / name).symlink_to(ROOT / name)
    for name in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(ROOT / name, folder)
    return folder


def state(folder: Path) -> dict[str, str]:
    """Environment of a state backend in `folder`, with a passphrase that is no secret.

    Temporary files stay there too: the Kubernetes provider never removes its kubeconfigs.
    """
    backend, temporary = folder / "state", folder / "tmp"
    for made in (backend, temporary):
        made.mkdir()
    return {
        "PULUMI_BACKEND_URL": f"file://{backend}",
        "PULUMI_CONFIG_PASSPHRASE": "for tests",
        "TMPDIR": str(temporary),
    }


def new_stack(folder: Path, what: Any) -> automation.Stack:
    """A stack of an inline program whose state and settings are in `folder`.

    Pulumi never removes a folder that it has made for the settings.
    """
    settings = automation.ProjectSettings(PROJECT, "python")
    env = {**state(folder), "PYTHONPATH": str(ROOT)}
    work = folder / "work"
    work.mkdir()
    options = automation.LocalWorkspaceOptions(
        project_settings=settings, env_vars=env, work_dir=str(work)
    )
    return automation.create_stack("west", PROJECT, what, opts=options)


def changes(stack: automation.Stack) -> tuple[dict[str, int], set[str]]:
    """What an update would do: how often each operation, and to which resources."""
    touched: set[str] = set()

    def note(event: automation.EngineEvent) -> None:
        step = event.resource_pre_event and event.resource_pre_event.metadata
        # Pulumi refreshes the default provider of the program's own resources in its own way.
        if step and step.op != "same" and step.type != "pulumi:providers:pulumi-python":
            touched.add(f"{step.type.rpartition(':')[2]} {step.urn.rpartition('::')[2]}")

    summary = stack.preview(on_event=note).change_summary
    return {str(operation): count for operation, count in summary.items()}, touched
