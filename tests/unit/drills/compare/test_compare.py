"""A comparison without processes: configurations, choice, figures, tables."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.application import Application
from drills.compare import __main__ as command
from drills.compare import (
    balancers,
    figures,
    page,
    programs,
    recorded,
    run,
    stack_access,
    table,
    usage,
)
from drills.compare.balancers import BALANCERS, DIRECT, KINDS, OURS, chosen
from drills.compare.beside import Beside
from drills.compare.configuration import FOLDER, Gateway, Settings, render
from drills.compare.figures import CALM, PATIENCE, Calm, Measured, UnderFault
from drills.compare.table import Comparison
from drills.compare.usage import Usage
from drills.faults import Means, named
from drills.stack import Stack
from drills.traffic import (
    ErrorKind,
    Event,
    EventKind,
    Execution,
    Header,
    LanePlan,
    Sample,
    TrafficPlan,
    record,
)
from drills.traffic.executed import Executed
from drills.traffic.generator import TrafficError
from foundation.errors import UserError
from foundation.project import ROOT

EAST, WEST = "east-cluster", "west-cluster"
GOLDEN = ROOT / "tests" / "golden" / "compare"
SETTINGS = Settings(
    address="127.0.0.1",
    port=21080,
    host="online-banking.dynabank.com",
    path="/web-portal",
    certificate=Path("/run/compare/client.pem"),
    client=Path("/run/compare/mesh.pem"),
    ca=Path("/run/compare/ca.pem"),
    folder=Path("/run/compare/balancer"),
    gateways=[
        Gateway(EAST, "10.89.0.33", 15443, "gateway.east-cluster.mesh"),
        Gateway(WEST, "10.89.0.49", 15443, "gateway.west-cluster.mesh"),
    ],
)


# -- configurations --------------------------------------------------------------------------------


@pytest.mark.parametrize("balancer", BALANCERS, ids=lambda balancer: balancer.name)
def test_what_is_rendered_is_what_was_reviewed(balancer: balancers.Balancer) -> None:
    text = render(balancer.file.read_text(), SETTINGS, balancer.file.name)
    file = GOLDEN / balancer.file.name
    if os.environ.get("GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert file.read_text() == text
    assert "{{" not in text


def test_every_configuration_belongs_to_a_balancer_and_names_its_sources() -> None:
    files = {file for file in FOLDER.iterdir() if file.suffix != ".requirements"}
    assert files == {balancer.file for balancer in BALANCERS}
    for file in files:
        head = file.read_text().split("\n\n")[0]
        assert "quick start" in head or "source of" in head, file.name


def test_a_line_of_a_gateway_is_written_for_each() -> None:
    text = render("a\n  server {{gateway.cluster}} {{gateway.address}}:{{port}};\nb", SETTINGS, "f")
    lines = [f"  server {g.cluster} {g.address}:21080;" for g in SETTINGS.gateways]
    assert text.splitlines() == ["a", *lines, "b"]


def test_an_unknown_name_is_refused_with_its_line() -> None:
    with pytest.raises(UserError, match=r"own.cfg, line 2: \{\{adres_\}\} is not known"):
        render("ok\nbind {{adres_}}", SETTINGS, "own.cfg")


@given(st.text(alphabet="abc{}$%# \n", max_size=60))
def test_what_names_nothing_is_kept_as_it_is(text: str) -> None:
    if not re.search(r"\{\{[a-z_.]+\}\}", text):
        assert render(text, SETTINGS, "f") == "\n".join(text.splitlines()) + "\n"


# -- choice ----------------------------------------------------------------------------------------


def test_without_a_name_all_are_compared_and_with_a_file_of_ones_own_only_that(
    tmp_path: Path,
) -> None:
    own = tmp_path / "Caddyfile"
    own.write_text("")
    assert [b.name for b in chosen([], [])] == [b.name for b in BALANCERS]
    assert [(b.name, b.kind) for b in chosen([], [own])] == [("Caddyfile", balancers.CADDY)]
    both = chosen(["nginx", "nginx"], [own])
    assert [b.name for b in both] == ["nginx", "Caddyfile"]


@pytest.mark.parametrize(
    ("names", "file", "reason"),
    [
        (["varnish"], "", "no balancer 'varnish'. There are: haproxy"),
        (["nginx"], "nginx.conf", "nginx is there twice"),
        ([], "missing.cfg", "There is no configuration"),
        ([], "own.txt", r"ending does not say which program reads it. Known: .cfg \(haproxy\)"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    names: list[str], file: str, reason: str, tmp_path: Path
) -> None:
    if file and file != "missing.cfg":
        (tmp_path / file).write_text("")
    with pytest.raises(UserError, match=reason):
        chosen(names, [tmp_path / file] if file else [])


def test_every_program_is_to_be_had_in_some_way() -> None:
    for kind in KINDS:
        assert bool(kind.debian) + bool(kind.pypi) == (kind != balancers.ENVOY)
        assert any("{file}" in word for word in kind.arguments)


def test_libraries_are_read_from_a_packages_dependencies() -> None:
    field = "libc6 (>= 2.34), liblua5.3-0 | liblua5.4-0, adduser, libssl3:any (>= 3.0), lsb-base"
    assert programs.libraries_of(field) == ["libc6", "liblua5.3-0", "libssl3"]
    assert programs.libraries_of("\n") == []


def test_a_program_on_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "haproxy"
    file.write_text("#!/bin/sh\necho 'HAProxy version 9.8.7-own 2026/01/01'\n")
    file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = programs.find(balancers.HAPROXY, tmp_path / "cache")
    assert (found.path, found.version, found.origin) == (file, "9.8.7-own", "PATH")


def test_what_cannot_be_had_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(programs.packages, "SYSTEM_FOLDERS", ())
    with pytest.raises(programs.Unavailable, match=r"apt-get is not there .* haproxy on PATH"):
        programs.find(balancers.HAPROXY, tmp_path / "cache")
    assert not (tmp_path / "cache" / "balancers" / "haproxy").exists()


def test_to_list_programs_downloads_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(programs.packages, "SYSTEM_FOLDERS", ())
    monkeypatch.setattr(programs.tools, "cache_dir", lambda: tmp_path / "cache")
    monkeypatch.setattr(programs, "_fetch", lambda *_: pytest.fail("something is downloaded"))
    assert command.main(["--list", "--with", "haproxy", "--with", "caddy"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "haproxy not here yet Debian, on first use" in said
    assert "caddy not here yet PyPI, on first use" in said
    assert not (tmp_path / "cache").exists()


# -- the stack -------------------------------------------------------------------------------------


def test_gateway_and_secrets_are_read_from_the_clusters_objects() -> None:
    service = {"status": {"loadBalancer": {"ingress": [{"ip": "10.89.0.33"}]}}}
    assert stack_access.gateway_of(EAST, service) == SETTINGS.gateways[0]
    with pytest.raises(UserError, match="east-cluster: the gateway's Service has no address yet"):
        stack_access.gateway_of(EAST, {"status": {"loadBalancer": {}}})
    volumes = [
        {"name": "config", "configMap": {"name": "gateway"}},
        {"name": "mesh", "secret": {"secretName": "gateway-mesh"}},
        {"name": "certificate-0", "secret": {"secretName": "bank-tls"}},
        {"name": "certificate-1", "secret": {"secretName": "shop-tls"}},
    ]
    assert stack_access.secrets_of(volumes) == ("gateway-mesh", "bank-tls")
    with pytest.raises(UserError, match="no certificate for clients"):
        stack_access.secrets_of(volumes[:2])


def test_all_lanes_get_the_same_rate(tmp_path: Path) -> None:
    stack = Stack(
        "west",
        tmp_path,
        tmp_path / "kubeconfig",
        {EAST: 100, WEST: 100},
        "active",
        url="https://127.0.0.1:8443/web-portal",
        application=Application(host="online-banking.dynabank.com", path="/web-portal"),
    )
    running = dict.fromkeys(("nginx", "caddy"))
    ports = {"nginx": 1001, "caddy": 1002, DIRECT: 1003}
    others = Beside(
        running, {}, "/web-portal", ports, SETTINGS.gateways[1], tmp_path / "c", tmp_path / "r"
    )
    plan = run.plan(stack, others, run.Pace(rate=10))
    senders = [n.name for p in plan.protocols for n in plan.lanes if p in (n.protocols or [p])]
    each = {lane: plan.rate * senders.count(lane) / len(senders) for lane in senders}
    assert each == {OURS: 10, "nginx": 10, "caddy": 10, DIRECT: 5}
    assert plan.uncounted == ("nginx", "caddy", DIRECT)
    urls = {lane.name: lane.url for lane in plan.lanes}
    assert urls["nginx"] == "https://127.0.0.1:1001/web-portal" and urls[OURS] == stack.url


@pytest.mark.parametrize("name", ["edge-killed", "edge-control-cut", "mode-switch"])
def test_a_fault_of_our_edge_alone_compares_nothing(name: str) -> None:
    run.check([named(fault) for fault in run.FAULTS])
    with pytest.raises(UserError, match=f"{name} strikes our edge alone"):
        run.check([named("region-cut"), named(name)])


def test_a_load_that_is_not_sent_compares_nothing() -> None:
    with pytest.raises(UserError, match="overload is made by a load of its own"):
        run.check([named("overload")])


class Interrupted:
    """Traffic that is interrupted as soon as anybody waits for it."""

    running = True

    def __init__(self) -> None:
        self.marked: list[Event] = []

    def mark(self, event: Event) -> None:
        self.marked.append(event)

    def wait(self, _: float) -> bool:
        raise KeyboardInterrupt


def test_whatever_ends_a_fault_it_is_mended_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    monkeypatch.setattr(run.guard, "standing", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(run.action, "mend", lambda *a: done.append(f"mend {a[2]}"))
    fault = replace(
        named("gateway-gone"),
        means=Means(
            "", lambda strike: done.append(f"break {strike.cluster}"), lambda _: done.append("")
        ),
    )
    stack = Stack("west", tmp_path, tmp_path / "k", {EAST: 100, WEST: 100}, "active")
    traffic = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        run._strike(stack, fault, [EAST, WEST], PATIENCE, traffic, run.Pace())
    assert done == [f"break {EAST}", f"break {WEST}", f"mend {WEST}", f"mend {EAST}"]
    (event,) = traffic.marked
    assert (event.kind, event.name, event.cluster) == (EventKind.FAULT, PATIENCE, "")


@pytest.mark.parametrize("why", ["", "The generator ended with exit code 1."])
def test_nothing_is_broken_once_nothing_is_sent(why: str, tmp_path: Path) -> None:
    class Ended(Interrupted):
        running = False

        def stop(self) -> None:
            if why:
                raise TrafficError(why)

    stack = Stack("west", tmp_path, tmp_path / "k", {EAST: 100, WEST: 100}, "active")
    with pytest.raises(UserError, match=why or "ended before its time"):
        run._strike(stack, named("pods-slow"), [EAST], PATIENCE, Ended(), run.Pace())
    assert list(tmp_path.iterdir()) == []


# -- figures ---------------------------------------------------------------------------------------

T0 = 1000.0
EVENTS = [
    Event(T0, EventKind.PHASE, CALM),
    Event(T0 + 10, EventKind.FAULT, "gateway-gone", WEST),
    Event(T0 + 20, EventKind.FIX, "gateway-gone", WEST),
    Event(T0 + 30, EventKind.FAULT, PATIENCE),
    Event(T0 + 40, EventKind.FIX, PATIENCE),
]


def sample(
    at: float, cluster: str = EAST, *, took: float = 0.01, lane: str = OURS, **more: Any
) -> Sample:
    """Gives a good answer, unless `more` says otherwise; its id is when it was due."""
    return Sample(
        **{
            "id": f"{lane}-{at:g}",
            "due": T0 + at,
            "started": T0 + at,
            "duration": took,
            "lane": lane,
            "method": "GET",
            "protocol": "h1",
            "status": 200,
            "cluster": cluster,
            **more,
        }
    )


def lost(at: float, **more: Any) -> Sample:
    return sample(at, "", status=None, error=ErrorKind.REFUSED, **more)


BEFORE = [sample(n / 2, WEST if n % 2 else EAST) for n in range(20)]
AFTER = [sample(21 + n / 2, WEST if n % 2 else EAST) for n in range(16)]


def executed(samples: Sequence[Sample], status: int = 200) -> list[Execution]:
    return [Execution(s.due, s.id, s.cluster or EAST, "p", "GET", status) for s in samples]


def test_a_lane_that_leaves_has_a_time_and_one_that_does_not_has_none() -> None:
    left = [*BEFORE, lost(10.5), *[sample(11 + n / 2, took=0.3) for n in range(18)], *AFTER]
    costs = figures.under_faults(left, EVENTS, Executed(executed(left)))
    gone = costs["gateway-gone"]
    assert (gone.sent, gone.lost, gone.slowest) == (34 + 1, 1, 0.3)
    assert (gone.moved, gone.back) == (0.5, pytest.approx(1.51))
    stayed = [*BEFORE, *[lost(10 + n / 2) for n in range(20)], *AFTER]
    gone = figures.under_faults(stayed, EVENTS, Executed([]))["gateway-gone"]
    assert (gone.lost, gone.moved, gone.executions) == (20, None, None)


def test_executions_count_what_was_begun_for_nobody_and_not_what_was_refused() -> None:
    slow = [sample(31 + n, took=2.0) for n in range(4)]
    twice = [*executed(slow), *executed(slow, 0), *executed(slow, 503)]
    cost = figures.under_faults([*BEFORE, *slow], EVENTS, Executed(twice))[PATIENCE]
    assert (cost.sent, cost.lost, cost.slowest, cost.executions) == (4, 0, 2.0, 2.0)


def test_orders_without_a_key_are_not_counted_under_a_fault() -> None:
    orders = [lost(12, method="POST"), lost(13, method="POST", key="k"), sample(14)]
    cost = figures.under_faults([*BEFORE, *orders], EVENTS, Executed([]))["gateway-gone"]
    assert (cost.sent, cost.lost) == (2, 1)


def test_the_calm_part_ends_with_the_first_fault_and_is_compared_in_one_protocol() -> None:
    span = figures.calm_span(EVENTS)
    over = Event(T0 + 5, EventKind.PHASE, figures.CALM_OVER)
    assert (span, figures.calm_span([*EVENTS, over])) == ((T0, T0 + 10), (T0, T0 + 5))
    mine = [sample(n, took=0.004) for n in range(10)]
    other = [sample(n + 0.5, took=0.1, protocol="h2") for n in range(9)]
    direct = [sample(n, took=0.001, lane=DIRECT) for n in range(10)]
    measured = Measured(Usage(0.05, 1), 5.0, Usage(0.019, 2), Usage(9.0, 3 << 20))
    unknown = figures.calm(mine, span, direct, replace(measured, idle=None, calm=None))
    assert (unknown.cpu, unknown.idle, unknown.memory) == (None, None, 3 << 20)
    cost = figures.calm([*mine, *other, sample(12, took=9)], span, direct, measured)
    assert (cost.answered, cost.lost, cost.p50, cost.p99) == (19, 0, 0.004, 0.1)
    assert cost.added == pytest.approx(0.003)
    assert (cost.cpu, cost.idle, cost.memory) == (pytest.approx(1.0), 0.01, 3 << 20)
    assert figures.calm(mine, span, []).added is None


def test_a_balancer_that_has_ended_takes_no_memory_that_ours_is_compared_with() -> None:
    used = dict.fromkeys((OURS, "nginx"), Usage(1.0, 1 << 20))
    end = {**used, "nginx": Usage(0.0, 0)}
    assert figures.measured(used, 5.0, used, end, ()).keys() == {OURS, "nginx"}
    found = figures.measured(used, 5.0, used, end, {"nginx": "it ended"})
    assert found == {OURS: Measured(used[OURS], 5.0, used[OURS], used[OURS])}


def test_a_record_is_compared_lane_by_lane(tmp_path: Path) -> None:
    lanes = (LanePlan(OURS, "https://x/", True), LanePlan("nginx", "https://y/", True, False))
    plan = TrafficPlan(
        lanes=(*lanes, LanePlan(DIRECT, "https://z/", True, False, protocols=("h1",)))
    )
    with record.Writer(tmp_path / record.FILE, Header("r", T0, plan=plan)) as writer:
        for n, name in enumerate((OURS, "nginx", DIRECT)):
            for each in [*BEFORE, *AFTER]:
                writer.write(replace(each, lane=name, duration=0.01 * (n + 1)))
        writer.write(lost(12, lane="nginx"))
        for event in EVENTS:
            writer.write(event)
    assert record.read(tmp_path).header.plan == plan
    usage_ = {OURS: Measured(Usage(0, 0), 5.0, Usage(0.02, 0), Usage(0, 1 << 20))}
    made = run.conditions(record.header(tmp_path), run.Pace())
    found = recorded.compare(tmp_path, usage_, {"nginx": "nginx 1"}, {"caddy": "no reason"}, made)
    assert list(found.faults) == ["gateway-gone", PATIENCE]
    assert {n: c.lost for n, c in found.faults["gateway-gone"].items()} == {
        OURS: 0,
        "nginx": 1,
        DIRECT: 0,
    }
    assert found.calm[OURS].cpu == pytest.approx(1.0) and found.calm["nginx"].cpu is None
    assert found.versions.keys() == {OURS, "nginx"}
    assert any("20 requests/s; 20 s without a fault" in line for line in found.conditions)


def test_what_was_measured_before_an_end_is_compared(tmp_path: Path) -> None:
    plan = TrafficPlan(lanes=(LanePlan(OURS, "https://x/", True),))
    for number, (kept, faults, words) in enumerate(
        (
            (EVENTS[:1], [], "in the part without a fault"),
            (EVENTS[:2], [], "during gateway-gone, which is left out"),
            (EVENTS[:3], ["gateway-gone"], "after gateway-gone was mended"),
            (EVENTS[:4], ["gateway-gone"], f"during {PATIENCE}, which is left out"),
        )
    ):
        folder = tmp_path / str(number)
        with record.Writer(folder / record.FILE, Header("r", T0, plan=plan)) as writer:
            for entry in [*BEFORE, *AFTER, *kept]:
                writer.write(entry)
        found = recorded.compare(folder, {}, {}, {}, (), whole=False)
        assert list(found.faults) == faults
        assert page.headline(found).startswith(f"Ended before its time, {words}. Our edge lost 0 ")
        assert recorded.compare(folder, {}, {}, {}, ()).cut == ""


# -- tables ----------------------------------------------------------------------------------------

GOOD = UnderFault(100, 0, 0.26, 0.3, 1.0, 1.0)
CHEAP = Calm(100, 0, 0.002, 0.01, 0.001, 0.3, 0.0, 4 << 20)


def comparison(ours: UnderFault, other: UnderFault, fault: str = "region-cut") -> Comparison:
    calm = {OURS: CHEAP, "nginx": CHEAP}
    return Comparison({fault: {OURS: ours, "nginx": other}}, calm, {"nginx": "nginx 1.22"})


def test_equal_costs_are_nowhere_behind() -> None:
    same = comparison(GOOD, GOOD)
    assert table.behind(same) == []
    assert page.headline(same) == (
        "Our edge lost 0 requests that may be sent again; it is best or equal in every column"
    )


def test_a_lane_that_was_not_struck_is_no_match() -> None:
    away = replace(GOOD, used=False, moved=None, slowest=0.01)
    assert table.behind(comparison(GOOD, away)) == []
    lines = table.fault_lines({OURS: GOOD, "nginx": away})
    assert table.NOT_STRUCK in lines[1] and table.NOT_STRUCK not in lines[0]


@pytest.mark.parametrize(
    ("worse", "line"),
    [
        ({"lost": 3}, "region-cut: lost 3, nginx 0"),
        ({"slowest": 1.0}, "region-cut: slowest 1.00 s, nginx 0.26 s"),
        ({"moved": 2.0}, "region-cut: moved 2.00 s, nginx 0.30 s"),
        ({"moved": None}, "region-cut: moved never, nginx 0.30 s"),
        ({"back": 10.0}, "region-cut: back 10.00 s, nginx 1.00 s"),
        ({"executions": 2.0}, "region-cut: executions 2.00, nginx 1.00"),
    ],
)
def test_each_column_in_which_we_are_behind_is_said(worse: dict[str, object], line: str) -> None:
    assert table.behind(comparison(replace(GOOD, **worse), GOOD)) == [line]
    assert table.behind(comparison(GOOD, replace(GOOD, **worse))) == []


def test_who_loses_more_is_no_better_for_being_quick() -> None:
    quick = replace(GOOD, lost=50, slowest=0.01, moved=0.0, back=0.0)
    assert table.behind(comparison(GOOD, quick)) == []


@pytest.mark.parametrize(
    ("worse", "line"),
    [
        ({"cpu": 1.2}, "no fault: CPU per 1,000 requests 1.2 s, nginx 0.3 s"),
        ({"memory": 41 << 20}, "no fault: memory 41 MiB, nginx 4 MiB"),
        ({"added": 0.003}, "no fault: added latency 3 ms, nginx 1 ms"),
        ({"idle": 0.0075}, "no fault: CPU without requests 7.5 ms/s, nginx 0 ms/s"),
    ],
)
def test_what_our_edge_costs_more_is_said(worse: dict[str, object], line: str) -> None:
    found = Comparison({}, {OURS: replace(CHEAP, **worse), "nginx": CHEAP, DIRECT: CHEAP})
    assert table.behind(found) == [line]


def test_the_lane_without_a_balancer_is_no_rival() -> None:
    direct = replace(GOOD, slowest=0.01, moved=0.0, executions=0.5)
    found = Comparison(
        {"f": {OURS: GOOD, DIRECT: direct}}, {OURS: CHEAP, DIRECT: replace(CHEAP, added=0.0)}
    )
    assert table.behind(found) == []


@pytest.mark.parametrize("cost", [replace(CHEAP, lost=1), replace(CHEAP, answered=0)])
def test_who_loses_while_nothing_is_broken_makes_the_run_doubtful(cost: Calm) -> None:
    found = Comparison({}, {OURS: CHEAP, DIRECT: cost})
    assert "lost requests: direct. Measure again" in page.headline(found)
    assert table.doubt(Comparison({}, {OURS: CHEAP})) == ""


def test_both_pages_have_every_lane_every_part_and_what_was_left_out(tmp_path: Path) -> None:
    slow = {OURS: GOOD, "nginx": replace(GOOD, lost=16, slowest=0.0, executions=None)}
    found = replace(
        comparison(replace(GOOD, back=None), replace(GOOD, moved=None)),
        skipped={"caddy": "no <apt>"},
    )
    found = replace(found, faults={**found.faults, PATIENCE: slow})
    file = page.write(tmp_path, "Balancers", found)
    text, html = (tmp_path / "comparison.md").read_text(), file.read_text()
    for part in ("region-cut", PATIENCE, "no fault", "caddy is not compared", "nginx 1.22"):
        assert part in text and part in html
    assert "| our edge | 100 | 0 | 260 | 0.30 | - | 1.00 |" in text
    assert "| nginx | 100 | 0 | 260 | never | 1.00 | 1.00 |" in text
    assert "| nginx | 100 | 16 | - | 0.30 | 1.00 | - |" in text
    assert "no <apt>" in text and "no &lt;apt&gt;" in html


# -- processes -------------------------------------------------------------------------------------


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
    before = usage.of([os.getpid()])
    work = threading.Thread(target=lambda: sum(range(20_000_000)))
    work.start()
    work.join()
    used = usage.of([os.getpid()]).since(before)
    assert used and used.cpu > 0.1
