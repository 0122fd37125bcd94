"""What several ask in one look is asked once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from drills.answers import Answers


def test_those_who_ask_at_the_same_time_share_an_answer() -> None:
    asked: list[str] = []
    both = threading.Barrier(2, timeout=10)

    def ask(question: str) -> str:
        asked.append(question)
        if len(asked) < 3:  # two questions are asked at once, neither waits for the other
            both.wait()
        return question.upper()

    answers = Answers()
    with ThreadPoolExecutor(max_workers=8) as pool:
        found = list(pool.map(lambda q: answers.once(q, lambda: ask(q)), ["a", "b"] * 4))
    assert found == ["A", "B"] * 4
    assert sorted(asked) == ["a", "b"]


def test_a_failure_is_no_answer() -> None:
    answers = Answers()
    with pytest.raises(OSError, match="once"):
        answers.once("a", _fail)
    assert answers.once("a", lambda: 1) == 1


def _fail() -> int:
    raise OSError("once")
