"""Command lines of the control plane."""

from __future__ import annotations

from pathlib import Path

import pytest

from localkube import control_plane
from localkube.spec import ClusterSpec
from toolchain import tools


@pytest.mark.parametrize(("nodes", "given_up_soon"), [(1, False), (2, True)])
def test_a_silent_node_is_given_up_soon_only_where_there_is_another(
    nodes: int, given_up_soon: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "path", Path)
    first = ClusterSpec(str(tmp_path), "east-cluster", 1, nodes, 16443).members[0]
    command = control_plane.controller_manager(first).command
    assert any("grace-period" in flag for flag in command) == given_up_soon
    leaves = [flag for flag in control_plane.api_server(first).command if "toleration" in flag]
    assert bool(leaves) == given_up_soon
