"""How a command ends whose output nobody reads any more."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from foundation.entry import FAILED, NOT_READ, entry
from foundation.project import ROOT


@pytest.mark.parametrize("lines", [1, 100_000])
def test_a_reader_that_ends_early_is_no_defect(lines: int) -> None:
    program = (
        "import sys; from foundation.entry import entry\n"
        f"def main():\n  sys.stdin.read()\n  for n in range({lines}): print(n)\n  return 0\n"
        "sys.exit(entry(main))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdin is not None
    process.stdout.close()
    process.stdin.close()
    assert process.stderr is not None
    with process:
        assert process.stderr.read() == ""
    assert process.returncode == NOT_READ


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def write() -> int:
        with Path("/dev/full").open("wb", buffering=0) as file:
            return file.write(b"text")

    assert entry(write) == FAILED
    said = capsys.readouterr().err
    assert said == "error: a disk is full: free some, then run this again\n"


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EACCES, "/there is not yours to use: run this as the user who ran ./demo before"),
        (errno.EPERM, "/there is not yours to use: run this as the user who ran ./demo before"),
        (errno.EROFS, "the file system is read-only at /there: clone the project to another one"),
        (errno.EDQUOT, "your quota of the disk is used up at /there: free some, then run this"),
    ],
)
def test_a_file_that_is_not_the_users_is_said_in_one_line(
    number: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> int:
        raise OSError(number, os.strerror(number), "/there")

    assert entry(fail) == FAILED
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {said}")


def test_another_error_of_the_system_is_a_defect() -> None:
    with pytest.raises(FileNotFoundError):
        entry(lambda: len(Path("/nowhere").read_text()))
