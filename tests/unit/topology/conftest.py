"""A browser for the tests of the live page, and a hand whose commands are noted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from drills.faults import Fault
from drills.stack import Stack
from tests.support.browser import Page, browser
from tests.support.pictures import EAST, WEST
from topology.hand import Hand


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("browser")) as made:
        yield made


@pytest.fixture
def page(opened: Page) -> Iterator[Page]:
    opened.open("about:blank")
    opened.errors.clear()
    yield opened
    opened.prefer("", "")
    assert opened.errors == []


@pytest.fixture
def guards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The faults that guards stand for, by none that acts on the checkout's own stack."""
    there: list[tuple[str, str]] = []

    @contextlib.contextmanager
    def standing(_: Stack, fault: Fault, cluster: str) -> Iterator[int]:
        there.append((fault.name, cluster))
        with (tmp_path / "guard").open("w") as file:
            yield file.fileno()
        there.remove((fault.name, cluster))

    monkeypatch.setattr("topology.hand.guard.standing", standing)
    return there


@pytest.fixture
def hand(tmp_path: Path, guards: list[object], monkeypatch: pytest.MonkeyPatch) -> Hand:
    """A hand whose commands are noted in a file, by a program in place of ./demo."""
    program = tmp_path / "demo"
    program.write_text(f'#!/bin/sh\necho "$*" | tee -a {tmp_path}/ran\n[ "$2" != heal-all ]\n')
    program.chmod(0o755)
    monkeypatch.setattr("topology.hand._DEMO", str(program))
    order = ((EAST, WEST),)
    stack = Stack(
        "west", tmp_path, tmp_path / "kubeconfig", {EAST: 1, WEST: 1}, "active", order=order
    )
    return Hand(stack)
