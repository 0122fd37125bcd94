"""The generator as a process: it stops, ends, says what is wrong, and counts as its command."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from drills.application import Application
from drills.pace import Pace
from drills.stack import Stack
from drills.traffic import Header, TrafficPlan, record
from drills.traffic import __main__ as command
from drills.traffic.generator import Traffic, TrafficError
from foundation import processes
from tests.support.drill_stack import stack as drill_stack
from tests.support.failing_server import GOOD, Deed, done_to, number, serving
from tests.support.waiting import eventually


def test_stopped_it_awaits_what_is_under_way(tmp_path: Path) -> None:
    with serving(tmp_path, lambda n: Deed(after=0.4)) as server:
        plan = TrafficPlan.to(server.url, rate=200, ca_file=str(tmp_path / "ca.pem"))
        traffic = Traffic(plan, Header(run="t", started=time.time()), tmp_path)
        traffic.start()
        while traffic.count < 50:
            assert not traffic.wait(0.05)
        live, seen = traffic.since(10)
        assert len(live) == seen - 10
        traffic.stop()
        traffic.stop()
    found = record.read(tmp_path)
    assert {number(s) for s in found.samples} == set(server.deeds)
    assert not [s for s in found.samples if s.lost]
    assert traffic.since(seen)[1] == len(found.samples) == traffic.count


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    with serving(tmp_path, lambda n: GOOD) as server:
        script = f"""
import time
from pathlib import Path
from drills.traffic import Header, TrafficPlan
from drills.traffic.generator import Traffic
plan = TrafficPlan.to({server.url!r}, rate=200, ca_file={str(tmp_path / "ca.pem")!r})
traffic = Traffic(plan, Header(run="t", started=0), Path({str(tmp_path)!r}))
traffic.start()
while traffic.count < 20: time.sleep(0.05)
print(traffic._process.pid, flush=True)
time.sleep(60)
"""
        parent = subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
        )
        assert parent.stdout
        pid = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
        parent.stdout.close()
        over = "the generator ends with its parent"
        eventually(lambda: processes.is_over(processes.status(pid)), over)


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    plan = TrafficPlan.to("https://127.0.0.1:1/", ca_file=str(tmp_path / "missing.pem"))
    traffic = Traffic(plan, Header(run="t", started=0), tmp_path)
    traffic.start()
    assert traffic.wait(10)
    with pytest.raises(TrafficError, match=r"missing\.pem"):
        traffic.stop()


def test_the_command_counts_the_same(tmp_path: Path) -> None:
    """Ctrl-C ends the command in order: what it prints and records is all that was done."""
    with serving(tmp_path, lambda n: Deed(status=503) if n % 5 == 0 else GOOD) as server:
        file = tmp_path / "run.jsonl"
        command = [sys.executable, "-m", "drills.traffic", "--url", server.url]
        command += ["--ca", str(tmp_path / "ca.pem"), "--json", "--record", str(file)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path.cwd())
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(2)]
        os.kill(process.pid, signal.SIGINT)
        lines += process.stdout.readlines()
        process.stdout.close()
        assert process.wait() == 0
    ledger = json.loads(lines[-1])
    assert ledger["type"] == "ledger"
    assert ledger["total"]["sent"] == len(server.deeds)
    assert ledger["total"]["lost"] == len(done_to(server, lambda d: d.status == 503))
    assert len(record.read(file).samples) == len(server.deeds)
    assert {json.loads(line)["type"] for line in lines[:-1]} == {"second"}


def test_the_rate_can_be_changed_while_it_sends(tmp_path: Path) -> None:
    plan = TrafficPlan.to("http://127.0.0.1:1/", rate=0.001, timeout=5)  # one in a thousand seconds
    with Traffic(plan, Header(run="t", started=time.time()), tmp_path) as traffic:
        eventually(lambda: traffic.count == 1, "the first request has ended")
        traffic.set_rate(100)
        eventually(lambda: traffic.count > 20, "more are sent", 20)
        traffic.set_rate(0.001)
        traffic.halt()
        traffic.set_rate(50)  # it has ended: nothing happens
    samples = sorted(record.read(tmp_path).samples, key=number)
    assert [number(s) for s in samples] == list(range(len(samples)))
    pauses = [b.due - a.due for a, b in itertools.pairwise(samples[1:20])]
    assert pauses == pytest.approx([0.01] * len(pauses), abs=1e-5)


def test_a_stack_is_asked_by_the_name_of_its_application(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A certificate of the user's own need not hold the address at which the edge is reached."""
    application = Application(host="shop.example.com")
    stack = dataclasses.replace(
        drill_stack(tmp_path), url="https://127.0.0.1:1/", application=application
    )
    sent: list[TrafficPlan] = []
    monkeypatch.setattr(Stack, "selected", staticmethod(lambda *_: stack))
    monkeypatch.setattr(command, "_send", lambda _, __, plan, ___: sent.append(plan) or 0)
    assert command.main([]) == 0
    assert command.main(["--url", "https://127.0.0.1:1/"]) == 0
    hosts = [plan.host for plan in (*sent, Pace().plan(stack))]
    assert hosts == ["shop.example.com", "", "shop.example.com"]
