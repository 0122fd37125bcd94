"""Tables on a terminal, and where there is none."""

from __future__ import annotations

import pytest

from foundation import tables


def shown(capsys: pytest.CaptureFixture[str], words: int) -> list[str]:
    table = tables.folded(["name", "what"])
    table.add_row("a", " ".join(["word"] * words))
    tables.console().print(table)
    return capsys.readouterr().out.splitlines()


def test_a_row_is_a_line_in_a_pipe(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert len(shown(capsys, 40)) == 2


def test_columns_say_how_many_a_pipe_has(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    lines = shown(capsys, 40)
    assert len(lines) > 2
    assert max(map(len, lines)) <= 60


def test_words_of_others_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    words = "GET /orders?filter[name]=[/x]&a=:warning: lost"
    table = tables.folded([words])
    table.add_row(words)
    tables.console().print(table)
    tables.console().print(words)
    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == [words] * 3
