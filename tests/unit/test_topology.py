"""The live picture: read from what Envoys say, and served to nobody but its reader."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as some

from drills import live_picture
from drills.journal import Entry
from drills.stack import EDGE, Stack
from drills.traffic import Event, EventKind
from toolchain.errors import UserError
from topology import admin, metrics, recording, server
from topology.admin import Host, Rules
from topology.ejection import Ejections
from topology.feed import answers, documents, take
from topology.hand import Hand, Refused
from topology.history import History
from topology.picture import Proxy, State, due_shares, host_state, picture

EAST, WEST = "east-cluster", "west-cluster"
ADDRESSES = {EAST: "10.0.0.12:15443", WEST: "10.0.0.13:15443"}


def line(cluster: str, address: str, name: str, value: object) -> str:
    return f"{cluster}::{address}::{name}::{value}"


def clusters_text(**hosts: dict[str, object]) -> str:
    """What `/clusters` says of hosts, in two clusters of Envoy's."""
    found = ["regions_shop_shop::default_priority::max_connections::4096"]
    for zone, values in hosts.items():
        address = f"10.0.0.{len(zone)}:15443"
        both = {"zone": f"{zone}-cluster", "health_flags": "healthy", **values}
        found += [line("regions_shop_shop", address, key, value) for key, value in both.items()]
        found.append(line("patient_shop_shop", address, "rq_total", 1))
        found.append(line("naive_shop_shop", address, "rq_total", 100))
    return "\n".join(found)


def test_hosts_are_counted_over_the_routes_clusters_and_no_others() -> None:
    text = clusters_text(east={"rq_total": 5, "rq_error": 2, "priority": 1, "weight": 50})
    (host,) = admin.hosts(text)
    assert (host.zone, host.total, host.bad) == (EAST, 6, 2)
    assert (host.priority, host.weight, host.flags) == (1, 50, frozenset())


def test_flags_are_those_of_envoy() -> None:
    (host,) = admin.hosts(
        clusters_text(east={"health_flags": "/failed_active_hc/active_hc_timeout"})
    )
    assert host.flags == {"failed_active_hc", "active_hc_timeout"}


@given(some.lists(some.text(some.characters(codec="ascii"), min_size=1), max_size=5))
def test_a_body_is_the_same_in_chunks_of_any_size(parts: list[str]) -> None:
    whole = "".join(parts).encode()
    chunks = b"".join(f"{len(p.encode()):x}\r\n{p}\r\n".encode() for p in parts) + b"0\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\n"
    assert admin.body(head + b"transfer-encoding: chunked\r\n\r\n" + chunks) == whole.decode()
    assert admin.body(head + b"\r\n" + whole) == whole.decode()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 503 No\r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\ncut",
    ],
)
def test_what_is_cut_off_is_no_answer(answer: bytes) -> None:
    with pytest.raises(ValueError):
        admin.body(answer)


def test_answers_and_documents_are_told_apart_in_a_stream() -> None:
    assert list(answers(io.BytesIO(b"a\nb\n\x1e\nc\n\x1e\nd"))) == [b"a\nb\n", b"c\n"]
    stream = b'{"type": "ADDED"}\n{"type": "DELETED"}\n{"ty'
    assert [each["type"] for each in documents(io.BytesIO(stream))] == ["ADDED", "DELETED"]


def edge(*hosts: Host, at: float = 100.0) -> Proxy:
    proxy = Proxy("edge-1", "corp-edge", is_edge=True, ready=True)
    proxy.hear(at, hosts)
    return proxy


def host(zone: str, total: int = 0, **more: Any) -> Host:
    return Host(ADDRESSES[zone], zone, total=total, **more)


def test_shares_that_are_due_follow_from_priority_and_weight() -> None:
    assert due_shares([edge(host(EAST, weight=3), host(WEST, weight=1))]) == {
        EAST: 0.75,
        WEST: 0.25,
    }
    assert due_shares([edge(host(EAST, priority=1), host(WEST))]) == {EAST: 0.0, WEST: 1.0}


def test_rates_are_counted_over_a_second_and_never_below_nothing() -> None:
    proxy = edge(host(EAST, 10))
    proxy.hear(101.0, [host(EAST, 60)])
    assert proxy.rates("10.0.0.12:15443", 101.0) == (50.0, 0.0)
    assert proxy.rates("10.0.0.12:15443", 120.0) == (0.0, 0.0), "silent: nobody knows"
    proxy.hear(101.5, [host(EAST, 5)])  # it was restarted
    assert proxy.rates("10.0.0.12:15443", 101.5)[0] == 0.0
    assert proxy.rates("elsewhere", 101.5) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("flags", "rate", "state"),
    [
        ([], 5.0, State.SERVING),
        ([], 0.0, State.STANDBY),
        (["failed_active_hc", "active_hc_timeout"], 5.0, State.UNREACHABLE),
        (["failed_outlier_check"], 0.0, State.EJECTED),
        (["degraded_active_hc"], 5.0, State.DEGRADED),
        (["failed_active_hc", "excluded_via_immediate_hc_fail"], 0.0, State.DRAINING),
    ],
)
def test_each_flag_of_envoy_is_a_state(flags: list[str], rate: float, state: State) -> None:
    assert host_state(flags, rate) is state


def test_nothing_disappears() -> None:
    gateway = Proxy("gateway-1", EAST, is_edge=False, ready=True)
    gateway.hear(100.0, [Host("10.1.0.1:8080", EAST, total=5)])
    whole = [edge(host(EAST), host(WEST)), gateway]
    assert picture(whole, 101.0)["clusters"][0]["pods"][0]["state"] == State.STANDBY
    gateway.gone_at = 102.0
    found = picture(whole, 160.0)
    assert [cluster["name"] for cluster in found["clusters"]] == [EAST, WEST]
    east = found["clusters"][0]
    assert (east["state"], east["gateways"][0]["state"]) == (State.UNKNOWN, State.GONE)
    assert east["pods"][0]["state"] == State.UNKNOWN, "nobody can say"
    assert found["edge"][0]["state"] == State.SILENT and found["edge"][0]["silent"] == 60.0


def test_a_drain_ends_when_the_last_gateway_is_gone() -> None:
    flags = frozenset({"failed_active_hc", "excluded_via_immediate_hc_fail"})
    gateway = Proxy("gateway-1", EAST, is_edge=False, ready=True)
    whole = [edge(host(EAST, flags=flags), host(WEST)), gateway]
    gateway.leaving = True
    assert picture(whole, 100.5)["clusters"][0]["state"] == State.DRAINING
    gateway.gone_at = 101.0
    assert picture(whole, 101.0)["clusters"][0]["state"] == State.UNREACHABLE


def test_changes_of_state_are_events_and_the_first_sight_is_none() -> None:
    history = History("west")
    proxy = edge(host(EAST, 1), host(WEST, 1))
    assert history.add(picture([proxy], 100.0))["events"] == []
    proxy.hear(101.0, [host(EAST, 1, flags=frozenset({"failed_active_hc"})), host(WEST, 90)])
    (first, *_) = history.add(picture([proxy], 101.0))["events"]
    assert first["text"] == "east-cluster: standby, now unreachable"


ZONE = "cluster.regions_shop_shop.zone.us-east1"


def test_the_slowest_of_several_routes_is_the_latency_of_a_cluster() -> None:
    text = (
        f"{ZONE}.{EAST}.upstream_rq_time: P0(0,0) P99(3.05,9) P99.5(4,9)\n"
        f"cluster.app_other_other.zone.us-east1.{EAST}.upstream_rq_time: P99(7.5,9)\n"
        f"cluster.naive_shop_shop.zone.us-east1.{EAST}.upstream_rq_time: P99(900,9)\n"
        f"{ZONE}.{WEST}.upstream_rq_time: P0(nan,0) P99(nan,9)\n"
    )
    assert admin.latencies(text) == {EAST: 0.0075}, "west answered nothing in that period"


def test_the_rules_of_ejection_are_those_in_force() -> None:
    routes = {"name": "regions_shop_shop", "outlier_detection": {"base_ejection_time": "5s"}}
    dump = {"configs": [{"cluster": {"name": "other"}}, {"cluster": routes}]}
    assert admin.rules(json.dumps(dump)) == Rules(base=5.0)
    assert admin.rules("regions_shop_shop::x::y::z") is None


def test_a_proxy_takes_each_answer_and_an_empty_one_changes_nothing() -> None:
    proxy = edge(host(EAST))
    routes = {"name": "regions_shop_shop", "outlier_detection": {"base_ejection_time": "5s"}}
    take(proxy, json.dumps({"configs": [{"cluster": routes}]}), 101.0)
    take(proxy, f"{ZONE}.{EAST}.upstream_rq_time: P99(2,9)", 101.0)
    take(proxy, "\n", 102.0)
    assert proxy.rules.base == 5.0 and proxy.latencies == {EAST: 0.002}
    assert proxy.heard_at == 100.0 and [each.zone for each in proxy.hosts] == [EAST]
    take(proxy, clusters_text(east={"rq_total": 5}), 103.0)
    assert proxy.heard_at == 103.0


EJECTED = frozenset({"failed_outlier_check"})


@given(some.integers(1, 6), some.floats(0, 30), some.floats(1, 20), some.floats(1, 60))
def test_each_ejection_lasts_longer_up_to_the_most(
    times: int, passed: float, base: float, most: float
) -> None:
    rules, known, at = Rules(interval=10.0, base=base, most=most), Ejections(), 1000.0
    for _ in range(times):
        known.hear(at, [host(EAST, flags=EJECTED)], rules)
        at += 5.0
        known.hear(at, [host(EAST)], rules)
        assert known.left("10.0.0.12:15443", at, rules) is None
    known.hear(at, [host(EAST, flags=EJECTED)], rules)
    lasts = min((times + 1) * base, max(base, most))
    assert known.left("10.0.0.12:15443", at + passed, rules) == pytest.approx(
        max(0.0, lasts - passed)
    )
    known.hear(at, [host(EAST)], rules)
    known.hear(at + 100, [host(EAST, flags=EJECTED)], rules)
    first = known.left("10.0.0.12:15443", at + 100, rules)
    assert first == pytest.approx(min(base * max(1, times + 1 - 9), max(base, most)))


def test_the_picture_says_latency_and_for_how_long_a_cluster_is_ejected() -> None:
    proxy = edge(host(EAST, flags=EJECTED), host(WEST))
    proxy.latencies = {EAST: 0.9, WEST: 0.004}
    proxy.hear(101.0, [host(EAST, flags=EJECTED), host(WEST, 50)])
    east, west = picture([proxy], 101.0)["clusters"]
    assert (east["left"], east["p99"]) == (29.0, None), "what answers nothing has no latency"
    assert (west["left"], west["p99"]) == (None, 0.004)


def answering(at: float, east: int, west: int, passed: int = 0) -> list[Proxy]:
    """Proxies after a second in which the edge sent to both, and east passed some on to west."""
    one, two = edge(host(EAST), host(WEST), at=at - 1), Proxy("g", EAST, is_edge=False, ready=True)
    two.hear(at - 1, [Host("10.1.0.1:80", EAST), Host("10.9.9.9:15444", WEST)])
    one.hear(at, [host(EAST, east), host(WEST, west)])
    served = Host("10.1.0.1:80", EAST, total=east - passed)
    two.hear(at, [served, Host("10.9.9.9:15444", WEST, total=passed)])
    return [one, two]


@given(some.integers(0, 500), some.integers(0, 500), some.integers(0, 500))
def test_who_answers_sums_up_to_what_the_edge_sends(east: int, west: int, passed: int) -> None:
    passed = min(passed, east)
    found = picture(answering(101.0, east, west, passed), 101.0)
    answers = {each["name"]: each["answers"] for each in found["clusters"]}
    assert answers == {EAST: east - passed, WEST: west + passed}
    assert sum(answers.values()) == found["rate"]


def told(at: float, kind: EventKind) -> Event:
    return Event(at, kind, "workload-gone", EAST)


def test_a_fault_leads_to_answers_elsewhere_to_all_moved_and_back() -> None:
    history = History("west")
    history.add(picture(answering(100.0, 50, 50), 100.0))
    kept = answering(101.0, 40, 60)
    history.add(picture(kept, 101.1), [told(101.0, EventKind.FAULT)])
    east = kept[1]  # passes on what still comes
    kept[0].hear(101.5, [host(EAST, 60), host(WEST, 90)])
    east.hear(101.5, [Host("10.1.0.1:80", EAST, total=40), Host("10.9.9.9:1", WEST, total=20)])
    kept[0].hear(102.2, [host(EAST, 60), host(WEST, 180)])
    history.add(picture(kept, 102.2))
    history.add(picture(answering(110.0, 0, 90), 110.0), [told(109.0, EventKind.FIX)])
    found = history.add(picture(answering(115.0, 50, 50), 115.0))
    moments = {e["kind"]: e for e in found["events"] if e["kind"] != "state"}
    assert list(moments) == ["struck", "elsewhere", "moved", "mended", "back"]
    assert moments["moved"]["at"] == 101.0, "then its pods counted the last request"
    assert moments["back"]["text"] == f"{EAST} has its share again, 6.0 s after the fix"
    numbers = [event["number"] for event in found["events"]]
    assert numbers == sorted(set(numbers))


def test_a_cluster_that_answered_nothing_has_nothing_to_move() -> None:
    history = History("west")
    history.add(picture(answering(100.0, 0, 100), 100.0))
    found = history.add(
        picture(answering(101.0, 0, 100), 101.0),
        [told(100.5, EventKind.FAULT)],
        broken=[Entry("workload-gone", EAST, 100.5)],
    )
    assert [event["kind"] for event in found["events"]] == ["struck"]
    assert found["broken"] == [{"fault": "workload-gone", "cluster": EAST, "since": 100.5}]


def test_a_switch_is_an_event_once_it_is_in_force() -> None:
    history = History("west")
    history.add(picture([edge(host(EAST), host(WEST))], 100.0))
    switched = picture([edge(host(EAST), host(WEST, priority=1))], 100.5)
    found = history.add(history.add(switched))
    (event,) = found["events"]
    assert event["kind"] == "switch"
    assert event["text"].endswith(f"{EAST} 100%, {WEST} 0%")


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


def recorded(folder: Path, count: int = 3) -> Path:
    """A record of some pictures, with an event in the second and in the third."""
    history, file = History("west"), folder / live_picture.FILE
    history.add(picture(answering(99.0, 1, 1), 99.0), [told(98.0, EventKind.FAULT)])
    recorder = recording.Recorder(file)
    for number in range(count):
        kind = [EventKind.FAULT, EventKind.FIX][number % 2]
        events = [told(100.0 + number, kind)] if number else []
        recorder.add(
            history.add(picture(answering(101.0 + number, 50, 50), 101.0 + number), events)
        )
    recorder.close()
    return file


def test_a_record_has_each_event_once_and_none_from_before(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in recorded(tmp_path).read_text().splitlines()]
    assert [line["at"] for line in lines] == [101.0, 102.0, 103.0]
    assert [[e["kind"] for e in line["events"]] for line in lines] == [[], ["mended"], ["struck"]]
    assert all("points" not in line for line in lines)


def test_what_is_recorded_is_what_a_page_that_looks_live_is_told(tmp_path: Path) -> None:
    history = History("west")
    first = history.add(picture(answering(101.0, 50, 50), 101.0))
    second = history.add(picture(answering(102.0, 70, 30), 102.0), [told(101.5, EventKind.FAULT)])
    recorder = recording.Recorder(tmp_path / "x.jsonl")
    recorder.add(first)
    recorder.add(second)
    recorder.close()
    written = json.loads((tmp_path / "x.jsonl").read_text().splitlines()[1])
    assert json.loads(json.dumps(recording.news(second, 0))) == written


def test_the_page_of_a_record_holds_it_whole(tmp_path: Path) -> None:
    file = recorded(tmp_path)
    text = recording.write_page(file).read_text()
    packed = text.partition('id="record">')[2].partition("<")[0]
    assert gzip.decompress(base64.b64decode(packed)).decode() == file.read_text()
    assert recording.text(tmp_path) == file.read_text()


def test_a_line_that_was_cut_short_is_left_out(tmp_path: Path) -> None:
    file = recorded(tmp_path)
    whole = file.read_text()
    file.write_text(whole + '{"at": 104.0, "clus')
    assert recording.text(file) == whole


@pytest.mark.parametrize("text", [None, "", "no JSON\n", '{"type": "header"}\n', "[]\n", "1\n"])
def test_what_is_no_record_is_said(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / live_picture.FILE
    if text is not None:
        file.write_text(text)
    with pytest.raises(UserError, match=live_picture.FILE):
        recording.text(tmp_path)


def test_a_record_is_never_written_over(tmp_path: Path) -> None:
    file = recorded(tmp_path)
    with pytest.raises(UserError, match="choose another"):
        recording.Recorder(file)


def test_metrics_need_no_token_and_have_the_same_guard_otherwise() -> None:
    assert get("/metrics").content == b"measured"
    assert get("/metrics", origin="https://example.com").status_code == 403
    assert get("/metrics", host="rebound.example.com:8000").status_code == 403


DASHBOARD = Path(recording.__file__).parent / "grafana.json"


def exported() -> str:
    gateway = answering(101.0, 60, 40)
    gateway[0].latencies = {EAST: 0.004}
    found = History("west").add(
        picture(gateway, 101.5), broken=[Entry("workload-gone", EAST, 100.0)]
    )
    return metrics.exposition(lambda: found, lambda: gateway)().decode()


def test_metrics_say_states_shares_silence_and_counts() -> None:
    text = exported()
    for line in (
        f'topology_cluster_state{{cluster="{EAST}",topology_cluster_state="serving"}} 1.0',
        f'topology_cluster_share_ratio{{cluster="{EAST}"}} 0.6',
        f'topology_cluster_due_share_ratio{{cluster="{WEST}"}} 0.5',
        f'topology_cluster_latency_p99_seconds{{cluster="{EAST}"}} 0.004',
        f'topology_proxy_silence_seconds{{cluster="{EAST}",pod="g"}} 0.5',
        f'topology_fault_in_force{{cluster="{EAST}",fault="workload-gone"}} 1.0',
        f'topology_link_requests_total{{address="{ADDRESSES[EAST]}",destination="{EAST}",'
        'pod="edge-1",source="corp-edge"} 60.0',
    ):
        assert line in text


def test_every_metric_of_the_dashboard_is_exported() -> None:
    used = set(re.findall(r"topology_[a-z0-9_]+", DASHBOARD.read_text()))
    names = set(re.findall(r"^(topology_[a-z0-9_]+)", exported(), re.MULTILINE))
    assert len(used) >= 5 and used <= names


@pytest.fixture
def hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hand:
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


def test_what_the_page_has_broken_is_mended_at_the_end(hand: Hand, tmp_path: Path) -> None:
    hand.do(BREAK)
    ended(hand)
    entries = [Entry("workload-gone", EAST, 1.0), Entry("gateway-gone", WEST, 1.0)]
    (tmp_path / "faults.json").write_text(json.dumps([vars(entry) for entry in entries]))
    hand.end()
    ran = (tmp_path / "ran").read_text().splitlines()
    assert ran[1:] == [f"task fix -- workload-gone --cluster {EAST} --stack west"], "no other's"


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
