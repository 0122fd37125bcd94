"""What processes use, as the kernel counts it."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

from drills.compare import usage
from drills.compare.usage import Usage


def test_usage_is_that_of_a_process_and_of_all_that_it_started() -> None:
    with subprocess.Popen(
        ["sh", "-c", "sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo; read x'; :"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin and process.stdout
        process.stdout.readline()
        pids = usage.descendants(process.pid)
        alone, together = usage.of([process.pid]), usage.of(pids)
        process.stdin.write(b"\n")
    assert len(pids) == 2 and pids[0] == process.pid
    assert 0 < alone.cpu < together.cpu and 0 < alone.memory < together.memory
    assert usage.of(pids) == Usage(0.0, 0)
    assert usage.of(pids).since(together) is None, "who has ended took its count along"
    assert together.since(alone) == replace(together, cpu=together.cpu - alone.cpu)


def test_a_thread_that_ends_takes_no_time_back() -> None:
    took: list[float] = []

    def count() -> None:
        sum(range(20_000_000))
        took.append(time.thread_time())

    before = usage.of([os.getpid()])
    work = threading.Thread(target=count)
    work.start()
    work.join()
    used = usage.of([os.getpid()]).since(before)
    assert used and used.cpu > took[0] / 2


def test_a_process_whose_name_is_no_text_keeps_nobody_from_counting(tmp_path: Path) -> None:
    for pid, name in ((7, b"k\xc3"), (8, b"one)"), (9, b"another")):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "stat").write_bytes(
            b"%d (%s) S %d 7" % (pid, name, 1 if pid == 7 else 7)
        )
    assert usage.descendants(7, tmp_path) == [7, 8, 9]
