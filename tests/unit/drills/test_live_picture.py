"""Drills beside the live picture: whatever its program does, they go on."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drills import live_picture
from drills.live_picture import LivePicture


def program(text: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program in place of the picture's."""
    with subprocess.Popen(
        ["sh", "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        yield process
        process.kill()


def test_a_run_is_recorded_from_its_begin_to_its_end(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    text = f"echo address; while read -r line; do echo $line >> {asked}; echo begun; done"
    for process in program(text):
        picture = LivePicture(process)
        said: list[str] = []
        with picture.recorded(tmp_path / "run", said.append):
            assert asked.read_text() == f"record {tmp_path}/run/topology.jsonl\n"
        assert asked.read_text().splitlines()[1:] == ["end"]
        assert (picture.address, said) == ("address", [])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("echo address", "its program has ended"),
        ("echo address; read -r line; echo error: no room; read -r line", "no room"),
        ("echo address; sleep 100", "its program has ended"),
    ],
)
def test_a_drill_goes_on_without_its_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, why: str
) -> None:
    monkeypatch.setattr(live_picture, "_SECONDS", 0.5 if "sleep" in text else 30)
    for process in program(text):
        picture = LivePicture(process)
        if "sleep" not in text:
            time.sleep(0.1)
        said: list[str] = []
        with picture.recorded(tmp_path, said.append):
            said.append("the drill")
        assert said[-1] == "the drill" and why in said[0]
