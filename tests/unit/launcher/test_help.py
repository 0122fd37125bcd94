"""What `--help` says of each command, in a terminal of 80 columns."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

import drills.__main__
import drills.clients.__main__
import drills.compare.__main__
import drills.soak.__main__
import drills.traffic.__main__
import localkube.__main__
import preview.__main__
import topology.__main__
from components.profile.lint.__main__ import main as lint

COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "./demo task": drills.__main__.main,
    "./demo task clients": drills.clients.__main__.main,
    "./demo task compare": drills.compare.__main__.main,
    "./demo task soak": drills.soak.__main__.main,
    "./demo task generate-traffic": drills.traffic.__main__.main,
    "./demo task lint:profile": lint,
    "./demo task preview": preview.__main__.main,
    "./demo task topology": topology.__main__.main,
    "./demo local": localkube.__main__.main,
}
LISTED = re.compile(r"^ {4}([a-z][a-z-]*) ", re.MULTILINE)
"""A command in the help of the one above it."""


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_names_what_was_typed_and_explains_each_option(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    def said(*words: str) -> str:
        with pytest.raises(SystemExit):
            COMMANDS[command]([*words, "--help"])
        return capsys.readouterr().out

    top = said()
    assert top.startswith(f"usage: {command} ")
    within = LISTED.findall(top) if "COMMAND" in top else []
    for text in [top, *map(said, within)]:
        assert "python -m" not in text
        assert max(map(len, text.splitlines())) <= 80
        assert "\n\n" in text.partition("options:")[0].strip(), "says what it is for"
        bare = re.findall(r"^  (--?[a-z].*)\n(?! {6,})", text, re.MULTILINE)
        assert [line for line in bare if "  " not in line] == []
