"""What a lab needs of the kernel, on a folder that looks like /proc/sys."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from localkube import LocalKubeError, kernel


@pytest.fixture
def sysctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that has all that a lab needs, and whose parameters no kubelet has set yet."""
    folder = tmp_path / "sys"
    for name in (kernel.INOTIFY_LIMIT, kernel.BRIDGE_FILTER, *kernel.OF_KUBELET):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("7\n")
    (folder / kernel.INOTIFY_LIMIT).write_text("4096")
    monkeypatch.setattr(kernel, "SYSCTL", folder)
    return folder


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    (tmp_path / "lab").mkdir()
    return tmp_path / "lab"


def modprobe(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """Puts a modprobe on PATH; returns the file to which it writes its arguments."""
    program, said = folder / "modprobe", folder / "said"
    program.write_text(f'#!/bin/sh\necho "$@" >> {said}\n{script}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return said


def test_what_kubelets_change_is_set_back_unless_somebody_changed_it_since(
    sysctl: Path, lab: Path
) -> None:
    kernel.prepare(lab)
    for name, value in kernel.OF_KUBELET.items():
        (sysctl / name).write_text(str(value))
    (sysctl / "kernel/panic").write_text("60")
    kernel.restore(lab)
    now = {name: int((sysctl / name).read_text()) for name in kernel.OF_KUBELET}
    assert now == dict.fromkeys(kernel.OF_KUBELET, 7) | {"kernel/panic": 60}


def test_a_second_lab_sets_nothing_back_that_the_first_one_found(sysctl: Path, lab: Path) -> None:
    for name, value in kernel.OF_KUBELET.items():
        (sysctl / name).write_text(str(value))
    kernel.prepare(lab)
    kernel.restore(lab)
    assert {name: int((sysctl / name).read_text()) for name in kernel.OF_KUBELET} == (
        kernel.OF_KUBELET
    )


def test_what_is_to_be_set_back_goes_to_a_lab_that_still_runs(
    sysctl: Path, lab: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    kernel.prepare(lab)
    for name, value in kernel.OF_KUBELET.items():
        (sysctl / name).write_text(str(value))
    kernel.prepare(other)
    kernel.restore(lab, other)
    assert (sysctl / "kernel/panic").read_text() == "10", "the other one's kubelets need it"
    (sysctl / "vm/panic_on_oom").write_text("2")
    kernel.prepare(other)  # it starts again, and somebody has changed one meanwhile
    (sysctl / "vm/panic_on_oom").write_text("0")
    kernel.restore(other)
    assert {(sysctl / name).read_text() for name in kernel.OF_KUBELET} == {"7"}


def test_a_kernel_without_a_parameter_is_fine(sysctl: Path, lab: Path) -> None:
    (sysctl / "kernel/keys/root_maxkeys").unlink()
    kernel.prepare(lab)
    kernel.restore(lab)
    assert not (sysctl / "kernel/keys/root_maxkeys").exists()


def test_the_module_is_loaded_where_it_is_not(
    sysctl: Path, lab: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = modprobe(tmp_path, monkeypatch, "true")
    kernel.check()
    kernel.prepare(lab)
    assert not said.exists(), "it is there"
    (sysctl / kernel.BRIDGE_FILTER).unlink()
    kernel.check()
    kernel.prepare(lab)
    assert said.read_text().splitlines() == ["--dry-run br_netfilter", "br_netfilter"]


def test_a_kernel_without_the_module_is_refused(
    sysctl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modprobe(tmp_path, monkeypatch, "echo FATAL: not found >&2; exit 1")
    (sysctl / kernel.BRIDGE_FILTER).unlink()
    with pytest.raises(LocalKubeError, match=r"FATAL: not found.*; run on the host: modprobe br_"):
        kernel.check()
