"""What is asked of the machine before a lab starts or grows."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation import memory
from localkube import LocalKubeError, own_images, preflight
from tests.support.image_archives import docker


@pytest.fixture
def port() -> Iterator[int]:
    """A port of 127.0.0.1 at which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture(autouse=True)
def able(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which everything else is as it should be."""
    monkeypatch.setattr(preflight.project, "PRIVATE", tmp_path / ".demo")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(preflight.shutil, "which", lambda name, path: name)
    monkeypatch.setattr(preflight, "check_namespaces", lambda: None)
    monkeypatch.setattr(preflight.kernel, "check", lambda: None)
    monkeypatch.setattr(preflight.cgroups, "withheld", lambda: [])
    monkeypatch.setattr(preflight, "check_disk", lambda folder: None)
    monkeypatch.setattr(preflight.cgroups, "hierarchies", lambda: [Path("/sys/fs/cgroup")])


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    return tmp_path / "checkout" / ".demo" / "west" / "lab"


@pytest.fixture
def relay(lab: Path) -> Iterator[int]:
    """The port of a relay of `lab`, of whose clusters no file is left."""
    listen = (
        "import socket; server = socket.create_server(('127.0.0.1', 0));"
        "print(server.getsockname()[1], flush=True); input()"
    )
    files = str(lab / "clusters" / "east")
    command = [sys.executable, "-c", listen, "localkube.inside.relay", files]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:
        assert process.stdout
        yield int(process.stdout.readline())
        process.kill()


def test_a_port_of_somebody_else_is_refused(port: int, relay: int, lab: Path) -> None:
    with pytest.raises(LocalKubeError, match=f"port {port} of 127.0.0.1 is in use"):
        preflight.check([relay, port], [], lab)


def test_the_ports_of_the_labs_own_relays_are_fine(relay: int, lab: Path) -> None:
    preflight.check([relay], [], lab)


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ("checkout/.demo/east/lab", r"stack west of this checkout.* rename west"),
        ("other/.demo/west/lab", r"stack west of the checkout \S+/checkout: .*localPort"),
    ],
)
def test_a_port_of_another_lab_is_refused_with_the_lab(
    relay: int, tmp_path: Path, own: str, told: str
) -> None:
    with pytest.raises(LocalKubeError, match=f"port {relay} of 127.0.0.1 is held by .*{told}"):
        preflight.check([relay], [], tmp_path / own)


def test_ports_of_a_lab_that_ends_when_this_one_starts_are_fine(
    relay: int, port: int, lab: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("localkube.lab.abandoned", lambda: [lab])
    own = tmp_path / "moved" / ".demo" / "west" / "lab"
    preflight.check([relay], [], own)
    with pytest.raises(LocalKubeError, match=f"port {port} of 127.0.0.1 is in use"):
        preflight.check([relay, port], [], own)


def test_a_container_whose_processes_hold_the_top_cgroup_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight.cgroups, "withheld", lambda: ["cpu", "memory"])
    with pytest.raises(LocalKubeError, match=r"cannot have cpu, memory.* --cgroupns=host"):
        preflight.check([], [], tmp_path)


def test_a_damaged_image_that_was_loaded_is_refused_with_what_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ".demo" / "images"
    monkeypatch.setattr(own_images, "FOLDER", folder)
    folder.mkdir(parents=True)
    whole = folder / "shop.tar"
    docker(tmp_path, "shop:1").rename(whole)
    preflight.check([], [], tmp_path)
    whole.write_bytes(whole.read_bytes()[:700])
    with pytest.raises(LocalKubeError, match=rf"{whole}, .*: rm {whole} && ./demo local load"):
        preflight.check([], [], tmp_path)


@given(st.integers(0, 14), st.integers(-1_000_000_000, 20_000_000_000))
def test_clusters_are_refused_where_memory_is_short_of_them(clusters: int, free: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "available", lambda: memory.Available(free))
        if not clusters or free >= clusters * preflight.MEMORY_BYTES:
            preflight.check_memory(clusters)
        else:
            with pytest.raises(LocalKubeError, match=r"of memory is free, swap .* take "):
                preflight.check_memory(clusters)


def test_clusters_that_run_take_no_memory_more(
    relay: int, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []
    monkeypatch.setattr(preflight, "check_memory", counted.append)
    monkeypatch.setattr(preflight, "check_port", lambda _: None)
    preflight.check([], [relay, relay + 1, relay + 2], lab)
    assert counted == [2]


def test_a_limit_of_memory_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = memory.Limit(1_500_000_000, Path("/sys/fs/cgroup/demo/memory.max"))
    monkeypatch.setattr(memory, "available", lambda: memory.Available(700_000_000, limit))
    with pytest.raises(LocalKubeError) as refusal:
        preflight.check_memory(2)
    assert str(refusal.value) == (
        "700 MB of memory is free below the limit in /sys/fs/cgroup/demo/memory.max, and 2 clusters"
        " that do not run yet take 1.2 GB: raise that limit, or have fewer clusters (setting"
        " `clusters`)"
    )
    preflight.check_memory(1)
