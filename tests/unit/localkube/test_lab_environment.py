"""The environment of what runs in a lab, and its limits."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from localkube import lab
from localkube.diagnosis import memory
from localkube.inside.egress_routes import route_for

PROXY = {"https_proxy": "http://proxy.example:3128"}


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_where_no_proxy_is_wanted_the_egress_asks_none(name: str) -> None:
    env = lab.environment({**PROXY, name: " * "})
    assert route_for("registry.example", 443, env) is None


@pytest.mark.parametrize("exempt", ["", "corp.example"])
def test_the_nodes_reach_each_other_without_a_proxy(exempt: str) -> None:
    env = lab.environment({**PROXY, "NO_PROXY": exempt})
    assert route_for("10.89.0.17", 6443, env) is None
    assert (route_for("x.corp.example", 443, env) is None) == bool(exempt)
    assert route_for("registry.example", 443, env)


@pytest.fixture
def shell() -> Iterator[int]:
    """Have the limit of open files that shells set; give the highest one."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
    yield before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_what_runs_in_a_lab_may_open_more_files_than_a_shell(
    shell: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Reached(Exception):
        """The first step that changes something."""

    def note(_: Path) -> None:
        raise Reached

    monkeypatch.setattr(memory, "note", note)
    with pytest.raises(Reached):
        lab.main(tmp_path)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (min(shell, lab.OPEN_FILES), shell)


def test_a_limit_that_cannot_be_raised_or_is_higher_stays(
    shell: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    lab.raise_open_files()
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1 << 21, 1 << 21))
    monkeypatch.setattr(resource, "setrlimit", lambda *_: pytest.fail("it is lowered"))
    lab.raise_open_files()
    monkeypatch.undo()
