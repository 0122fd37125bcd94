"""A watch of pods that ends, by a kubectl that says what one says then."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drills.application import Application
from tests.support.pictures import EAST
from tests.support.waiting import eventually
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
    program = tmp_path / "kubectl"
    program.write_text(KUBECTL)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(kubectl, "AGAIN", 0.1)


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
