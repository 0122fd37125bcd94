"""The live page: served to nobody but its reader, and what may be done from it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from drills.faults import Fault
from drills.journal import Entry
from drills.stack import EDGE, Stack
from foundation import processes, project
from tests.support.pictures import EAST, WEST
from tests.support.waiting import eventually
from topology import __main__ as command
from topology import recording, server
from topology.hand import Hand, Refused

TOKEN = "a-token"


def send(
    path: str,
    method: str = "GET",
    hand: Any = None,
    body: Any = None,
    **headers: str,
) -> httpx.Response:
    """Ask the application as a browser on this machine would."""
    application = server.application(lambda: {"at": 1.0}, TOKEN, hand, lambda: b"measured")

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1:8000"
        ) as client:
            return await client.request(method, path, headers=headers, json=body)

    return asyncio.run(ask())


def get(path: str, **headers: str) -> httpx.Response:
    return send(path, **headers)


def test_the_reader_gets_page_and_state() -> None:
    page = get(f"/?token={TOKEN}")
    script = page.text.partition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = page.headers["content-security-policy"]
    assert f"script-src 'sha256-{digest}';" in policy and policy in page.text
    assert "{{" not in page.text
    assert get(f"/state.json?token={TOKEN}").json() == {"at": 1.0}


@pytest.mark.parametrize("path", ["/", "/events", "/state.json", "/hand"])
@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", {}),
        ("?token=other", {}),
        (f"?token={TOKEN}", {"host": "rebound.example.com:8000"}),
        (f"?token={TOKEN}", {"origin": "https://example.com"}),
    ],
)
def test_nobody_else_does(path: str, query: str, headers: dict[str, str]) -> None:
    refused = get(f"{path}{query}", **headers)
    assert refused.status_code == 403
    assert "token" not in refused.text and json.dumps({"at": 1.0}) not in refused.text


def test_the_page_takes_nothing_from_elsewhere() -> None:
    text = recording.page()[0]
    assert (
        "http://" not in text.replace("http://www.w3.org/2000/svg", "") and "https://" not in text
    )
    assert len(text) < 60_000


def test_metrics_need_no_token_and_have_the_same_guard_otherwise() -> None:
    assert get("/metrics").content == b"measured"
    assert get("/metrics", origin="https://example.com").status_code == 403
    assert get("/metrics", host="rebound.example.com:8000").status_code == 403


@pytest.fixture
def guards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The faults that guards stand for, by none that acts on the checkout's own stack."""
    there: list[tuple[str, str]] = []

    @contextlib.contextmanager
    def standing(_: Stack, fault: Fault, cluster: str) -> Iterator[int]:
        there.append((fault.name, cluster))
        with (tmp_path / "guard").open("w") as file:
            yield file.fileno()
        there.remove((fault.name, cluster))

    monkeypatch.setattr("topology.hand.guard.standing", standing)
    return there


@pytest.fixture
def hand(tmp_path: Path, guards: list[object], monkeypatch: pytest.MonkeyPatch) -> Hand:
    """A hand whose commands are noted in a file, by a program in place of ./demo."""
    program = tmp_path / "demo"
    program.write_text(f'#!/bin/sh\necho "$*" | tee -a {tmp_path}/ran\n[ "$2" != heal-all ]\n')
    program.chmod(0o755)
    monkeypatch.setattr("topology.hand._DEMO", str(program))
    order = ((EAST, WEST),)
    stack = Stack(
        "west", tmp_path, tmp_path / "kubeconfig", {EAST: 1, WEST: 1}, "active", order=order
    )
    return Hand(stack)


def ended(hand: Hand) -> dict[str, Any]:
    assert hand._thread
    hand._thread.join()
    return hand.state()


BREAK = {"what": "break", "fault": "workload-gone", "cluster": EAST}
ORIGIN = {"origin": "http://127.0.0.1:8000"}


def test_the_page_breaks_and_mends_by_the_commands_of_a_terminal(
    hand: Hand, tmp_path: Path
) -> None:
    assert send(f"/do?token={TOKEN}", "POST", hand, BREAK, **ORIGIN).status_code == 202
    state = ended(hand)
    line = f"task break -- workload-gone --cluster {EAST} --stack west"
    assert state["line"] == f"./demo {line}" and (state["running"], state["code"]) == (False, 0)
    assert state["output"] == f"{line}\n" == (tmp_path / "ran").read_text()


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


def test_a_damaged_journal_is_said(hand: Hand, tmp_path: Path) -> None:
    (tmp_path / "faults.json").write_text("[")
    answer = send(f"/do?token={TOKEN}", "POST", hand, BREAK, **ORIGIN)
    assert answer.status_code == 409 and "faults.json is damaged" in answer.text
    assert not hand.state()["running"], "something else may be begun"


def test_each_fault_is_offered_with_what_is_predicted(hand: Hand) -> None:
    offers = send(f"/hand?token={TOKEN}", hand=hand).json()
    gone = offers["faults"]["workload-gone"]["in"]
    assert list(gone) == [EAST, WEST] and WEST in gone[EAST].partition("Predicted")[2]
    assert "cluster-power" not in offers["faults"], "these clusters run elsewhere"


@pytest.mark.parametrize(
    "wanted",
    [
        1,
        [],
        {},
        {"what": "destroy"},
        {"what": "switch", "mode": "x; reboot"},
        {**BREAK, "cluster": EDGE},
        {**BREAK, "cluster": "--force"},
        {**BREAK, "fault": "other"},
        {**BREAK, "fault": ["workload-gone"]},
    ],
)
def test_nothing_else_can_be_done(hand: Hand, tmp_path: Path, wanted: Any) -> None:
    assert send(f"/do?token={TOKEN}", "POST", hand, wanted, **ORIGIN).status_code == 409
    assert not (tmp_path / "ran").exists()
    with pytest.raises(Refused):
        hand.do(wanted)


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", ORIGIN),
        ("?token=other", ORIGIN),
        (f"?token={TOKEN}", {"origin": "https://example.com"}),
        (f"?token={TOKEN}", {"origin": "null"}),
        (f"?token={TOKEN}", {}),
        (f"?token={TOKEN}", {**ORIGIN, "host": "rebound.example.com:8000"}),
        (f"?token={TOKEN}", {**ORIGIN, "content-type": "text/plain"}),
    ],
)
def test_nobody_else_does_anything(
    hand: Hand, tmp_path: Path, query: str, headers: dict[str, str]
) -> None:
    assert send(f"/do{query}", "POST", hand, BREAK, **headers).status_code == 403
    assert not hand._thread and not (tmp_path / "ran").exists()


def test_what_is_read_only_cannot_do_anything() -> None:
    refused = send(f"/do?token={TOKEN}", "POST", None, BREAK, **ORIGIN)
    assert refused.status_code == 403 and "read only" in refused.text
    assert get(f"/hand?token={TOKEN}").json() is None


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
    (tmp_path / "faults.json").write_text(json.dumps([vars(Entry("workload-gone", EAST, 1.0))]))
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
        entries = [Entry("workload-gone", EAST, 1.0)]
        (tmp_path / "faults.json").write_text(json.dumps([vars(entry) for entry in entries]))
        (tmp_path / "record.jsonl").unlink()
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "_serve", broken_and_interrupted)
    command.main(["--record", str(tmp_path / "record.jsonl")])
    assert f"{tmp_path / 'record.jsonl'} cannot be read" in capsys.readouterr().err
    ran = (tmp_path / "ran").read_text().splitlines()
    assert ran[1:] == [f"task fix -- workload-gone --cluster {EAST} --stack west"]
