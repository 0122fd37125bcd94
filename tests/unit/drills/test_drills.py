"""Drills without clusters: catalogue, prediction, refusals, the journal of faults, arguments."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import shutil
import stat
import xmlrpc.client
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from drills import __main__ as command
from drills import action, observer, preconditions, presentation, pulumi_command, update
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
    network,
    operation,
    processes,
)
from drills.faults.model import either
from drills.journal import Entry, Journal
from drills.prediction import predict, score, struck_by_default
from drills.stack import EDGE, GATEWAY_WORKLOAD, Stack
from foundation import project, stack_file
from foundation.errors import UserError
from localkube.spec import ClusterSpec
from tests.support import isolation

EAST, WEST = "east-cluster", "west-cluster"
ACTIVE = ((EAST, WEST),)
STANDBY = ((WEST,), (EAST,))
CLUSTERS = (EAST, WEST, EDGE)
WELL = dict.fromkeys(CLUSTERS, "")


@pytest.fixture(autouse=True)
def own_settings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stacks as delivered, whatever the checkout's own settings say."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copy(project.ROOT / "Pulumi.yaml", folder)
    isolation.write_settings(folder)
    monkeypatch.setattr(project, "ROOT", folder)


def stack(folder: Path) -> Stack:
    weights = {EAST: 100, WEST: 100}
    return Stack("west", folder, folder / "kubeconfig", weights, "active", order=ACTIVE)


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


def test_processes_are_found_by_their_pods_and_gateways_by_their_name(tmp_path: Path) -> None:
    strike = Strike(local_stack(tmp_path), EAST)
    group, other = strike.spec.members[0].cgroup, Strike(strike.stack, WEST).spec.members[0].cgroup
    running = {
        30: ("/usr/local/bin/envoy\0--service-cluster\0east-cluster", f"{group}/x/podu-1/c"),
        9: ("python\0app.py", f"{group}/kubepods/burstable/podu-2/c"),
        8: ("/pause", f"{group}/kubepods/burstable/podu-2/d"),
        7: ("containerd", f"{group}/containerd"),
        6: ("python\0app.py", f"{other}/kubepods/burstable/podu-2/c"),
    }
    for pid, (line, path) in running.items():
        (tmp_path / "proc" / str(pid)).mkdir(parents=True)
        (tmp_path / "proc" / str(pid) / "cmdline").write_text(line)
        (tmp_path / "proc" / str(pid) / "cgroup").write_text(f"1:cpu:{path}\n")
    proc = tmp_path / "proc"
    assert processes.envoys(strike, proc) == [30]
    assert processes.of_pods(strike, ["u-2"], proc) == [9]
    assert processes.of_pods(strike, ["u-2", "u-1"], proc) == [9, 30]
    assert processes.of_other_pods(strike, proc) == [9]


def test_traffic_has_longer_to_move_where_kubectl_strikes_or_steps_learn_for_themselves(
    tmp_path: Path,
) -> None:
    gone = named("gateway-gone")
    local = local_stack(tmp_path)
    here, there = gone.objectives_at(local), gone.objectives_at(stack(tmp_path / "no"))
    assert here == gone.objectives
    assert here.moved and there.moved and there.moved > here.moved
    assert (there.lost, there.slowest) == (here.lost, here.slowest)
    ramped = gone.objectives_at(dataclasses.replace(local, failback="ramped"))
    assert here.moved < (ramped.moved or 0.0) < there.moved
    assert named("control-plane-gone").objectives_at(stack(tmp_path / "no")).moved is None


def test_a_misspelt_fault_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean workload-gone"):
        named("workload-gon")


def test_active_strikes_east_and_west_takes_all() -> None:
    fault = named("workload-gone")
    assert struck_by_default(fault, ACTIVE) == EAST
    assert predict(fault, EAST, ACTIVE).during == (WEST,)


def test_standby_strikes_the_active_one_and_the_other_takes_over() -> None:
    fault = named("gateway-gone")
    assert struck_by_default(fault, STANDBY) == WEST
    predicted = predict(fault, WEST, STANDBY)
    assert (predicted.before, predicted.during) == ((WEST,), (EAST,))


def test_what_leaves_the_data_path_alone_moves_nothing() -> None:
    assert predict(named("control-plane-gone"), EAST, ACTIVE).during == (EAST, WEST)
    assert predict(named("edge-killed"), EDGE, STANDBY).during == (WEST,)
    assert struck_by_default(named("edge-killed"), STANDBY) == EDGE


def test_of_five_clusters_all_but_the_struck_one_of_the_first_group_take_over() -> None:
    fault, far = named("workload-gone"), ("central-cluster", WEST)
    order = ((EAST, "east2-cluster"), far)
    predicted = predict(fault, EAST, order)
    assert predicted.during == ("east2-cluster",)
    assert predict(fault, EAST, ((EAST,), far)).during == far
    assert predict(fault, EAST, ((EAST, "east2-cluster", *far),)).text == (
        "east-cluster, east2-cluster, central-cluster and west-cluster answer now; "
        "then east2-cluster, central-cluster and west-cluster."
    )


def test_a_prediction_is_scored_by_who_answered() -> None:
    predicted = predict(named("region-cut"), EAST, ACTIVE)
    assert score(predicted, {WEST}) == ""
    assert "answered east-cluster" in score(predicted, {EAST, WEST})
    assert score(predict(named("packet-loss"), EAST, ACTIVE), {WEST}) == ""


def test_a_healthy_stack_may_be_struck() -> None:
    assert preconditions.refusal(named("workload-gone"), EAST, CLUSTERS, WELL, []) == ""


def test_the_last_healthy_path_is_not_broken() -> None:
    fault = named("gateway-gone")
    ill = {**WELL, WEST: "gateway has 0 of 0 pods ready"}
    assert "last healthy path" in preconditions.refusal(fault, EAST, CLUSTERS, ill, [])
    written = [Entry("region-cut", WEST, 0.0)]
    refused = preconditions.refusal(fault, EAST, CLUSTERS, WELL, written)
    assert "last healthy path" in refused and "region-cut is in force" in refused


def test_the_only_path_there_is_is_not_broken() -> None:
    alone = {EDGE: "", EAST: ""}
    refused = preconditions.refusal(named("gateway-gone"), EAST, (EAST, EDGE), alone, [])
    assert refused == f"{EAST} is the only application cluster, so nobody could answer. Add --force"
    assert preconditions.refusal(named("edge-restart"), EDGE, (EAST, EDGE), alone, []) == ""
    assert preconditions.refusal(named("control-plane-gone"), EAST, (EAST, EDGE), alone, []) == ""


def test_an_ill_stack_is_not_struck_and_unknown_clusters_are_named() -> None:
    ill = {**WELL, EDGE: "no answer"}
    assert "not well" in preconditions.refusal(named("pod-killed"), EAST, CLUSTERS, ill, [])
    assert "no cluster 'north'" in preconditions.refusal(
        named("pod-killed"), "north", CLUSTERS, WELL, []
    )
    assert "strikes corp-edge" in preconditions.refusal(
        named("edge-killed"), EAST, CLUSTERS, WELL, []
    )
    assert "not corp-edge" in preconditions.refusal(named("pod-killed"), EDGE, CLUSTERS, WELL, [])


def deployment(wanted: int, ready: int) -> dict[str, Any]:
    metadata = {"namespace": "tetrate-system", "name": "gateway"}
    status = {"readyReplicas": ready} if ready else {}
    spec = {"replicas": wanted}
    return {"kind": "Deployment", "metadata": metadata, "spec": spec, "status": status}


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([deployment(2, 2)], ""),
        ([deployment(2, 1)], "gateway has 1 of 2 pods ready"),
        ([deployment(0, 0)], "gateway has 0 of 0 pods ready"),
        ([], "gateway is missing"),
    ],
)
def test_what_is_wrong_with_a_cluster_is_said(items: list[dict[str, Any]], said: str) -> None:
    assert preconditions.complaint(items, [GATEWAY_WORKLOAD]) == said


def test_a_daemon_set_is_well_when_each_node_has_its_pod() -> None:
    wanted = Workload("DaemonSet", "shop", "shop")
    metadata = {"namespace": "shop", "name": "shop"}
    status = {"desiredNumberScheduled": 2, "numberReady": 1}
    items = [{"kind": "DaemonSet", "metadata": metadata, "spec": {}, "status": status}]
    assert preconditions.complaint(items, [wanted]) == "shop has 1 of 2 pods ready"
    items[0]["status"] = {**status, "numberReady": 2}
    assert preconditions.complaint(items, [wanted]) == ""
    assert preconditions.complaint(items, [wanted._replace(kind="Deployment")]) == "shop is missing"


def test_the_journal_is_private_and_keeps_the_first_memory(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "west")
    first = Entry("workload-gone", EAST, 1.0, {"replicas": "2"})
    assert journal.entries() == []
    assert journal.add(first) == first
    assert journal.add(Entry("workload-gone", EAST, 2.0, {"replicas": "0"})) == first
    journal.add(Entry("workload-gone", WEST, 3.0))
    assert stat.S_IMODE(journal.file.stat().st_mode) == 0o600
    journal.remove("workload-gone", EAST)
    journal.remove("workload-gone", EAST)
    assert [entry.cluster for entry in Journal(tmp_path / "west").entries()] == [WEST]
    assert [path.name for path in journal.file.parent.iterdir()] == ["faults.json"]


def test_a_damaged_journal_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "faults.json").write_text("[{")
    with pytest.raises(UserError, match="heal-all"):
        Journal(tmp_path).entries()


def local_stack(folder: Path) -> Stack:
    """A stack whose clusters run on this machine, as their folders say."""
    for index, name in enumerate((EDGE, EAST, WEST)):
        spec = ClusterSpec(str(folder / "lab"), name, index, 1, 20000 + index)
        spec.folder.mkdir(parents=True)
        spec.save()
    return stack(folder)


def test_packets_vanish_both_ways_and_some_only_by_chance(tmp_path: Path) -> None:
    strike = Strike(local_stack(tmp_path), EAST)
    text = network.rules("region-cut", network.between(strike, CLUSTERS))
    assert text.startswith("*mangle\n:DRILL-region-cut ") and text.endswith("COMMIT\n")
    assert "-s 10.89.0.48/28 -j DROP" in text and "-d 10.89.0.48/28 -j DROP" in text
    assert "10.89.0.32/28" not in text  # its own nodes
    assert "statistic" not in text
    some = network.rules("packet-loss", network.between(strike, CLUSTERS, 0.05))
    assert "--probability 0.05 -j DROP" in some


def test_the_edge_is_cut_off_from_its_own_api_server_only(tmp_path: Path) -> None:
    strike = Strike(local_stack(tmp_path), EDGE)
    text = network.rules("edge-control-cut", network.to_api_server(strike))
    assert "-s 10.89.0.16/28 -p tcp --dport 6443 -j DROP" in text
    assert "-I INPUT -j DRILL-edge-control-cut" in text
    assert "10.89.0.1/" not in text  # the operator's way in


def test_clusters_here_can_be_struck_as_if_they_were_elsewhere(tmp_path: Path) -> None:
    here = local_stack(tmp_path)
    assert here.is_local
    elsewhere = dataclasses.replace(here, elsewhere=True)
    assert not elsewhere.is_local
    assert "machine below" in named("cluster-power").unavailable(elsewhere)


def test_of_two_means_the_nearer_one_breaks_and_both_mend(tmp_path: Path) -> None:
    done: list[str] = []

    def means(name: str) -> Means:
        return Means(
            name,
            lambda strike: done.append(f"{name} breaks"),
            lambda strike: done.append(f"{name} mends"),
            remember=lambda strike: {"by": name},
        )

    both = either(local=means("machine"), elsewhere=means("kubectl"))
    here = Strike(local_stack(tmp_path), EAST)
    there = Strike(dataclasses.replace(here.stack, elsewhere=True), EAST)
    strange = Strike(stack(tmp_path / "none"), EAST)
    assert [both.remember(each)["by"] for each in (here, there)] == ["machine", "kubectl"]
    for each in (here, there, strange):
        both.break_(each)
    assert done == ["machine breaks", "kubectl breaks", "kubectl breaks"]
    done.clear()
    both.mend(there)  # as if they were somebody else's: the machine's means mend all the same
    both.mend(strange)
    assert done == ["machine mends", "kubectl mends", "kubectl mends"]


def test_what_takes_time_is_over_before_a_fault_counts_as_begun(tmp_path: Path) -> None:
    done: list[str] = []

    @contextlib.contextmanager
    def arm(strike: Strike) -> Iterator[Callable[[], None]]:
        done.append("armed")
        yield lambda: done.append("broken")
        done.append("over")

    def never(strike: Strike) -> None:
        raise AssertionError

    armed = Means("", never, never, arm=arm)
    strike = Strike(local_stack(tmp_path), EAST)
    for means in (armed, either(local=armed, elsewhere=Means("", never, never))):
        fault = dataclasses.replace(named("pods-errors"), means=means)
        action.make(fault, strike, lambda event: done.append("told"))
        assert done == ["armed", "told", "broken", "over"]
        done.clear()


@pytest.mark.parametrize("fault", [f for f in FAULTS if f.means.machine], ids=lambda f: f.name)
def test_names_of_chains_are_short_enough(fault: Fault) -> None:
    assert len(network.PREFIX + fault.name) <= 28


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


def test_a_fault_may_say_itself_who_answers() -> None:
    predicted = predict(named("region-evacuated"), EAST, ACTIVE, (WEST,))
    assert (predicted.before, predicted.during) == ((EAST, WEST), (WEST,))


def test_the_switch_says_who_answers_in_the_other_mode(tmp_path: Path) -> None:
    switch = named("mode-switch").during
    assert switch
    assert switch(stack(tmp_path), EDGE) == (WEST,)  # stack west's activeCluster
    standby = dataclasses.replace(stack(tmp_path), mode="standby")
    assert switch(standby, EDGE) == (EAST, WEST)


def test_an_evacuated_region_is_a_standby_whatever_the_mode(tmp_path: Path) -> None:
    changes = operation.evacuated(stack(tmp_path), EAST)
    assert changes["lbMode"] == "active"
    weights = {each["name"]: each.get("weight", 100) for each in changes["clusters"]}
    assert weights == {EAST: 0, WEST: 100}


def test_the_edges_own_word_on_its_gateways_is_followed() -> None:
    name = "cluster.regions_transaction-service_web-portal.membership_healthy"
    lines = [f"{name}: 2", f"{name}: 2", "noise", f"{name}: 1", f"{name}: 1", f"{name}: 2"]
    clock = itertools.count(10.0).__next__
    assert list(observer.changes(lines, clock)) == [(10.0, 2, 1), (11.0, 1, 2)]
    two = ["cluster.regions_a.membership_healthy: 2", "cluster.regions_b.membership_healthy: 2"]
    more = [two[0], two[1], two[1].replace(": 2", ": 1")]
    assert list(observer.changes(more, clock)) == []


def test_settings_are_changed_in_a_copy_that_keeps_the_rest() -> None:
    own = "config:\n  demo:lbMode: active\n  demo:localPort: '8443'\nencryptionsalt: v1:x\n"
    text = stack_file.changed(own, "demo", {"lbMode": "standby", "clusters": [{"name": "a"}]})
    content = yaml.safe_load(text)
    assert content["encryptionsalt"] == "v1:x"
    assert content["config"] == {
        "demo:lbMode": "standby",
        "demo:localPort": "8443",
        "demo:clusters": [{"name": "a"}],
    }
    assert yaml.safe_load(stack_file.changed("", "demo", {"lbMode": "standby"})) == {
        "config": {"demo:lbMode": "standby"}
    }


def test_a_failed_update_is_told_by_pulumis_own_reason() -> None:
    said = (
        "Updating (west)\n    error: update failed\n  error: unknown key lbMod in Pulumi.west.yaml"
    )
    assert pulumi_command.reason(said) == "unknown key lbMod in Pulumi.west.yaml"
    assert pulumi_command.reason("killed") == "killed"


def test_a_setting_is_the_stacks_own_or_the_default() -> None:
    assert update.setting("west", "activeCluster") == WEST
    assert [each["name"] for each in update.setting("west", "clusters")] == [EAST, WEST]
    with pytest.raises(UserError, match="stack north cannot be read"):
        update.setting("north", "clusters")


@pytest.mark.parametrize("key", ["demo:lbMode", "demo:config:lbMode", "lbMode"])
def test_a_setting_is_found_in_each_form_that_pulumi_takes(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project, "ROOT", tmp_path)
    declared = "name: demo\nconfig:\n  lbMode: {default: active}\n"
    (tmp_path / "Pulumi.yaml").write_text(declared)
    own = tmp_path / "Pulumi.west.yaml"
    own.write_text(f"config:\n  {key}: standby\n")
    assert update.setting("west", "lbMode") == "standby"
    own.write_text("config:\n  other:lbMode: standby\n")
    assert update.setting("west", "lbMode") == "active"
    own.write_text("config: none\n")
    with pytest.raises(UserError, match="stack west cannot be read: the settings under config"):
        update.setting("west", "lbMode")


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
