"""Drills without clusters: the catalogue of faults, applications, stacks, arguments."""

from __future__ import annotations

import dataclasses
import itertools
import json
import xmlrpc.client
from pathlib import Path
from typing import Any

import pytest

from drills import __main__ as command
from drills import action, observer, preconditions, presentation
from drills import stack as stack_module
from drills.application import PORTAL, Application, Workload
from drills.faults import (
    FAULTS,
    KNOWN,
    Fault,
    Means,
    Moves,
    Strike,
    named,
)
from drills.journal import Entry, Journal
from drills.pace import Pace
from drills.promises import header_of
from drills.stack import EDGE, Stack
from drills.traffic import Request
from foundation import project
from foundation.errors import UserError
from tests.support.drill_stack import EAST, WEST, stack

pytestmark = pytest.mark.usefixtures("own_settings")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_every_fault_has_a_fix_a_layer_and_a_sentence(fault: Fault) -> None:
    assert fault.means.break_ is not fault.means.mend and fault.means.how
    assert fault.what.endswith(".") and fault.layer
    assert (fault.objectives.lost == 0) == (fault.name not in ("edge-killed", "overload"))
    assert named(fault.name) is fault


def test_names_are_unique_and_each_layer_is_there() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert {str(f.layer) for f in FAULTS} >= {"workload", "gateway", "cluster", "infrastructure"}


def test_without_the_machine_below_what_needs_it_says_why(tmp_path: Path) -> None:
    elsewhere = stack(tmp_path)
    assert not elsewhere.is_local
    assert "machine below" in named("packet-loss").unavailable(elsewhere)
    assert named("workload-gone").unavailable(elsewhere) == ""
    assert named("region-cut").unavailable(elsewhere) == ""  # a closed Service serves there


SHOP = {
    "namespace": "shop",
    "workload": {"kind": "StatefulSet", "name": "web"},
    "selector": {"app": "shop", "tier": "web"},
    "host": "shop.example.com",
    "path": "/",
}
"""The stack's output `application` for an application of a user's own."""


@pytest.mark.parametrize(
    ("kind", "fault", "said"),
    [
        ("Deployment", "workload-gone", ""),
        ("StatefulSet", "workload-gone", ""),
        ("StatefulSet", "version-good", ""),
        ("StatefulSet", "version-bad", "needs a Deployment, and the application's workload is"),
        ("DaemonSet", "workload-gone", "needs a Deployment or StatefulSet, and"),
        ("DaemonSet", "pod-killed", ""),
        ("Deployment", "pods-errors", "needs the application of manifests/app.yaml: its Envoy"),
        ("Deployment", "gateway-gone", ""),
    ],
)
def test_with_an_application_of_ones_own_what_cannot_be_done_says_why(
    tmp_path: Path, kind: str, fault: str, said: str
) -> None:
    workload = {"kind": kind, "name": "web"}
    shop = Application.of({**SHOP, "workload": workload})
    reason = named(fault).unavailable(dataclasses.replace(stack(tmp_path), application=shop))
    assert reason.startswith(said) and bool(reason) == bool(said)
    assert "\n" not in reason


def test_a_service_without_a_workload_in_the_manifest_says_so(tmp_path: Path) -> None:
    shop = Application.of({**SHOP, "workload": None})
    there = dataclasses.replace(stack(tmp_path), application=shop)
    assert "the manifest has none there" in named("workload-gone").unavailable(there)
    assert named("gateway-gone").unavailable(there) == ""


def test_an_application_is_what_the_output_says() -> None:
    shop = Application.of(SHOP)
    assert shop.workload == Workload("StatefulSet", "shop", "web")
    assert shop.label_selector == "app=shop,tier=web"
    assert not shop.is_portal and Application().is_portal
    assert Application().workload == ("Deployment", "transaction-service", "web-portal")


def test_requests_of_ones_own_may_take_as_long_as_they_did_before_the_fault(tmp_path: Path) -> None:
    portal = stack(tmp_path)
    shop = dataclasses.replace(portal, application=Application.of(SHOP))
    own = Pace(requests=(Request(path="/slow"),))
    for pace, there, expected in (
        (Pace(), portal, False),
        (own, portal, True),
        (Pace(), shop, True),
    ):
        fault = named("gateway-gone")
        assert pace.plan(there).timeout == (30 if expected else 3)
        assert dataclasses.replace(pace, timeout=7).plan(there).timeout == 7
        _, header = header_of(there, fault, EAST, None, pace.is_own(there))
        assert header.objectives.beyond_usual == expected
        assert header.objectives.slowest == fault.objectives_at(there).slowest


OUTPUTS: dict[str, Any] = {
    "url": "https://127.0.0.1:8443/",
    "host": "shop.example.com",
    "caCertificate": "PEM",
    "edgeWeights": {EAST: None, WEST: None},
    "edgePriorities": [[WEST], [EAST]],
    "application": SHOP,
}


def test_a_stack_is_what_its_outputs_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack_module, "_outputs", lambda *_: OUTPUTS)
    monkeypatch.setattr(project, "stack_folder", lambda _: tmp_path)
    found = Stack.selected("west")
    assert found.order == ((WEST,), (EAST,))
    assert found.application == Application.of(SHOP)
    assert found.application_clusters == (EAST, WEST)
    assert not found.application.is_portal


@pytest.mark.parametrize("key", ["application", "edgePriorities"])
def test_outputs_of_an_older_program_are_asked_for_in_one_line(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = {name: value for name, value in OUTPUTS.items() if name != key}
    monkeypatch.setattr(stack_module, "_outputs", lambda *_: left)
    monkeypatch.setattr(project, "stack_folder", lambda _: tmp_path)
    with pytest.raises(UserError, match=r"made: ./demo up west$"):
        Stack.selected("west")


def test_a_misspelt_fault_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean workload-gone"):
        named("workload-gon")


def test_unknown_faults_end_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["break", "gateway-gon"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["brake"], ["run", "all", "--rate", "0"], ["break"]])
def test_wrong_arguments_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)
    assert ended.value.code == 2


def test_somebody_elses_cluster_is_not_struck_from_below(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not run on this machine"):
        assert Strike(stack(tmp_path), EAST).spec


def test_the_edges_own_word_on_its_gateways_is_followed() -> None:
    name = "cluster.regions_transaction-service_web-portal.membership_healthy"
    lines = [f"{name}: 2", f"{name}: 2", "noise", f"{name}: 1", f"{name}: 1", f"{name}: 2"]
    clock = itertools.count(10.0).__next__
    assert list(observer.changes(lines, clock)) == [(10.0, 2, 1), (11.0, 1, 2)]
    two = ["cluster.regions_a.membership_healthy: 2", "cluster.regions_b.membership_healthy: 2"]
    more = [two[0], two[1], two[1].replace(": 2", ": 1")]
    assert list(observer.changes(more, clock)) == []


def test_updates_are_mended_last_and_power_before_pods() -> None:
    order = sorted(KNOWN, key=action._turn)
    names = [fault.name for fault in order]
    assert names.index("cluster-power") < names.index("region-cut") < names.index("workload-gone")
    assert all(fault.update for fault in order[-4:]) and not any(f.update for f in order[:-4])


def test_each_act_of_the_talk_is_a_fault_that_there_is() -> None:
    for act in presentation.ACTS:
        assert named(act.fault) and act.look.endswith(".")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "all", "--profile", "p.yaml"], "one drill in one mode"),
        (["run", "gateway-gone", "--profile", "nowhere.yaml"], "no profile nowhere.yaml"),
        (["run", "gateway-gone", "workload-gon"], "did you mean workload-gone"),
        (["run", "gateway-gone", "gateway-gone"], "A fault is named twice"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(arguments) == 1
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_only_faults_that_take_a_path_away_move_all() -> None:
    moving = {fault.name for fault in FAULTS if fault.moves is Moves.ALL}
    assert {"workload-gone", "gateway-gone", "region-cut", "cluster-power"} <= moving
    assert not {"pod-killed", "control-plane-gone", "edge-killed", "link-cut"} & moving


def test_what_does_not_heal_is_said_and_stays_written_down(tmp_path: Path) -> None:
    def refuse(_: Strike) -> None:
        raise xmlrpc.client.Fault(92, "CANT_REREAD")

    fault = dataclasses.replace(named("cluster-power"), means=Means("", lambda _: None, refuse))
    Journal(tmp_path).add(Entry(fault.name, EAST, 1.0))
    with pytest.raises(UserError, match=r"CANT_REREAD.*heal-all"):
        action.mend(stack(tmp_path), fault, EAST, lambda event: None)
    assert [entry.fault for entry in Journal(tmp_path).entries()] == ["cluster-power"]


@pytest.mark.parametrize(("platform", "said"), [("envoy", "gateway is missing"), ("tetrate", "")])
def test_the_gateways_of_a_platform_are_not_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, said: str
) -> None:
    namespace, name = PORTAL
    portal = {
        "kind": "Deployment",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"replicas": 1},
        "status": {"readyReplicas": 1},
    }
    asked: list[str] = []

    def get(_: Stack, cluster: str, kinds: str, *_rest: str) -> dict[str, Any]:
        asked.append(kinds)
        return {"items": [portal] if cluster != EDGE else []}

    monkeypatch.setattr(Stack, "get", get)
    there = dataclasses.replace(stack(tmp_path), platform=platform)
    assert preconditions.look(there) == dict.fromkeys(there.clusters, said)
    assert set(asked) == {"deployments"}


@pytest.mark.parametrize(("name", "said"), [("wset", "Stacks: "), ("west", "./demo up west")])
def test_a_misspelt_stack_is_answered_with_those_that_there_are(
    name: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> str:
        raise UserError("no stack named so")

    monkeypatch.setattr(stack_module.pulumi_command, "output", fail)
    with pytest.raises(UserError, match=said):
        stack_module._outputs(name, {})


def test_outputs_are_read_from_the_file_of_our_own_state_and_else_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack_module.pulumi_command, "output", lambda *_, **__: '{"url": "asked"}')
    file = tmp_path / "west.json"
    monkeypatch.setattr(stack_module.selection, "own_state", lambda env, stack: file)

    def outputs_of(*resources: dict[str, Any]) -> dict[str, Any]:
        file.write_text(json.dumps({"checkpoint": {"latest": {"resources": resources}}}))
        return stack_module._outputs("west", {})

    assert stack_module._outputs("west", {}) == {"url": "asked"}  # no file yet
    root = {"type": "pulumi:pulumi:Stack", "outputs": {"url": "read"}}
    other = {"type": "pulumi-python:dynamic:Answer", "outputs": {"url": "other"}}
    assert outputs_of(other, {**root, "outputs": {}, "delete": True}, root) == {"url": "read"}
    assert outputs_of({"type": "pulumi:pulumi:Stack"}) == outputs_of() == {}
    file.write_text('{"checkpoint"')
    assert stack_module._outputs("west", {}) == {"url": "asked"}
    monkeypatch.setattr(stack_module.selection, "own_state", lambda env, stack: None)
    assert stack_module._outputs("west", {}) == {"url": "asked"}
