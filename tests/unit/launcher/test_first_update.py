"""A first update of embedded clusters writes no state before its end; a killed one begins anew."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from foundation import files, project, run
from foundation.errors import UserError
from launcher import first_update, pulumi_use, stack_commands
from localkube import machine

SKIP = "PULUMI_SKIP_CHECKPOINTS"


class Clone:
    def __init__(self, folder: Path) -> None:
        self.env = {"PULUMI_BACKEND_URL": project.state_url()}
        self.settings = folder / "Pulumi.west.yaml"
        self.settings.write_text("config:\n  proj:backend: local\n")
        self.lab = project.lab_folder("west")
        self.note = project.stack_folder("west") / "first-update"
        self.swept: list[str] = []
        self.remains = False
        self.knows(0)

    def knows(self, resources: int) -> None:
        """Write a state of so many resources."""
        file = project.states(project.state_folder()) / "proj" / "west.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        latest = {"resources": [{}] * resources} if resources else None
        file.write_text(json.dumps({"checkpoint": {"latest": latest}}))

    def end(self, lab: Path) -> None:
        self.swept.append(str(lab))
        if self.remains:
            raise UserError(f"{lab} cannot be removed")
        lab.rmdir()

    def was_begun(self) -> None:
        """Leave what a first update has in its middle."""
        self.lab.mkdir(parents=True)
        self.note.touch()

    def is_quick(self) -> bool:
        with first_update.quick(self.env, "west") as env:
            return SKIP in env


@pytest.fixture
def west(clone: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    made = Clone(clone)
    monkeypatch.setattr(machine, "end", made.end)
    return made


@pytest.mark.parametrize("resources", [0, 1])
def test_a_first_update_is_noted_until_the_state_is_written(west: Clone, resources: int) -> None:
    west.knows(resources)
    with first_update.quick(west.env, "west") as env:
        assert env[SKIP] == "true"
        assert west.note.exists()
        west.knows(2)
    assert not west.note.exists()


def test_another_update_writes_the_state_at_each_object(west: Clone) -> None:
    west.was_begun()  # by one that was killed when it had written the state
    west.knows(2)
    assert not west.is_quick()
    assert not west.note.exists()
    assert not west.swept


def test_in_clusters_of_others_or_with_a_state_elsewhere_nothing_is_left_out(west: Clone) -> None:
    assert west.is_quick()
    assert not _quick_with(west, {"PULUMI_BACKEND_URL": "s3://elsewhere"})
    west.settings.write_text("config:\n  proj:backend: existing\n")
    assert not west.is_quick()


def _quick_with(west: Clone, env: Mapping[str, str]) -> bool:
    with first_update.quick(env, "west") as own:
        return SKIP in own


def test_an_update_with_settings_of_the_command_line_is_none_of_these(
    west: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Mapping[str, str]] = []

    def run_pulumi(env: Mapping[str, str], *_: str) -> int:
        given.append(env)
        return 1

    monkeypatch.setattr(stack_commands, "_pulumi_itself", run_pulumi)
    stack_commands._update(west.env, "west", "up")
    stack_commands._update(west.env, "west", "up", "--config", "backend=existing")
    assert [SKIP in env for env in given] == [True, False]


def test_after_ctrl_c_in_a_look_there_is_no_other_look(
    west: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    west.note.parent.mkdir(parents=True, exist_ok=True)
    (west.note.parent / "killed").touch()
    ran: list[str] = []

    def foreground(command: list[str], *_: object, **__: object) -> int:
        ran.append(command[2])
        return 0

    monkeypatch.setattr(stack_commands, "_pulumi_itself", lambda *_: 0)
    monkeypatch.setattr(run, "foreground", foreground)
    monkeypatch.setattr(run, "was_interrupted", lambda: bool(ran))
    assert stack_commands._update(west.env, "west", "up") == 130
    assert ran == ["drills.presence"]


@pytest.mark.parametrize("code", [1, 137])
def test_the_end_of_a_pulumi_that_was_killed_is_said(
    west: Clone, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int
) -> None:
    """Nothing else would be: nothing was written, so nothing is looked at."""
    monkeypatch.setattr(run, "foreground", lambda *_, **__: code)
    assert stack_commands._update(west.env, "west", "up") == code
    assert ("error: Pulumi was killed" in capsys.readouterr().err) is (code == 137)


@pytest.mark.parametrize(
    ("arguments", "others"),
    [
        ("up --yes", False),
        ("up --config backend=existing", True),
        ("up -c backend=existing", True),
        ("up -cbackend=existing", True),
        ("up --config-file=other.yaml", True),
    ],
)
def test_settings_of_the_command_line_may_be_of_clusters_of_others(
    arguments: str, others: bool
) -> None:
    assert pulumi_use.has_settings(arguments.split()) is others


def test_where_pulumi_keeps_the_state_in_no_such_file_nothing_is_known(west: Clone) -> None:
    west.was_begun()
    (project.states(project.state_folder()) / "proj" / "west.json").unlink()  # it is compressed
    assert not west.is_quick()
    assert not west.swept


def test_what_a_killed_first_update_has_left_is_made_anew(
    west: Clone, capsys: pytest.CaptureFixture[str]
) -> None:
    west.was_begun()
    assert west.is_quick()
    assert west.swept == [str(west.lab)]
    assert "The first update of stack west was killed" in capsys.readouterr().out


def test_no_update_begins_beside_clusters_that_did_not_end(west: Clone) -> None:
    west.was_begun()
    west.remains = True
    with pytest.raises(UserError, match="cannot be removed"):
        west.is_quick()


def test_an_update_of_which_pulumi_alone_was_killed_counts_as_killed(west: Clone) -> None:
    with first_update.quick(west.env, "west"):
        west.lab.mkdir()
    assert west.note.exists()


def test_clusters_without_a_note_are_kept(west: Clone) -> None:
    west.lab.mkdir(parents=True)
    assert not west.is_quick()
    assert not west.note.exists()
    assert not west.swept


def test_clusters_that_a_first_update_is_making_are_kept(west: Clone) -> None:
    west.was_begun()
    with files.locked(west.note), pytest.raises(UserError, match="is under way: wait for its end"):
        west.is_quick()
    assert not west.swept


def test_what_another_update_has_finished_meanwhile_is_kept(
    west: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    west.was_begun()
    touch = Path.touch

    def finished(path: Path, mode: int = 0o666) -> None:
        west.knows(2)
        touch(path, mode)

    monkeypatch.setattr(Path, "touch", finished)
    assert not west.is_quick()
    assert not west.swept
    assert not west.note.exists()
