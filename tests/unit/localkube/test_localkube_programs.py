"""Command lines of a node's programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from localkube import programs
from localkube.spec import ClusterSpec
from toolchain import tools


def test_kube_proxy_sets_nothing_that_a_machine_may_not_have_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "path", Path)
    (node,) = ClusterSpec(str(tmp_path), "east-cluster", 1, 1, 16443).members
    told = [flag for flag in programs.kube_proxy(node).command if "--conntrack-" in flag]
    assert {flag.removeprefix("--conntrack-") for flag in told} == {
        "max-per-core=0", "tcp-timeout-established=0", "tcp-timeout-close-wait=0",
    }  # fmt: skip
