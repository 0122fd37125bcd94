"""Command lines of the control plane, and what it has in common with kubelet and DNS."""

from __future__ import annotations

from pathlib import Path

import pytest

from localkube import addons, control_plane, programs
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


def test_dns_kubelet_and_tokens_have_one_domain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "path", Path)
    monkeypatch.setattr(tools, "version", lambda _: "1")
    for module in (addons, control_plane, programs):
        monkeypatch.setattr(module, "CLUSTER_DOMAIN", "k8s.corp")
    node = ClusterSpec(str(tmp_path), "east-cluster", 1, 1, 16443).members[0]
    (dns,) = (each["data"] for each in addons.addons(1) if each["kind"] == "ConfigMap")
    assert "kubernetes k8s.corp in-addr.arpa {" in dns["Corefile"]
    assert programs.kubelet_config(node)["clusterDomain"] == "k8s.corp"
    (issuer,) = (f for f in control_plane.api_server(node).command if "account-issuer" in f)
    assert issuer.endswith("https://kubernetes.default.svc.k8s.corp")
