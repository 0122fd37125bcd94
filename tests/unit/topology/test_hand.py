"""What is done from the page: by the commands of a terminal, and mended at the end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from drills.journal import Entry
from foundation import processes, project
from tests.support.page_hand import BREAK, ended
from tests.support.pictures import EAST, WEST
from tests.support.waiting import eventually
from topology import __main__ as command
from topology.hand import Hand


def test_a_command_that_fails_is_said_and_nothing_follows_it(hand: Hand) -> None:
    hand.do({"what": "heal-all"})
    assert ended(hand)["code"] == 1


def test_a_switch_is_a_setting_and_an_update(hand: Hand, tmp_path: Path) -> None:
    hand.do({"what": "switch", "mode": "standby"})
    ended(hand)
    ran = (tmp_path / "ran").read_text().splitlines()
    assert ran == ["pulumi config set lbMode standby --stack west", "up west"]


KILLED = """
import sys, time
from pathlib import Path
from drills import guard
from drills.stack import Stack
from topology import hand

folder = Path(sys.argv[1])
guard.sys.executable, hand._DEMO = str(folder / "guard"), str(folder / "demo")
order = (("east-cluster", "west-cluster"),)
stack = Stack("west", folder, folder / "k", {n: 1 for n in order[0]}, "active", order=order)
made = hand.Hand(stack)
made.do({"what": "break", "fault": "workload-gone", "cluster": "east-cluster"})
made.do({"what": "traffic"})
time.sleep(300)
"""
"""A server that is killed while it breaks something."""


def test_a_killed_server_leaves_what_it_breaks_to_a_guard_and_its_traffic_ends(
    tmp_path: Path,
) -> None:
    ran, pid = tmp_path / "ran", tmp_path / "traffic"
    programs = {
        "guard": f'cat > {tmp_path}/waited; echo "mended $*" >> {ran}',
        "demo": f"[ $2 != generate-traffic ] || {{ echo $$ > {pid}; exec yes; }}\n"
        f"echo begun >> {ran}; sleep 1; echo broken >> {ran}",
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    with subprocess.Popen([sys.executable, "-c", KILLED, tmp_path], cwd=project.ROOT) as killed:
        try:
            eventually(lambda: ran.exists() and pid.exists() and bool(pid.read_text()), "begun", 30)
        finally:
            killed.kill()
    eventually(lambda: "mended" in ran.read_text(), "the guard has mended", 20)
    assert ran.read_text().split() == [
        *("begun", "broken", "mended"),
        *("-m", "drills.guard", "west", "workload-gone", EAST),
    ]
    sent = int(pid.read_text())
    eventually(lambda: processes.is_over(processes.status(sent)), "the traffic ends", 20)


def test_what_the_page_has_broken_is_mended_at_the_end(
    hand: Hand, guards: list[object], tmp_path: Path
) -> None:
    hand.do(BREAK)
    ended(hand)
    entries = [Entry("workload-gone", EAST, 1.0), Entry("gateway-gone", WEST, 1.0)]
    (tmp_path / "faults.json").write_text(json.dumps([vars(entry) for entry in entries]))
    assert guards == [("workload-gone", EAST)]
    hand.end()
    assert guards == []
    ran = (tmp_path / "ran").read_text().splitlines()
    assert ran[1:] == [f"task fix -- workload-gone --cluster {EAST} --stack west"], "no other's"


def written_down(folder: Path) -> None:
    (folder / "faults.json").write_text(json.dumps([vars(Entry("workload-gone", EAST, 1.0))]))


def test_what_a_terminal_has_broken_is_not_mended_at_the_end(hand: Hand, tmp_path: Path) -> None:
    written_down(tmp_path)
    hand.do(BREAK)  # which the command refuses
    ended(hand)
    hand.end()
    assert len((tmp_path / "ran").read_text().splitlines()) == 1


def test_what_was_refused_and_a_terminal_breaks_later_is_not_mended_at_the_end(
    hand: Hand, guards: list[object], tmp_path: Path
) -> None:
    program = tmp_path / "demo"
    program.write_text(program.read_text().replace("!= heal-all", "!= break"))
    hand.do(BREAK)
    assert ended(hand)["code"] == 1
    assert guards == []
    written_down(tmp_path)
    hand.end()
    assert len((tmp_path / "ran").read_text().splitlines()) == 1


def test_what_the_page_has_mended_is_its_own_no_more(
    hand: Hand, guards: list[object], tmp_path: Path
) -> None:
    for wanted in (BREAK, {**BREAK, "what": "fix"}):
        hand.do(wanted)
        assert ended(hand)["code"] == 0
    assert guards == []
    written_down(tmp_path)  # again, on a terminal
    hand.end()
    assert len((tmp_path / "ran").read_text().splitlines()) == 2


def test_traffic_that_takes_its_time_to_count_keeps_nothing_broken(
    hand: Hand, tmp_path: Path
) -> None:
    program = tmp_path / "demo"
    counted = f"trap 'sleep 1; echo counted >> {tmp_path}/ran; exit' INT"
    slow = f"{counted}; touch {tmp_path}/on; sleep 90 & wait"
    noted = f'echo "$*" >> {tmp_path}/ran'
    program.write_text(f"#!/bin/sh\ncase $2 in generate-traffic) {slow} ;; *) {noted} ;; esac\n")
    hand.do(BREAK)
    ended(hand)
    written_down(tmp_path)
    hand.do({"what": "traffic"})
    assert hand.state()["traffic"]
    eventually(lambda: (tmp_path / "on").exists(), "it is ready to be told", 30)
    hand.end()
    ran = (tmp_path / "ran").read_text().splitlines()
    assert ran[1].startswith("task fix -- workload-gone") and ran[2:] == ["counted"], "mended first"
    assert not hand.state()["traffic"]


def test_a_record_that_cannot_be_kept_keeps_nothing_broken(
    hand: Hand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(project, "PRIVATE", tmp_path)
    monkeypatch.setattr(command.Stack, "selected", lambda _: hand._stack)
    monkeypatch.setattr(command, "Hand", lambda _: hand)
    monkeypatch.setattr(command.Feed, "start", lambda _: None)

    def broken_and_interrupted(*_: object) -> None:
        hand.do(BREAK)
        ended(hand)
        written_down(tmp_path)
        (tmp_path / "record.jsonl").unlink()
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "_serve", broken_and_interrupted)
    command.main(["--record", str(tmp_path / "record.jsonl")])
    assert f"{tmp_path / 'record.jsonl'} cannot be read" in capsys.readouterr().err
    ran = (tmp_path / "ran").read_text().splitlines()
    assert ran[1:] == [f"task fix -- workload-gone --cluster {EAST} --stack west"]


@pytest.mark.parametrize("port", ["65536", "-1", "web"])
def test_a_port_that_there_is_not_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main([f"--port={port}", "--replay=none"])
    assert f"{port} is not a port from 0 to 65535" in capsys.readouterr().err
