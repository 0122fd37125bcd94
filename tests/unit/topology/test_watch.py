"""Watches that end, and those of a program that is killed, by a kubectl of the test's own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drills.application import Application
from foundation import processes, project
from tests.support.pictures import EAST
from tests.support.waiting import eventually
from toolchain import patience
from topology import kubectl
from topology.feed import Feed
from topology.kubectl import Source
from topology.platform_pods import PlatformPods

KUBECTL = """#!/bin/bash
cd "${0%/*}"
case " $* " in
  *" exec "*) exit 1 ;;
  *" --watch "*)
    [ ! -e ended ] || { cat again; exec cat; }
    touch ended silent
    cat first ;;
  *) rm silent 2> /dev/null || cat list ;;
esac
"""
"""The first watch ends, and the list of pods is not to be had at once."""


def pod(name: str) -> dict[str, Any]:
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    return {"metadata": {"name": name}, "status": ready}


@pytest.fixture
def _kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stays, leaves = [{"type": "ADDED", "object": pod(name)} for name in ("stays", "leaves")]
    failed = {"type": "ERROR", "object": {"kind": "Status", "metadata": {}, "status": "Failure"}}
    texts = {
        "first": [stays, leaves, failed],
        "again": [stays],
        "list": [{"items": [pod("stays")]}],
    }
    for name, lines in texts.items():
        (tmp_path / name).write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    stand_in(tmp_path, monkeypatch, KUBECTL)
    monkeypatch.setattr(kubectl, "AGAIN", 0.1)


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Write a program that is run for kubectl."""
    program = folder / "kubectl"
    program.write_text(text)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def platform_pods() -> tuple[Source, str]:
    application = Application(namespace="shop", selector={"app": "shop"})
    return PlatformPods(Path("kubeconfig"), "tetrate", application, {EAST: 1.0}), "pods"


def feed() -> tuple[Source, str]:
    return Feed(Path("kubeconfig"), [EAST], {EAST: 1.0}), "gateways"


@pytest.mark.usefixtures("_kubectl")
@pytest.mark.parametrize("made", [platform_pods, feed])
def test_a_pod_that_goes_while_nobody_watches_is_gone(
    made: Callable[[], tuple[Source, str]],
) -> None:
    source, kind = made()
    source.start()

    def gone() -> dict[str, bool]:
        (cluster,) = source.picture(100.0)["clusters"]
        return {pod.get("name") or pod["address"]: pod["state"] == "gone" for pod in cluster[kind]}

    try:
        eventually(lambda: gone() == {"stays": False, "leaves": True}, "one is gone", 10)
    finally:
        source.stop()


@pytest.mark.usefixtures("_kubectl")
def test_pods_that_nobody_follows_are_old_until_they_are_listed_again(tmp_path: Path) -> None:
    """However well a proxy of the same cluster is heard meanwhile."""
    source = PlatformPods(Path("kubeconfig"), "tetrate", Application(), {EAST: 1.0})
    (tmp_path / "list").rename(tmp_path / "kept")
    source.start()
    try:
        eventually(lambda: source.unwatched().get(EAST, 0.0) > 0.3, "nobody follows", 10)
        source._is_well(EAST, "exec")
        said = "list: No such file"
        eventually(lambda: said in source.troubles().get(EAST, ""), "it says why", 10)
        (tmp_path / "kept").rename(tmp_path / "list")
        eventually(lambda: not source.unwatched() and not source.troubles(), "followed", 10)
    finally:
        source.stop()


@pytest.mark.usefixtures("_kubectl")
def test_an_error_that_nobody_thought_of_ends_no_reader(tmp_path: Path) -> None:
    odd = {"type": "ADDED", "object": {"kind": "Pod"}}  # without metadata
    (tmp_path / "first").write_text(f"{json.dumps(odd)}\n")
    source, _ = platform_pods()
    source.start()
    try:
        eventually(lambda: source._known(EAST) == {"stays"}, "the next watch is read", 10)
    finally:
        source.stop()


def test_a_command_that_begins_while_all_are_stopped_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch, "#!/bin/bash\nread -rt 20\necho late\n")
    source, _ = feed()
    source.stop()
    with source._command(EAST, "get") as output:
        assert output.read() == b"", "nobody has waited for it"


@pytest.mark.parametrize(("factor", "seconds"), [("1", 5), ("10", 50)])
def test_a_watch_asks_a_silent_server_for_a_sign_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, factor: str, seconds: int
) -> None:
    """Nothing else tells a connection that is dead from pods that do not change."""
    monkeypatch.setenv(patience.VARIABLE, factor)
    stand_in(tmp_path, monkeypatch, "#!/bin/bash\nenv\n")
    source, _ = feed()
    with source._command(EAST, "get") as output:
        told = output.read().decode().splitlines()
    variables = ("HTTP2_READ_IDLE_TIMEOUT_SECONDS", "HTTP2_PING_TIMEOUT_SECONDS")
    assert {f"{name}={seconds}" for name in variables} <= {*told}
    assert f"PATH={os.environ['PATH']}" in told


FOLLOWERS = {
    "picture": f"from topology.feed import Feed; Feed(Path('k'), ['{EAST}']).start()",
    "logs": "from drills.traffic.portal import PortalLogs; "
    f"PortalLogs(Path('k'), ['{EAST}'], print).start()",
}


@pytest.mark.parametrize("what", FOLLOWERS.values(), ids=FOLLOWERS)
def test_no_kubectl_outlives_a_program_that_is_killed(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch, f"#!/bin/bash\necho $$ > {tmp_path}/pid\nexec sleep 300\n")
    follow = f"import time; from pathlib import Path; {what}; time.sleep(300)"
    pid = tmp_path / "pid"
    with subprocess.Popen([sys.executable, "-c", follow], cwd=project.ROOT) as follower:
        try:
            eventually(lambda: pid.exists() and bool(pid.read_text()), "it follows", 30)
        finally:
            follower.kill()
    watch = int(pid.read_text())
    try:
        eventually(lambda: processes.is_over(processes.status(watch)), "kubectl ends", 5)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(watch, signal.SIGKILL)
