"""What is asked of the machine before a lab starts or grows."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from localkube import LocalKubeError, preflight
from localkube.spec import ClusterSpec


@pytest.fixture
def port() -> Iterator[int]:
    """A port of 127.0.0.1 at which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture(autouse=True)
def able(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which everything else is as it should be."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(preflight.shutil, "which", lambda name, path: name)
    for check in ("check_namespaces", "check_limits"):
        monkeypatch.setattr(preflight, check, lambda: None)
    monkeypatch.setattr(preflight, "check_disk", lambda folder: None)
    monkeypatch.setattr(preflight.cgroups, "hierarchies", lambda: [Path("/sys/fs/cgroup")])


def lab(folder: Path, port: int) -> None:
    """A cluster of the lab with this port."""
    spec = ClusterSpec(str(folder), "east-cluster", 1, 1, port)
    spec.folder.mkdir(parents=True)
    spec.save()


def test_a_lab_that_does_not_run_holds_no_port(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight.lab, "supervisor", lambda folder: None)
    lab(tmp_path, port)
    with pytest.raises(LocalKubeError, match=f"port {port} of 127.0.0.1 is in use"):
        preflight.check([port], tmp_path)


def test_a_lab_that_runs_may_keep_its_ports_and_needs_the_others_free(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight.lab, "supervisor", lambda folder: object())
    with pytest.raises(LocalKubeError, match=f"port {port} of 127.0.0.1 is in use"):
        preflight.check([port], tmp_path)
    lab(tmp_path, port)
    preflight.check([port], tmp_path)
