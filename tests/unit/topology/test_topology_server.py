"""The server of the live page: to whom it answers, and what it lets him do."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from drills.stack import EDGE
from tests.support.page_hand import BREAK, ended
from tests.support.pictures import EAST, WEST
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


def test_port_80_which_browsers_leave_out_is_a_port_too() -> None:
    for name in ("127.0.0.1", "localhost"):
        asked = get(f"/state.json?token={TOKEN}", host=name, origin=f"http://{name}")
        assert asked.json() == {"at": 1.0}
    assert get(f"/state.json?token={TOKEN}", host="rebound.example.com").status_code == 403


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


ORIGIN = {"origin": "http://127.0.0.1:8000"}


def test_the_page_breaks_and_mends_by_the_commands_of_a_terminal(
    hand: Hand, tmp_path: Path
) -> None:
    assert send(f"/do?token={TOKEN}", "POST", hand, BREAK, **ORIGIN).status_code == 202
    state = ended(hand)
    line = f"task break -- workload-gone --cluster {EAST} --stack west"
    assert state["line"] == f"./demo {line}" and (state["running"], state["code"]) == (False, 0)
    assert state["output"] == f"{line}\n" == (tmp_path / "ran").read_text()


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
