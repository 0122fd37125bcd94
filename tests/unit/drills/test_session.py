"""Commands that wait for the word: real shells in place of kubectl exec."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from drills.faults import session
from foundation.errors import UserError

_PREPARED = f"echo {session.READY}; read -r || exit; "


def _shell(script: str) -> list[str]:
    return ["bash", "-c", script]


def test_nothing_goes_on_before_the_word_and_all_of_it_after(tmp_path: Path) -> None:
    commands = {pod: _shell(f"{_PREPARED} touch {tmp_path}/{pod}; echo {pod}") for pod in "ab"}
    with session.all_ready(commands, "east-cluster") as go:
        time.sleep(0.1)  # time in which one that does not wait would have gone on
        assert not list(tmp_path.iterdir())
        assert go() == {"a": "a\n", "b": "b\n"}
    assert {file.name for file in tmp_path.iterdir()} == {"a", "b"}


def test_without_the_word_nothing_is_done_and_nobody_stays(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    commands = {"a": _shell(f"echo $$ > {pid}; {_PREPARED} touch {tmp_path}/done")}
    with pytest.raises(KeyboardInterrupt), session.all_ready(commands, "east-cluster"):
        raise KeyboardInterrupt
    assert not (tmp_path / "done").exists()
    assert not Path(f"/proc/{pid.read_text().strip()}").exists()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'error: no such pod' >&2; exit 1", "kubectl exec in a: no such pod"),
        ("sleep 60", "kubectl exec in a: not ready in time"),
    ],
)
def test_what_does_not_become_ready_is_named_before_anything_goes_on(
    script: str, said: str, tmp_path: Path
) -> None:
    commands = {"a": _shell(script), "b": _shell(f"{_PREPARED} touch {tmp_path}/b")}
    begun = False
    waited = session.all_ready(commands, "east-cluster", seconds=1 if "sleep" in script else 30)
    with pytest.raises(UserError, match=said), waited:
        begun = True
    assert not begun
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'connection refused' >&2; exit 1", "connection refused"),
        ("sleep 60", "no answer in time"),
    ],
)
def test_what_fails_after_the_word_is_named(script: str, said: str) -> None:
    commands = {"a": _shell(_PREPARED + script)}
    waited = session.all_ready(commands, "east-cluster", seconds=1 if "sleep" in script else 30)
    told = pytest.raises(UserError, match=f"east-cluster: kubectl exec in a: {said}")
    with waited as go, told:
        go()
