"""What is asked of the machine before a lab starts or grows."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from localkube import LocalKubeError, preflight


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
    monkeypatch.setattr(preflight, "check_namespaces", lambda: None)
    monkeypatch.setattr(preflight.kernel, "check", lambda: None)
    monkeypatch.setattr(preflight.cgroups, "withheld", lambda: [])
    monkeypatch.setattr(preflight, "check_disk", lambda folder: None)
    monkeypatch.setattr(preflight.cgroups, "hierarchies", lambda: [Path("/sys/fs/cgroup")])


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[int]:
    """The port of a relay of the lab in `tmp_path`, of whose clusters no file is left."""
    listen = (
        "import socket; server = socket.create_server(('127.0.0.1', 0));"
        "print(server.getsockname()[1], flush=True); input()"
    )
    files = str(tmp_path / "clusters" / "east")
    command = [sys.executable, "-c", listen, "localkube.inside.relay", files]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:
        assert process.stdout
        yield int(process.stdout.readline())
        process.kill()


def test_a_port_of_somebody_else_is_refused(port: int, relay: int, tmp_path: Path) -> None:
    with pytest.raises(LocalKubeError, match=f"port {port} of 127.0.0.1 is in use"):
        preflight.check([relay, port], tmp_path)


def test_the_ports_of_the_labs_own_relays_are_fine(relay: int, tmp_path: Path) -> None:
    preflight.check([relay], tmp_path)


def test_the_relays_of_another_lab_are_somebody_else(relay: int, tmp_path: Path) -> None:
    with pytest.raises(LocalKubeError, match=f"port {relay} of 127.0.0.1 is in use"):
        preflight.check([relay], tmp_path / "other")


def test_a_container_whose_processes_hold_the_top_cgroup_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight.cgroups, "withheld", lambda: ["cpu", "memory"])
    with pytest.raises(LocalKubeError, match=r"cannot have cpu, memory.* --cgroupns=host"):
        preflight.check([], tmp_path)
