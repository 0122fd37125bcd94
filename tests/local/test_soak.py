"""A short soak on real clusters: the events of its seed, everything healed, nothing grown."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

from tests.support.checkout import Checkout
from tests.support.waiting import eventually

QUICK = ("--seed", "5", "--rate", "50", "--baseline", "2", "--hold", "3")
SECONDS = 120
"""Longest time until a fault is in force, and until an interrupted soak has ended."""


def report(output: str) -> str:
    """The report that a soak wrote."""
    (file,) = re.findall(r"^Report: (\S+)/soak\.md$", output, re.MULTILINE)
    return Path(file, "soak.md").read_text()


def events(text: str) -> list[list[str]]:
    """Fault and cluster of each event of a report."""
    found = re.findall(r"^\| \d+ \| \d+ \| (\S+ \| \S+)", text, re.MULTILINE)
    return [line.split(" | ") for line in found]


def test_a_soak_scores_and_heals_each_event_and_holds_no_more_at_its_end(demo: Checkout) -> None:
    done = demo.demo("task", "soak", "--", "--minutes", "0.1", *QUICK, check=False)
    print(done.output)  # its exit code also judges times
    text = report(done.output)
    assert len(events(text)) == 2
    assert "lost 0" in text and " grew from " not in text and "Not healed" not in text
    (processes,) = re.findall(r"^\| processes \| (\d+) \|", text, re.MULTILINE)
    assert int(processes) > 3 * 9  # three control planes, and pods
    assert re.search(r"^\| memory \| [\d,]+ MiB \| [\d,]+ MiB \|", text, re.MULTILINE)
    assert demo.demo("task", "status").code == 0


def test_an_interrupted_soak_heals_and_reports(demo: Checkout, tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = demo.start("./demo", "task", "soak", "--", *QUICK, "--hold", "100", log=log)
    eventually(lambda: "In force" in log.read_text(errors="replace"), "it is in force", SECONDS)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(SECONDS) != 0
    assert "**Interrupted during event 1, " in report(log.read_text())
    assert demo.demo("task", "status").code == 0
