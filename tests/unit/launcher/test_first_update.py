"""A first update of embedded clusters writes no state before its end; a killed one begins anew."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from foundation import project, run
from launcher import first_update

SKIP = "PULUMI_SKIP_CHECKPOINTS"


def ended() -> int:
    """The id of a process that is over."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        return process.pid


class Clone:
    def __init__(self, folder: Path) -> None:
        self.env = {"PULUMI_BACKEND_URL": project.state_url()}
        self.settings = folder / "Pulumi.west.yaml"
        self.settings.write_text("config:\n  proj:backend: local\n")
        self.lab = project.lab_folder("west")
        self.note = project.stack_folder("west") / "first-update"
        self.swept: list[str] = []

    def knows(self, resources: int) -> None:
        """Write a state of so many resources."""
        file = project.states(project.state_folder()) / "proj" / "west.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        latest = {"resources": [{}] * resources} if resources else None
        file.write_text(json.dumps({"checkpoint": {"latest": latest}}))

    def sweep(self, command: list[str], _: Mapping[str, str], __: Path) -> int:
        self.swept.append(command[-1])
        self.lab.rmdir()
        return 0

    def is_quick(self) -> bool:
        with first_update.quick(self.env, "west") as env:
            return SKIP in env


@pytest.fixture
def west(clone: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    made = Clone(clone)
    monkeypatch.setattr(run, "foreground", made.sweep)
    return made


@pytest.mark.parametrize("resources", [None, 0, 1])
def test_a_first_update_is_noted_until_the_state_is_written(
    west: Clone, resources: int | None
) -> None:
    if resources is not None:
        west.knows(resources)
    with first_update.quick(west.env, "west") as env:
        assert env[SKIP] == "true"
        assert west.note.read_text() == str(os.getpid())
        west.knows(2)
    assert not west.note.exists()


def test_another_update_writes_the_state_at_each_object(west: Clone) -> None:
    west.knows(2)
    assert not west.is_quick()
    assert not west.note.exists()


def test_in_clusters_of_others_or_with_a_state_elsewhere_nothing_is_left_out(west: Clone) -> None:
    assert west.is_quick()
    assert not _quick_with(west, {"PULUMI_BACKEND_URL": "s3://elsewhere"})
    west.settings.write_text("config:\n  proj:backend: existing\n")
    assert not west.is_quick()


def _quick_with(west: Clone, env: Mapping[str, str]) -> bool:
    with first_update.quick(env, "west") as own:
        return SKIP in own


def test_what_a_killed_first_update_has_left_is_made_anew(
    west: Clone, capsys: pytest.CaptureFixture[str]
) -> None:
    west.lab.mkdir(parents=True)
    west.note.write_text(str(ended()))
    assert west.is_quick()
    assert west.swept == [str(west.lab)]
    assert "The first update of stack west was killed" in capsys.readouterr().out


def test_an_update_of_which_pulumi_alone_was_killed_counts_as_killed(west: Clone) -> None:
    with first_update.quick(west.env, "west"):
        west.lab.mkdir()
    assert west.note.exists()


@pytest.mark.parametrize("note", [None, "", "not a number", "the process"])
def test_clusters_that_no_killed_first_update_made_are_kept(west: Clone, note: str | None) -> None:
    west.lab.mkdir(parents=True)
    if note is not None:
        west.note.write_text(note.replace("the process", str(os.getpid())))
    assert not west.is_quick()
    assert not west.swept
    assert west.lab.exists()
