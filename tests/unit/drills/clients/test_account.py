"""What a client lost and whose it is: pure functions over requests and the edge's log."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.clients import page
from drills.clients.account import EXPLAINED, Account, Whose, account, plain, whose
from drills.clients.catalogue import CLIENTS, judged
from drills.clients.edge_log import Line, line
from drills.clients.flow import Request

GOOD = Line(200, "-", "via_upstream")
BAD = Line(503, "UH", "no_healthy_upstream")
CUT = Line(0, "DC", "downstream_remote_disconnect")
HALF = Line(200, "DC", "downstream_local_disconnect")

requests = st.builds(
    Request,
    id=st.uuids().map(str),
    due=st.floats(0, 100),
    seconds=st.floats(0, 2),
    status=st.sampled_from([0, 200, 302, 404, 503]),
    error=st.sampled_from(["", "", "", "OSError: reset"]),
)


@given(st.lists(requests, max_size=30), st.sampled_from([(), (GOOD,), (BAD,), (CUT, GOOD)]))
def test_every_request_from_the_first_answer_on_is_counted_once(
    sent: list[Request], lines: tuple[Line, ...]
) -> None:
    found = account("c", "1", "e", sent, lambda _: lines, slow=1.0)

    ordered = sorted(sent, key=lambda request: request.due)
    while ordered and ordered[0].lost:
        del ordered[0]
    assert found.sent == len(ordered)
    assert found.lost == sum(request.lost for request in ordered)
    assert found.lost == sum(loss.count for loss in found.losses)
    assert found.slow == sum(not r.lost and r.seconds > 1.0 for r in ordered)
    assert bool(found.problem) == (not ordered)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], Whose.CONNECTION),
        ([GOOD], Whose.CLIENT),
        ([CUT, GOOD], Whose.CLIENT),
        ([HALF], Whose.CUT),
        ([CUT], Whose.CUT),
        ([BAD], Whose.EDGE),
        ([CUT, BAD], Whose.EDGE),
        ([Line(200, "UH", "no_healthy_upstream")], Whose.EDGE),  # what gRPC gets instead of 503
    ],
)
def test_the_edges_log_says_whose_a_loss_is(lines: list[Line], expected: Whose) -> None:
    assert whose(lines) is expected
    assert whose(lines, messages=True) is Whose.UNKNOWN
    assert expected in EXPLAINED


def test_a_line_of_the_edges_log() -> None:
    fields = {"demo_request": "r-1", "status": 503, "flags": "UH", "details": "x"}
    assert line(json.dumps(fields)) == ("r-1", Line(503, "UH", "x"))
    for other in ({**fields, "demo_request": None}, {"status": 200}, {**fields, "status": "x"}):
        assert line(json.dumps(other)) is None
    assert line("[warning] something") is None


def test_words_that_differ_by_an_address_only_are_one_kind_of_loss() -> None:
    words = [
        f'Get "https://127.0.0.1:8443/web-portal": read tcp 127.0.0.1:{port}->127.0.0.1:8443: reset'
        for port in (40001, 40002)
    ]
    assert plain(words[0]) == plain(words[1]) == "read tcp ADDRESS->ADDRESS: reset"
    sent = [Request("a", 0, 0.1, 200)] + [
        Request(str(n), n, 0.1, error=text) for n, text in enumerate(words, 1)
    ]
    known = {"a": (GOOD,)}
    (loss,) = account("c", "1", "e", sent, lambda each: known.get(each, ()), slow=1.0).losses
    assert (loss.count, loss.whose) == (2, Whose.CONNECTION)


@pytest.mark.parametrize(
    ("logged", "others", "expected"),
    [
        ({"a", "z"}, [], Whose.CONNECTION),
        ({"a"}, [], Whose.UNLOGGED),  # the client's own next answer is not in the log either
        ({"a", "z"}, [Request("o", 9.5, 0.1, 200)], Whose.UNLOGGED),
        ({"a", "z", "o"}, [Request("o", 9.5, 0.1, 200)], Whose.CONNECTION),
        ({"a", "z"}, [Request("o", 5.0, 0.1, 200)], Whose.CONNECTION),  # of another time
        ({"a", "z"}, [Request("o", 5.0, 4.9, 200)], Whose.UNLOGGED),  # logged when it ends
    ],
)
def test_what_no_log_has_never_arrived_only_if_the_log_has_all_else(
    logged: set[str], others: list[Request], expected: Whose
) -> None:
    sent = [Request("a", 0, 0.1, 200), Request("l", 10, 0.1, error="reset")]
    sent.append(Request("z", 11, 0.1, 200))
    lines = dict.fromkeys(logged, (GOOD,))
    found = account("c", "1", "e", sent, lambda r: lines.get(r, ()), 1.0, answered=others)
    assert [(loss.count, loss.whose) for loss in found.losses] == [(1, expected)]
    assert EXPLAINED[expected]


def test_an_older_program_is_named_with_what_is_needed() -> None:
    assert judged("20.20.2", (20, 10), "node 20.20.2 is too old", "x").missing == ""
    found = judged("20.9.0", (20, 10), "node 20.9.0 is too old", "WebSocket is built in since")
    assert found.missing == (
        "node 20.9.0 is too old: 20.10 is needed (WebSocket is built in since)"
    )


def test_names_of_clients_differ() -> None:
    assert len({client.name for client in CLIENTS}) == len(CLIENTS)


def test_tables_show_what_was_lost_and_what_mends_it() -> None:
    sent = [Request(str(n), n, 0.1, 200) for n in range(3)]
    sent.append(Request("3", 3, 0.1, error="ReadError: a|b"))
    accounts = [
        account("httpx", "1.2", "mode-switch", sent, lambda _: (GOOD,), 1.0, remedy="do this"),
        account("httpx", "1.2", "region-cut", sent[:3], lambda _: (), 0.05),
        Account("java", "17", "mode-switch", problem="its program ended: exit code 1"),
    ]
    events = ["mode-switch", "region-cut"]
    text = page.markdown(accounts, events, {"node": "not there"}, {"mode-switch": 0.1}, {"a": 1})

    assert "| httpx | 1.2 | 1 of 4 | 0 of 3, 3 slow |" in text
    assert "| java | 17 | no account | - |" in text
    assert (
        "| httpx | mode-switch | 1 | ReadError: a\\|b"
        f" | client: {EXPLAINED[Whose.CLIENT]} | do this |" in text
    )
    assert "- node is left out: not there." in text
    assert "mode-switch 100 ms" in text
    assert page.table(accounts, events).row_count == 2
