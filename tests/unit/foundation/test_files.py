"""Files in one step, and locks that end with their process."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from foundation import files
from foundation.project import ROOT
from localkube import lab

HOLD = (
    "import sys; from pathlib import Path; from foundation import files\n"
    "with files.locked(Path(sys.argv[1])):\n"
    "    print('held', flush=True); sys.stdin.read()\n"
)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_a_replaced_file_has_the_mode_that_was_asked_for(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "a"
    file.write_text("old")
    umask = os.umask(0o077)
    try:
        files.replace(file, "new", mode=mode, durable=True)
    finally:
        os.umask(umask)
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("new", mode)
    assert list(tmp_path.iterdir()) == [file]


def test_threads_may_write_one_file(tmp_path: Path) -> None:
    """As those do that make clusters, each of which notes whose its lab is."""
    file = tmp_path / "backend"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: files.replace(file, text), ["same"] * 400))
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("backend", "same")]


def test_nothing_is_left_of_a_text_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "settings"
    files.replace(file, "old")
    with pytest.raises(UnicodeEncodeError):
        files.replace(file, "new \ud800")
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"settings": "old"}


def test_a_reader_never_sees_a_part(tmp_path: Path) -> None:
    file, seen, texts = tmp_path / "a", set(), ("x" * 200_000, "y" * 200_000)
    files.replace(file, texts[0])
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(file.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(50):
        files.replace(file, texts[turn % 2])
    done.set()
    reader.join()
    assert seen and seen <= set(texts)


@pytest.mark.parametrize("hard", [False, True])
def test_a_link_takes_the_place_of_what_was_there(tmp_path: Path, hard: bool) -> None:
    target, file = tmp_path / "target", tmp_path / "folder" / "link"
    target.write_text("text")
    for _ in range(2):
        files.link(file, target, hard=hard)
        assert file.read_text() == "text" and file.is_symlink() != hard
    assert list(file.parent.iterdir()) == [file]


def test_a_program_is_copied_where_there_are_no_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(source: Path, file: Path) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), source, None, file)

    monkeypatch.setattr(os, "link", link)
    target, file = tmp_path / "target", tmp_path / "folder" / "program"
    target.write_text("#!/bin/sh\n")
    target.chmod(0o755)
    files.link(file, target, hard=True)
    assert file.read_text() == "#!/bin/sh\n" and os.access(file, os.X_OK)
    assert list(file.parent.iterdir()) == [file]


def test_a_lock_is_waited_for_and_ends_with_its_process(tmp_path: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert other.stdout is not None and other.stdout.readline() == "held\n"
    waited = []

    def waiting() -> None:
        waited.append(True)
        other.kill()

    with other, files.locked(tmp_path, waiting):
        assert waited == [True]


def test_who_gets_a_lab_in_his_turn_is_not_told_that_another_command_has_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "west" / "lab"
    place.parent.mkdir()
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(place.parent)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert other.stdout is not None and other.stdout.readline() == "held\n"
    turn = threading.Timer(0.2, other.kill)
    turn.start()
    with other, lab.locked(place):
        assert capfd.readouterr().out == ""
    turn.join()


def test_a_lock_of_nobody_is_not_held(tmp_path: Path) -> None:
    assert not files.is_locked(tmp_path / "absent")
    (tmp_path / "free").touch()
    assert not files.is_locked(tmp_path / "free")
    with files.locked(tmp_path / "free"):
        assert files.is_locked(tmp_path / "free")
