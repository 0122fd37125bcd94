"""What is taken from the user's PATH, and what is not."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from foundation import packages
from toolchain import ambient, pins


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ("v3.258.0\n", "3.258.0"),
        ("Client Version: v1.32.4-dispatcher\nKustomize Version: v5.5.0\n", "1.32.4"),
        ("containerd github.com/containerd/containerd/v2 v2.1.6 \n", "2.1.6"),
        ("containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u1", "1.6.20"),
        ("runc version 1.3.4\nspec: 1.2.1\n", "1.3.4"),
        ("go1.26\n", "1.26"),
        ("no version here", None),
    ],
)
def test_the_version_is_read_from_what_a_tool_prints(answer: str, version: str | None) -> None:
    assert ambient.version_in(answer) == version


@pytest.mark.parametrize(
    ("version", "rule", "fitting"),
    [
        ("1.37.1", "==1.37.1", True),
        ("1.37.2", "==1.37.1", False),
        ("1.36.9", ">=1.36,<1.39", True),
        ("1.32.4", ">=1.36,<1.39", False),
        ("1.39.0", ">=1.36,<1.39", False),
        ("3.300.1", ">=3.258,<4", True),
        ("4.0.0", ">=3.258,<4", False),
    ],
)
def test_fitting_versions(version: str, rule: str, fitting: bool) -> None:
    assert ambient.fits(version, rule) is fitting


def tool(folder: Path, name: str, says: str) -> Path:
    folder.mkdir(exist_ok=True, parents=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\necho '{says}'\n")
    file.chmod(0o755)
    return file


def module(*binaries: pins.Binary, name: str = "m") -> pins.Module:
    return pins.Module(name, "example.org/m", "v1.2.3", binaries)


ETCD = pins.Binary("etcd", "x", ask=("--version",), fits=">=3.6,<3.7")


def test_the_first_that_fits_is_taken(tmp_path: Path) -> None:
    tool(tmp_path / "old", "etcd", "etcd Version: 3.5.1")
    fitting = tool(tmp_path / "new", "etcd", "etcd Version: 3.6.9")
    found = ambient.find(ETCD, [tmp_path / "none", tmp_path / "old", tmp_path / "new"])
    assert found == ambient.Found(fitting, "v3.6.9")


def test_a_tool_that_fails_or_is_not_executable_is_not_taken(tmp_path: Path) -> None:
    tool(tmp_path, "etcd", "etcd Version: 3.6.9").write_text("#!/bin/sh\necho 3.6.9; exit 1\n")
    assert ambient.find(ETCD, [tmp_path]) is None
    tool(tmp_path, "etcd", "etcd Version: 3.6.9").chmod(0o644)
    assert ambient.find(ETCD, [tmp_path]) is None


def test_what_we_built_is_not_the_users_even_by_a_link(tmp_path: Path) -> None:
    ours = tool(tmp_path / "cache", "etcd", "etcd Version: 3.6.9")
    (tmp_path / "user").mkdir()
    (tmp_path / "user" / "etcd").symlink_to(ours)
    assert ambient.find(ETCD, [tmp_path / "user"], own=[tmp_path / "cache"]) is None
    path = f"relative:{tmp_path}/cache:{tmp_path}/user"
    assert ambient.folders(path, [tmp_path / "cache"]) == [tmp_path / "user"]


def test_runc_without_seccomp_is_not_taken(tmp_path: Path) -> None:
    runc = next(b for b in pins.module("runc").binaries)
    tool(tmp_path, "runc", "runc version 1.3.4")
    assert ambient.find(runc, [tmp_path]) is None
    tool(tmp_path, "runc", "runc version 1.3.4 libseccomp: 2.5.4")
    assert ambient.find(runc, [tmp_path]) is not None


def test_pulumi_is_taken_only_with_its_language_host(tmp_path: Path) -> None:
    pulumi = pins.module("pulumi")
    tool(tmp_path, "pulumi", "v3.260.0")
    assert ambient.choose([pulumi], [tmp_path]) == {}
    tool(tmp_path, "pulumi-language-python", "")
    assert ambient.choose([pulumi], [tmp_path])["pulumi"].version == "v3.260.0"


def test_the_parts_of_containerd_are_taken_together_or_not_at_all(tmp_path: Path) -> None:
    containerd = pins.module("containerd")
    tool(tmp_path, "containerd", "containerd github.com/containerd/containerd/v2 v2.2.1")
    tool(tmp_path, "ctr", "ctr github.com/containerd/containerd/v2 v2.2.1")
    assert ambient.choose([containerd], [tmp_path]) == {}
    tool(tmp_path, "containerd-shim-runc-v2", "containerd-shim-runc-v2:\n  Version:  v2.2.1")
    assert set(ambient.choose([containerd], [tmp_path])) == {b.name for b in containerd.binaries}


def test_kubectl_of_a_neighbouring_version_is_taken_without_the_rest(tmp_path: Path) -> None:
    tool(tmp_path, "kubectl", "Client Version: v1.36.2")
    tool(tmp_path, "kubelet", "Kubernetes v1.36.2")
    assert set(ambient.choose([pins.module("kubernetes")], [tmp_path])) == {"kubectl"}


def test_what_must_be_built_is_never_looked_for(tmp_path: Path) -> None:
    for name in ("coredns", "bridge", "loopback", "host-local", "portmap"):
        tool(tmp_path, name, "9.9.9")
    assert ambient.choose([pins.module("coredns"), pins.module("cni")], [tmp_path]) == {}


def test_system_folders_are_searched_last() -> None:
    assert packages.search_path("/usr/bin:/sbin") == "/usr/bin:/sbin:/usr/sbin"


def test_a_program_whose_file_is_still_open_for_writing_is_asked_again(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho v1.2.3\n")
    program.chmod(0o755)
    with program.open("ab") as file:  # as a process has it that another thread forked meanwhile
        closing = threading.Timer(0.3, file.close)
        closing.start()
        assert ambient.ask([str(program)]) == "v1.2.3\n"
        closing.join()
