"""Streams: the ledger's counts, and the generator's clients against the portal's real Envoy."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from components.routing.targets import LbMode, edge_targets, edge_weights
from drills import report
from drills.traffic import (
    Header,
    Objectives,
    Sample,
    StreamEntry,
    StreamStep,
    TrafficPlan,
    record,
    summary,
)
from drills.traffic.accounts import ledger_of
from drills.traffic.checks import checks
from drills.traffic.figures import Part
from drills.traffic.generator import Traffic
from drills.traffic.ledger import ledger
from drills.traffic.record import Record
from drills.traffic.streams import Streams, streams
from tests.support.envoy_lab import CLUSTERS, WEST, Lab, lab
from tests.support.envoy_process import HOST, Envoy
from tests.support.waiting import eventually

KIND = "WebSocket"
KINDS = ("events", "socket", "call", "numbers")
DOWN = (StreamStep.CUT, StreamStep.ENDED, StreamStep.REFUSED)


def entry(at: float, step: StreamStep, number: int | None = None, name: str = "s-1") -> StreamEntry:
    return StreamEntry(at, name, KIND, step, number)


steps = st.one_of(st.integers(1, 12), st.sampled_from([*DOWN, StreamStep.OPENED]))


@given(st.lists(st.tuples(st.integers(1, 9), steps), min_size=1), st.integers(1, 3))
def test_any_sequence_of_messages_and_cuts_is_counted(
    said: list[tuple[int, int | StreamStep]], copies: int
) -> None:
    at, made = 0, []
    for pause, step in said:
        at += pause
        message = isinstance(step, int)
        for copy in range(copies):
            kind, number = (StreamStep.MESSAGE, step) if message else (step, None)
            made.append(entry(at, kind, number, f"s-{copy}"))
    found = streams(made)[KIND]

    numbers = [step for _, step in said if isinstance(step, int)]
    first = [n for i, n in enumerate(numbers) if n not in numbers[:i]]
    late = [n for i, n in enumerate(first) if any(before > n for before in first[:i])]
    assert found.streams == copies
    assert found.messages == copies * len(numbers)
    assert found.repeated == copies * (len(numbers) - len(first))
    assert found.lost == copies * (max(numbers, default=0) - len(first))
    assert found.disordered == copies * len(late)
    assert found.cut == copies * sum(step == StreamStep.CUT for _, step in said)
    assert found.ended == copies * sum(step == StreamStep.ENDED for _, step in said)


@given(st.lists(st.tuples(st.integers(1, 9), steps), min_size=1))
def test_silence_and_the_way_back_are_the_longest_there_were(
    said: list[tuple[int, int | StreamStep]],
) -> None:
    moments: list[tuple[int, int | StreamStep]] = []
    for pause, step in said:
        moments.append((pause + (moments[-1][0] if moments else 0), step))
    made = [
        entry(at, StreamStep.MESSAGE, step) if isinstance(step, int) else entry(at, step)
        for at, step in moments
    ]
    found = streams(made)[KIND]

    end = moments[-1][0]
    heard = [at for at, step in moments if isinstance(step, int)]
    points = [moments[0][0], *heard, end]
    assert found.silence == max(b - a for a, b in pairwise(points))
    down = [at for at, step in moments if step in DOWN]
    assert found.back == max(
        (next((h for h in heard if h > at), end) - at for at in down), default=0
    )
    assert found.away == (max(down, default=0) > max(heard, default=0))


def test_silence_of_all_streams_lasts_until_requests_end() -> None:
    said = [entry(0, StreamStep.OPENED), entry(1, StreamStep.MESSAGE, 1)]
    sent = [Sample(f"t-{n}", float(n), float(n), 0.1, "kept", "GET", "h1") for n in range(31)]
    found = ledger(sent, [], Objectives(), streams=said).streams[KIND]
    assert found.silence == 29


def test_promises_on_streams() -> None:
    def missed(found: Streams, objectives: Objectives) -> list[str]:
        made = checks(Part(sent=9), (), objectives, {KIND: found})
        return [check.name.removeprefix(f"{KIND}: ") for check in made if not check.met]

    strict = Objectives(back=2.0, cut=0)
    messages = "messages lost, repeated or out of order"
    assert missed(Streams(streams=1, messages=5, back=2.0), strict) == []
    for wrong in (Streams(lost=1), Streams(repeated=1), Streams(disordered=1)):
        assert missed(wrong, strict) == [messages]
    assert missed(Streams(messages=5, cut=1, back=2.5), strict) == ["cut", "back"]
    assert missed(Streams(messages=5, away=1), strict) == ["back"]
    assert missed(Streams(messages=5, cut=1, back=9), Objectives()) == []


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Envoy]:
    with lab(tmp_path_factory.mktemp("streams")) as made:
        pod = made.add_pod(WEST, 1)
        made.start()
        yield pod


def messages(found: Record, name: str) -> list[int | None]:
    return [e.number for e in found.streams if (e.stream, e.step) == (name, StreamStep.MESSAGE)]


def test_streams_are_opened_again_and_go_on_where_they_were(portal: Envoy, tmp_path: Path) -> None:
    file = tmp_path / record.FILE
    plan = TrafficPlan.to(f"http://{portal.address}:3000/web-portal", rate=10, streams=2)
    with Traffic(plan, Header(run="t", started=time.time()), tmp_path) as traffic:

        def opened(times: int) -> bool:
            seen = record.read(file).streams
            last = {
                name: [e.step for e in seen if e.stream == name].count(StreamStep.OPENED) >= times
                and [e.step for e in seen if e.stream == name][-1] == StreamStep.MESSAGE
                for name in names
            }
            return all(last.values())

        names = [f"{kind}-{number}" for kind in KINDS for number in (1, 2)]
        eventually(lambda: opened(1), "streams have messages")
        portal.kill()
        portal.start()
        eventually(lambda: opened(2), "streams have messages again")
        traffic.halt()
    found = record.read(tmp_path)
    for name in names:
        numbers = messages(found, name)
        assert numbers == list(range(1, len(numbers) + 1))
    ledger = ledger_of(tmp_path)
    assert list(ledger.streams) == [
        "WebSocket",
        "gRPC, one-way",
        "gRPC, two-way",
        "server-sent events",
    ]
    for kind in ledger.streams.values():
        assert (kind.streams, kind.cut, kind.ended, kind.away) == (2, 2, 0, 0)
        assert (kind.lost, kind.repeated, kind.disordered) == (0, 0, 0)
        assert 0 < kind.back <= kind.silence


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A pod and a gateway in each cluster, and an edge in mode standby."""
    with lab(tmp_path_factory.mktemp("path")) as made:
        for cluster in CLUSTERS:
            made.add_pod(cluster, 1)
            made.add_gateway(cluster)
        made.start()
        weights = edge_weights(LbMode.STANDBY, CLUSTERS, WEST.name)
        made.add_edge("edge", edge_targets(weights, CLUSTERS, made.gateways, "us-east1"))
        made.start("edge")

        def known(name: str, hosts: int) -> bool:
            found = made.hosts(name)
            return len(found) == hosts and not any(found.values())

        for name in ("edge", *(f"gateway-{cluster.name}" for cluster in CLUSTERS)):
            eventually(lambda name=name: known(name, 2), f"{name} knows its hosts", 15)
        yield made


def test_streams_of_a_gateway_that_is_gone_go_on_in_the_other_region(
    path: Lab, tmp_path: Path
) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text(path.clients.certificate)
    file = tmp_path / "run" / record.FILE
    url = f"https://{path.envoys['edge'].address}:8443/web-portal"
    plan = TrafficPlan.to(url, rate=10, streams=2, host=HOST, ca_file=str(authority))

    def all_by(cluster: str) -> bool:
        latest: dict[str, str] = {}
        for each in record.read(file).streams:
            if each.step is StreamStep.OPENED:
                latest[each.stream] = each.cluster
        return list(latest.values()) == [cluster] * 2 * len(KINDS)

    with Traffic(plan, Header(run="t", started=time.time()), file.parent) as traffic:
        eventually(lambda: all_by("west-cluster"), "west answers all streams", 15)
        path.envoys["gateway-west-cluster"].kill()
        eventually(lambda: all_by("east-cluster"), "east answers all streams", 15)
        traffic.halt()
    for kind in ledger_of(file.parent).streams.values():
        assert kind.cut + kind.ended >= 2
        assert kind.lost + kind.repeated + kind.disordered == 0


def test_a_target_without_streams_is_a_refusal_and_no_loss(portal: Envoy, tmp_path: Path) -> None:
    plan = TrafficPlan.to(f"http://{portal.address}:3000/nothing", rate=10, duration=5, streams=1)
    with Traffic(plan, Header(run="t", started=time.time()), tmp_path) as traffic:
        assert traffic.wait(60)
    found = ledger_of(tmp_path).streams
    assert {kind.away for kind in found.values()} == {1}
    assert {kind.messages + kind.cut for kind in found.values()} == {0}
    assert any("404" in e.detail for e in record.read(tmp_path).streams)


def test_streams_of_an_address_without_a_port_go_to_its_schemes(tmp_path: Path) -> None:
    plan = TrafficPlan.to("http://127.0.0.1/web-portal", rate=10, duration=1, streams=1)
    with Traffic(plan, Header(run="t", started=time.time()), tmp_path) as traffic:
        traffic.wait(2)
        traffic.halt()
    refused = {entry.kind: entry.detail for entry in record.read(tmp_path / record.FILE).streams}
    assert KIND in refused
    assert not [words for words in refused.values() if "127.0.0.1:0" in words]


def test_terminal_page_and_markdown_show_the_streams(tmp_path: Path) -> None:
    header = Header(run="r", started=0.0)
    with record.Writer(tmp_path / record.FILE, header) as writer:
        writer.write(Sample("r-1", 0.0, 0.0, 0.1, "kept", "GET", "h1", status=200))
        for at, step, number in (
            (0.0, StreamStep.OPENED, None),
            (0.5, StreamStep.MESSAGE, 1),
            (1.0, StreamStep.CUT, None),
            (2.5, StreamStep.MESSAGE, 4),
            (3.0, StreamStep.CUT, None),
        ):
            writer.write(entry(at, step, number))
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(summary.table(ledger_of(tmp_path)))
    row = next(line for line in console.export_text().splitlines() if KIND in line)
    assert row.split() == [KIND, "2", "0", "2", "2", "0", "0", "2,000", "1,500", "1"]
    report.write(tmp_path)
    assert "<h2>Streams</h2>" in (tmp_path / "report.html").read_text()
    line = f"| {KIND} | 1 | 2 | 0 | 2 | 2 | 0 | 0 | 2,000 | 1,500 | 1 |"
    assert line in (tmp_path / "report.md").read_text()
