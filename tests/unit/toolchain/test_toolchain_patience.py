"""One setting stretches how long things may take on a slow machine; nothing else moves."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.documents import waiting
from drills import rollout
from drills.application import Workload
from drills.waiting import until
from foundation.errors import UserError
from launcher import stack_commands
from localkube import cgroups
from tests.support import drill_stack
from toolchain import patience


@given(st.floats(1, 100), st.floats(0, 1e4))
def test_waits_are_stretched_and_never_shortened(factor: float, seconds: float) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(patience.VARIABLE, raising=False)
        assert patience.scaled(seconds) == seconds
        patch.setenv(patience.VARIABLE, repr(factor))
        assert patience.scaled(seconds) == seconds * factor >= seconds


@pytest.mark.parametrize("text", ["0", "0.5", "-1", "101", "nan", "inf", "much"])
def test_what_is_no_factor_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(patience.VARIABLE, text)
    with pytest.raises(UserError, match=rf"{patience.VARIABLE} is .*export"):
        patience.factor()


def test_an_object_gets_more_time_and_its_own_annotation_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = {"kind": "Deployment", "metadata": {"name": "a"}}
    own = {"kind": "Deployment", "metadata": {"name": "a", "annotations": {waiting.TIMEOUT: "60"}}}
    before = waiting.timeouts(plain).create, waiting.timeouts(own).create
    assert before == ("180s", "60s")
    monkeypatch.setenv(patience.VARIABLE, "4")
    assert waiting.timeouts(plain).create == "720s" and waiting.timeouts(own).create == "240s"


def test_the_end_of_processes_is_waited_for_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(patience.VARIABLE, "3")
    asked: list[float] = []

    def scaled(seconds: float) -> float:
        asked.append(seconds)
        return patience.scaled(seconds)

    monkeypatch.setattr(cgroups, "scaled", scaled)
    monkeypatch.setattr(cgroups, "hierarchies", list)
    cgroups.clear("/none")
    assert asked == [cgroups.PATIENCE_SECONDS]


def test_pulumi_is_told_to_be_as_patient_with_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, str]] = []
    monkeypatch.setattr(
        stack_commands.run, "foreground", lambda _, env, __, **___: told.append(env) or 0
    )
    monkeypatch.setenv(patience.VARIABLE, "10")
    stack_commands._pulumi_itself({}, "up")
    stack_commands._pulumi_itself({"HTTP2_PING_TIMEOUT_SECONDS": "7"}, "up")
    idle, ping = "HTTP2_READ_IDLE_TIMEOUT_SECONDS", "HTTP2_PING_TIMEOUT_SECONDS"
    assert [(each[idle], each[ping]) for each in told] == [("300", "150"), ("300", "7")]


def test_a_drill_waits_longer_for_kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[list[str], float]] = []

    def output(command: list[str], *, seconds: float, **_: object) -> str:
        asked.append((command, seconds))
        return "{}"

    monkeypatch.setattr("drills.stack.commands.output", output)
    monkeypatch.setenv(patience.VARIABLE, "10")
    drill_stack.stack(tmp_path).get("east-cluster", "pods")
    ((command, seconds),) = asked
    assert "--request-timeout=50s" in command and seconds == 200


def test_a_drill_waits_longer_for_pods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[list[str], float]] = []

    def output(command: list[str], *, seconds: float, **_: object) -> str:
        asked.append((command, seconds))
        return ""

    monkeypatch.setattr("drills.stack.commands.output", output)
    monkeypatch.setenv(patience.VARIABLE, "10")
    made = drill_stack.stack(tmp_path)
    monkeypatch.setattr(type(made.objects), "read", lambda *_: {"kind": "Deployment", "spec": {}})
    rollout.wait_ready(made, "east-cluster", Workload("Deployment", "retail", "shop"))
    ((command, seconds),) = asked
    assert f"--timeout={10 * rollout.READY_SECONDS}s" in command
    assert seconds > 10 * rollout.READY_SECONDS, "kubectl itself says what it waited for"


def test_a_drill_waits_longer_for_what_is_true_in_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(UserError, match=r"done: not within 0\.01 s"):
        until(lambda: False, "done", 0.01, pause=0.01)
    monkeypatch.setenv(patience.VARIABLE, "100")
    begun = time.monotonic()
    until(lambda: time.monotonic() > begun + 0.1, "done", 0.01, pause=0.01)
