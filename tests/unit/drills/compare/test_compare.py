"""A comparison without processes: configurations, choice, the stack, what strikes."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.application import Application
from drills.compare import __main__ as command
from drills.compare import (
    balancers,
    programs,
    run,
    stack_access,
)
from drills.compare.balancers import BALANCERS, DIRECT, KINDS, OURS, chosen
from drills.compare.beside import Beside
from drills.compare.configuration import FOLDER, Gateway, Settings, render
from drills.compare.figures import PATIENCE
from drills.faults import Means, named
from drills.stack import Stack
from drills.traffic import (
    Event,
    EventKind,
)
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

    def __init__(self) -> None:
        self.marked: list[Event] = []

    def check(self) -> None: ...

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


def test_nothing_is_broken_once_nothing_is_sent(tmp_path: Path) -> None:
    class Ended(Interrupted):
        def check(self) -> None:
            raise TrafficError("The generator ended with exit code 1.")

    stack = Stack("west", tmp_path, tmp_path / "k", {EAST: 100, WEST: 100}, "active")
    with pytest.raises(TrafficError, match="ended with exit code 1"):
        run._strike(stack, named("pods-slow"), [EAST], PATIENCE, Ended(), run.Pace())
    assert list(tmp_path.iterdir()) == []
