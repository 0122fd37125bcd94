"""A lab that is short of memory or disk: what it says, and how it comes back."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from foundation import disk, project
from foundation.memory import USAGE
from localkube import cgroups
from localkube.api import FAILURES
from localkube.diagnosis import memory
from localkube.spec import ClusterSpec
from tests.local.conftest import unable
from tests.support.checkout import free_run
from tests.support.lab_clusters import apply, bare_clusters, call
from tests.support.waiting import eventually

NAME = "east-cluster"
DISK_BYTES = 4 << 30
"""Size of the file system of the lab: what `up` asks for, and some more."""

ROOM = 64 << 20
"""So much memory is left when the hoarding begins."""

HOARD = """
import re, sys
open("/proc/self/oom_score_adj", "w").write("-1000")
open(sys.argv[1], "w").write("0")
with open(sys.argv[2], "wb") as file:
    for _ in range(int(sys.argv[3])):
        file.write(bytes(1 << 20))
        if not re.search(r"^oom_kill 0$", open(sys.argv[4]).read(), re.MULTILINE):
            break
"""
"""Fills a file in memory, which counts for the cgroup and for no process, until one was ended.

How much that takes is not known before: the kernel drops what it cached of files first. The process
itself is not to be the one that is ended.
"""


BEGIN = """
import json, sys
from dataclasses import astuple
from pathlib import Path
from localkube import cluster
from localkube.diagnosis import look
from localkube.spec import ClusterSpec
from localkube.status import status
spec = ClusterSpec.load(Path(sys.argv[1]))
"""
LOOK = f"""{BEGIN}
seen = status(spec)
found = [astuple(each) for each in look.findings(Path(spec.lab), [(spec, seen)])]
print(json.dumps({{"healthy": seen.healthy, "found": found}}))
"""
START = f"{BEGIN}cluster.start(spec)"


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system of the test's own."""
    if reason := unable(tmp_path_factory.getbasetemp()):
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "x", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.fixture(scope="module")
def group(small_disk: Path) -> Iterator[Path]:
    """A memory cgroup of the test's own, without a limit yet; this process is not in it.

    What runs in it uses the disk, so all of that ends before the disk is unmounted.
    """
    home = memory.group_of("self")
    if home is None:
        pytest.skip("no memory cgroup can be seen here")
    root = cgroups.ROOT / "memory" if (cgroups.ROOT / "memory").is_dir() else cgroups.ROOT
    made = root / f"test-short-of-{os.getpid()}"
    made.mkdir()
    yield made
    eventually(lambda: not (made / "cgroup.procs").read_text(), "all in the cgroup has ended")
    made.rmdir()


@pytest.fixture(scope="module")
def spec(group: Path, small_disk: Path) -> Iterator[ClusterSpec]:
    """A cluster whose processes are in this cgroup and whose files are on this disk."""
    home = memory.group_of("self")
    assert home is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(small_disk))
        (group / "cgroup.procs").write_text("0")
        with contextlib.ExitStack() as stack:
            try:
                made = stack.enter_context(bare_clusters([NAME], free_run(8), {}))
            finally:
                (home / "cgroup.procs").write_text("0")
            yield made[NAME]


def found(spec: ClusterSpec) -> str:
    """What is found about the lab, in one text; looked for in a process of its own, as ever."""
    return "\n".join(f"{text}: {remedy}" for text, remedy, _ in looked(spec)["found"])


def looked(spec: ClusterSpec) -> dict[str, Any]:
    """Whether the cluster is healthy, and the findings about its lab."""
    said = in_python(LOOK, str(spec.folder))
    return dict(json.loads(said))


def in_python(script: str, folder: str) -> str:
    """What a script prints. Raises CalledProcessError."""
    command = [sys.executable, "-c", script, folder]
    return subprocess.run(
        command, cwd=project.ROOT, stdout=subprocess.PIPE, text=True, check=True, timeout=240
    ).stdout


def makes_objects(spec: ClusterSpec) -> bool:
    """Whether the cluster's API server can store an object."""
    metadata = {"name": "written", "namespace": "default"}
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    try:
        apply(spec, document)
        call(spec, "DELETE", "/api/v1/namespaces/default/configmaps/written")
    except FAILURES:
        return False
    return True


def test_a_lab_that_lacks_nothing_has_no_findings(spec: ClusterSpec) -> None:
    assert found(spec) == ""
    assert makes_objects(spec)


def test_a_program_that_the_oom_killer_ends_is_named_and_started_again(
    spec: ClusterSpec, group: Path, small_disk: Path
) -> None:
    limit = next(group / name for name in USAGE if (group / name).exists())
    counter = next(group / name for name in memory.COUNTERS if (group / name).exists())
    used = int((group / USAGE[limit.name]).read_text())
    no_limit = limit.read_text()
    hoard = small_disk / "hoard"
    try:
        limit.write_text(str(used + ROOM))
        words = [str(group / "cgroup.procs"), str(hoard), str(used + 2 * ROOM >> 20), str(counter)]
        subprocess.run([sys.executable, "-c", HOARD, *words], check=False, timeout=120)
        eventually(lambda: "got SIGKILL" in found(spec), "the killed program is named", 60)
        said = found(spec)
        assert "the OOM killer struck" in said and str(limit) in said
    finally:
        hoard.unlink(missing_ok=True)
        limit.write_text("-1" if no_limit.strip().isdigit() else no_limit)
    eventually(lambda: looked(spec)["healthy"], "the cluster is well again", 90)
    assert all(is_over for _, _, is_over in looked(spec)["found"])


def test_a_full_disk_is_named_and_the_cluster_comes_back_when_it_is_freed(
    spec: ClusterSpec, small_disk: Path
) -> None:
    filling = small_disk / "filling"
    with filling.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1 << 20))
    try:
        eventually(lambda: not makes_objects(spec), "nothing can be written", 60)
        said = found(spec)
        assert f"the disk of {spec.lab} has " in said
        assert "free some" in said
    finally:
        filling.unlink()
    assert disk.shortages({Path(spec.lab): 1e8}) == []
    in_python(START, str(spec.folder))
    assert makes_objects(spec)
    assert "the disk of" not in found(spec)
