"""What commands that were killed leave behind: locks, torn files, half an update."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from foundation import contract, project
from foundation.errors import UserError
from launcher import leftovers


@pytest.mark.parametrize(
    ("words", "host", "stale"),
    [
        ([], "here", True),  # ended
        (["/usr/local/bin/pulumi", "up"], "here", False),  # the owner, at work
        (["bash"], "here", True),  # another process, under the owner's number
        (None, "here", False),  # somebody else's
        ([], "elsewhere", False),  # not ours to judge
    ],
)
def test_a_lock_is_stale_when_its_owner_is_gone(
    words: list[str] | None, host: str, stale: bool
) -> None:
    lock = leftovers.Lock(Path("lock.json"), 7, host)
    assert leftovers.is_stale(lock, "here", lambda pid: words) is stale


def write_lock(backend: Path, name: str, pid: int, host: str) -> Path:
    file = backend / ".pulumi" / "locks" / "organization" / "p" / "west" / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + ".123456789Z"
    content = {"pid": pid, "username": "u", "hostname": host, "timestamp": stamp}
    file.write_text(json.dumps(content))
    return file


@pytest.fixture
def updating() -> Iterator[int]:
    """A process that looks like an update at work; its id."""
    command = ["pulumi", "-c", "input()"]
    with subprocess.Popen(command, executable=sys.executable, stdin=subprocess.PIPE) as process:
        yield process.pid
        process.kill()


def test_only_the_locks_of_ended_processes_of_this_host_are_removed(
    tmp_path: Path, updating: int, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here = socket.gethostname()
    gone = write_lock(tmp_path, "gone", ended.pid, here)
    mine = write_lock(tmp_path, "mine", updating, here)
    other = write_lock(tmp_path, "other", ended.pid, here + "-not")
    damaged = gone.with_name("damaged.json")
    damaged.write_text("{")
    leftovers.remove_stale_locks(tmp_path)
    assert not gone.exists()
    assert mine.exists() and other.exists() and damaged.exists()
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 1 and "west" in said[0] and str(ended.pid) in said[0]


def test_a_torn_state_gives_way_to_its_copy_or_to_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / ".pulumi" / "stacks" / "p"
    folder.mkdir(parents=True)
    (folder / "whole.json").write_text('{"version": 3}')
    (folder / "west.json").write_text('{"version": 3, "che')
    (folder / "west.json.bak").write_text('{"version": 3, "before": 1}')
    (folder / "east.json").write_text("")
    leftovers.mend_states(tmp_path)
    assert (folder / "whole.json").read_text() == '{"version": 3}'
    assert (folder / "west.json").read_text() == '{"version": 3, "before": 1}'
    assert not (folder / "east.json").exists()
    said = capsys.readouterr().out
    assert "stack west was torn" in said and "stack east was torn" in said and "whole" not in said
    leftovers.mend_states(tmp_path)
    assert capsys.readouterr().out == ""
    leftovers.forget_torn_states(tmp_path, "west")
    assert [f.name for f in folder.glob("*.torn")] == ["east.json.torn"]


@pytest.mark.parametrize("killed_at", ["pathlib.Path.replace", "shutil.copy2"])
def test_mending_that_is_killed_is_done_by_the_next_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    state = tmp_path / ".pulumi" / "stacks" / "p" / "west.json"
    state.parent.mkdir(parents=True)
    state.write_text('{"version": 3, "che')
    state.with_name("west.json.bak").write_text('{"version": 3, "before": 1}')

    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(killed_at, kill)
        leftovers.mend_states(tmp_path)
    leftovers.mend_states(tmp_path)
    assert json.loads(state.read_text())["before"] == 1


def test_a_state_that_is_gone_or_may_not_be_read_is_not_torn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    states = tmp_path / ".pulumi" / "stacks" / "p"
    states.mkdir(parents=True)
    (states / "east.json").symlink_to("nowhere")
    leftovers.mend_states(tmp_path)
    (states / "east.json").unlink()
    (states / "west.json").write_text('{"version": 3}')

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "read_bytes", refuse)
    monkeypatch.setattr(shutil, "copy2", refuse)  # root may read everything
    with pytest.raises(PermissionError):
        leftovers.mend_states(tmp_path)
    assert [file.name for file in states.iterdir()] == ["west.json"]
    assert capsys.readouterr().out == ""


def test_torn_attributes_of_a_file_are_removed_and_whole_ones_stay(tmp_path: Path) -> None:
    folder = tmp_path / ".pulumi" / "stacks" / "p"
    folder.mkdir(parents=True)
    whole, torn = folder / "east.json.attrs", folder / "west.json.attrs"
    whole.write_text('{"md5":"abc="}\n')
    torn.write_text("")
    (folder.parent.parent / "meta.yaml.attrs").write_text('{"user.cache')
    leftovers.remove_torn_attributes(tmp_path)
    assert list((tmp_path / ".pulumi").rglob("*.attrs")) == [whole]


def test_an_update_that_goes_on_is_known_by_its_lock(tmp_path: Path, updating: int) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    write_lock(tmp_path, "gone", ended.pid, socket.gethostname())
    assert leftovers.updating(tmp_path, "west") == []
    write_lock(tmp_path, "mine", updating, socket.gethostname())
    assert [lock.pid for lock in leftovers.updating(tmp_path, "west")] == [updating]
    assert leftovers.updating(tmp_path, "east") == []


def test_a_lock_from_before_this_host_was_renamed_is_refused_with_its_remedy(clone: Path) -> None:
    env = {"PULUMI_BACKEND_URL": project.state_url()}
    leftovers.check_idle(env, "west")
    file = write_lock(project.state_folder(), "lock", 7, "former")
    with pytest.raises(UserError) as refused:
        leftovers.check_idle(env, "west")
    assert str(refused.value) == (
        "An update of stack west is under way (process 7 of host former; if it has ended:"
        " ./demo pulumi cancel --stack west): wait for its end"
    )
    file.unlink()
    leftovers.check_idle(env, "west")


@pytest.mark.parametrize(
    ("operations", "killed"),
    [([], False), (["creating", "deleting"], False), (["creating", "updating"], True)],
)
def test_an_update_that_was_killed_is_noted_by_what_it_was_doing(
    clone: Path, monkeypatch: pytest.MonkeyPatch, operations: list[str], killed: bool
) -> None:
    state, note = project.state_folder(), project.stack_folder("west") / contract.KILLED_FILE
    pending = [{"resource": {}, "type": each} for each in operations]
    file = state / ".pulumi" / "stacks" / "demo" / "west.json"
    file.parent.mkdir(parents=True)
    for torn in ("", "{}", '{"checkpoint": {"latest": null}}'):
        file.write_text(torn)
        leftovers.note_killed(state)
        assert not note.exists()
    whole = json.dumps({"checkpoint": {"latest": {"pending_operations": pending}}})
    file.write_text(whole)
    monkeypatch.setattr(leftovers, "updating", lambda *_: [1])
    leftovers.note_killed(state)
    assert not note.exists(), "it goes on"
    running = [[1]]
    with monkeypatch.context() as patched:
        patched.setattr(leftovers, "updating", lambda *_: running.pop() if running else [])
        patched.setattr(Path, "read_text", lambda _: running.clear() or whole)
        leftovers.note_killed(state)
    assert not note.exists(), "it ended well while its state was read"
    monkeypatch.setattr(leftovers, "updating", lambda *_: [])
    leftovers.note_killed(state)
    assert note.exists() is killed
