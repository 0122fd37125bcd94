"""Drills on real clusters: what they break they mend, whatever becomes of them; nothing is lost."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import lab
from tests.support.checkout import Checkout, kill_session
from tests.support.traffic import ask, served
from tests.support.waiting import eventually

EAST, WEST, EDGE = CLUSTERS = "east-cluster", "west-cluster", "corp-edge"
QUICK = ("--baseline", "2", "--hold", "4")
DRILL_SECONDS = 120
EACH_KIND = {
    "active": ("pods-hang", "pods-errors", "edge-restart", "region-cut", "edge-control-cut"),
    "standby": ("cluster-power", "mode-switch"),
}
"""The faster ones that no other test drills: each layer, each way to fail.

All in each mode: `./demo task drill:all`.
"""

MATRIX_SECONDS = 600
"""Longest time of these drills in one mode."""


@pytest.fixture(autouse=True)
def _nothing_stays_broken(demo: Checkout) -> Iterator[None]:
    """What every test asserts at its end."""
    yield
    done = demo.demo("task", "status", check=False)
    if done.code:
        demo.demo("task", "heal-all", check=False)
    assert not done.code, done.output


def runs(demo: Checkout) -> list[Path]:
    """Folders of the drills' runs, the newest last."""
    return sorted(file.parent for file in demo.folder.glob("reports/*/ledger.json"))


def ledger(run: Path) -> dict[str, Any]:
    """The ledger of a run."""
    return dict(json.loads((run / "ledger.json").read_text())["ledger"])


def start(demo: Checkout, log: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Starts a drill that holds its fault for long, and waits until the fault is in force."""
    process = demo.start(
        "./demo", "task", "drill", "--", *arguments, "--baseline", "1", "--hold", "100", log=log
    )
    eventually(lambda: "In force" in log.read_text(errors="replace"), "the fault is in force", 60)
    return process


def broken(demo: Checkout) -> str:
    """What `task status` says is broken; empty if nothing."""
    done = demo.demo("task", "status", check=False)
    return done.output if done.code else ""


def test_a_drill_breaks_mends_counts_and_reports(demo: Checkout) -> None:
    done = demo.demo("task", "drill", "--", "workload-gone", *QUICK, check=False)
    assert "Predicted: east-cluster and west-cluster answer now; then west-cluster." in done.output
    assert "Prediction: right" in done.output
    run = runs(demo)[-1]
    counted = ledger(run)
    assert counted["promised"]["lost"] == 0 and counted["promised"]["sent"] > 300
    assert [incident["name"] for incident in counted["incidents"]] == ["workload-gone"]
    incident = counted["incidents"][0]
    assert incident["fault"] < incident["all_moved"] < incident["mended"] < incident["failed_back"]
    assert incident["fault"] < incident["ejected"] < incident["mended"]
    assert {file.name for file in run.iterdir()} == {
        "record.jsonl", "ledger.json", "junit.xml", "report.md", "report.html"
    }  # fmt: skip
    left = [lab.command_line(process) for process in lab.running()]
    assert not [line for line in left if "drills.guard" in line and str(demo.folder) in line]


def test_ctrl_c_mends(demo: Checkout, tmp_path: Path) -> None:
    process = start(demo, tmp_path / "log", "gateway-gone")
    assert "gateway-gone" in broken(demo)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(DRILL_SECONDS) != 0
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_a_closed_terminal_mends(demo: Checkout, tmp_path: Path) -> None:
    process = start(demo, tmp_path / "log", "region-cut")
    os.killpg(process.pid, signal.SIGHUP)
    process.wait(DRILL_SECONDS)


def test_a_killed_drill_is_mended_by_its_guard(demo: Checkout, tmp_path: Path) -> None:
    process = start(demo, tmp_path / "log", "pods-errors")
    kill_session(process)
    eventually(lambda: broken(demo) == "", "the guard has mended", 60)


def test_a_drill_breaks_nothing_where_somebody_else_has_done_so_meanwhile(
    demo: Checkout, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    arguments = ("task", "drill", "--", "gateway-gone", "--baseline", "2", "--hold", "2")
    process = demo.start("./demo", *arguments, log=log)
    try:
        eventually(lambda: "Predicted" in log.read_text(), "the drill has begun", 60)
        os.killpg(process.pid, signal.SIGSTOP)  # its baseline ends after the break, not before
        demo.demo("task", "break", "--", "gateway-gone", "--cluster", WEST, "--force")
        os.killpg(process.pid, signal.SIGCONT)
        assert process.wait(DRILL_SECONDS) == 1
    finally:
        kill_session(process)
    assert f"{EAST} is the last healthy path ({WEST}: gateway-gone is in force)" in log.read_text()
    assert f"{EAST}: gateway-gone" not in broken(demo)
    demo.demo("task", "fix", "--", "gateway-gone", "--cluster", WEST)


def test_by_hand_status_tells_and_heal_all_mends_without_any_record(
    demo: Checkout, outputs: dict[str, Any]
) -> None:
    demo.demo("task", "break-workload")
    demo.demo("task", "break", "--", "link-cut", "--cluster", WEST, "--force")
    said = broken(demo)
    assert f"{EAST}: workload-gone, for" in said and f"{WEST}: link-cut, for" in said
    refused = demo.demo("task", "cluster-outage", "--", "--cluster", WEST, check=False)
    assert refused.code and "last healthy path" in refused.output
    (demo.private() / "faults.json").unlink()
    assert "workload-gone, which nobody wrote down" in broken(demo)
    demo.demo("task", "heal-all")
    eventually(lambda: len(served(ask(outputs, 10))) == 2, "both answer", 30)


def test_elsewhere_a_region_is_cut_off_by_its_service(
    demo: Checkout, outputs: dict[str, Any]
) -> None:
    demo.demo("task", "break", "--", "region-cut", "--elsewhere")
    # connections that stand go on until the edge's health checks, which open new ones, tell
    eventually(lambda: served(ask(outputs, 10)) == {WEST: 10}, f"{WEST} answers alone")
    assert "region-cut" in broken(demo)
    demo.demo("task", "fix", "--", "region-cut", "--elsewhere")
    eventually(lambda: len(served(ask(outputs, 10))) == 2, "both answer", 30)
    refused = demo.demo("task", "break", "--", "cluster-power", "--elsewhere", check=False)
    assert refused.code and "needs the machine below" in refused.output


def objects(demo: Checkout) -> dict[str, Any]:
    """Deployments, Services and Nodes of all clusters, without what every write changes."""
    found = {}
    for cluster in CLUSTERS:
        kinds = ("get", "deployments,services,nodes", "--all-namespaces")
        said = demo.kubectl(cluster, *kinds, "--output=json", "--show-managed-fields")
        for item in json.loads(said)["items"]:
            metadata = item["metadata"]
            for key in ("resourceVersion", "generation"):
                metadata.pop(key, None)
            metadata.get("annotations", {}).pop("deployment.kubernetes.io/revision", None)
            item.pop("status", None)
            for entry in metadata["managedFields"]:
                entry.pop("time", None)
            metadata["managedFields"].sort(key=lambda entry: json.dumps(entry, sort_keys=True))
            name = (cluster, item["kind"], metadata.get("namespace", ""), metadata["name"])
            found["/".join(name)] = item
    return found


def copied(demo: Checkout) -> str:
    """What ReplicaSets carry of drills: their controller copies a Deployment's annotations."""
    said = [
        demo.kubectl(cluster, "get", "replicasets", "--all-namespaces", "--output=yaml")
        for cluster in CLUSTERS
    ]
    notes = re.findall(r"^ {6}resiliency\.demo/.*$", "".join(said), re.MULTILINE)
    return "\n".join(notes)


WRITING = (
    ("workload-gone",),
    ("version-bad",),
    ("edge-restart",),
    ("node-drain",),
    ("region-cut", "--elsewhere"),
    ("node-drain", "--elsewhere"),
)
"""Faults that write to objects, one for each means to do so."""


def test_a_healed_drill_leaves_no_field_manager_and_no_annotation(demo: Checkout) -> None:
    before = objects(demo)
    for fault in WRITING:
        demo.demo("task", "break", "--", *fault)
        demo.demo("task", "fix", "--", *fault)
        # the controller takes a node's taint off by itself
        eventually(lambda: objects(demo) == before, f"{' '.join(fault)} has left nothing", 30)
    assert copied(demo) == ""
    demo.demo("task", "break", "--", "workload-gone")
    (demo.private() / "faults.json").unlink()
    demo.demo("task", "heal-all")
    assert objects(demo) == before


def test_what_was_changed_by_hand_is_named_and_mended_and_nothing_else(demo: Checkout) -> None:
    before = objects(demo)
    bank, gateways = ("--namespace", "transaction-service"), ("--namespace", "tetrate-system")
    weight = "gateway.tetrate.io/edge-clusters=corp-edge:1"
    ports = json.dumps({"spec": {"ports": [{"name": "mine", "port": 9999}]}})
    secret = json.dumps({"data": {"mine": "c2VjcmV0"}})
    demo.kubectl(EAST, *bank, "scale", "deployment", "web-portal", "--replicas=0")
    demo.kubectl(EAST, *bank, "annotate", "service", "web-portal", weight, "--overwrite")
    demo.kubectl(WEST, *bank, "rollout", "restart", "deployment", "web-portal")
    demo.kubectl(WEST, *bank, "delete", "configmap", "cluster-info")
    demo.kubectl(WEST, *gateways, "patch", "service", "gateway", "--patch", ports)
    demo.kubectl(EDGE, *gateways, "patch", "secret", "online-banking-certs", "--patch", secret)
    demo.kubectl(EDGE, *bank[:1], "default", "create", "configmap", "of-others")
    said = broken(demo)
    for line in (
        f"{EAST}: Deployment transaction-service/web-portal: spec.replicas is 0",
        f"{EAST}: Service transaction-service/web-portal: metadata.annotations"
        "[gateway.tetrate.io/edge-clusters] is corp-edge:1, set by kubectl-annotate,"
        " the stack's is corp-edge:100",
        f"{WEST}: Deployment transaction-service/web-portal: spec.template.metadata.annotations",
        f"{WEST}: ConfigMap transaction-service/cluster-info: is missing",
        f"{WEST}: Service tetrate-system/gateway: spec.ports[9999,TCP] is ",
        f"{EDGE}: Secret tetrate-system/online-banking-certs: data.mine is (secret)",
        "./demo task heal-all",
    ):
        assert line in said
    assert "of-others" not in said and "c2VjcmV0" not in said
    demo.demo("task", "heal-all")
    assert broken(demo) == ""
    assert objects(demo) == before
    assert demo.kubectl(EDGE, *bank[:1], "default", "get", "configmap", "of-others", "-oname")
    demo.kubectl(EDGE, *bank[:1], "default", "delete", "configmap", "of-others")
    assert demo.preview() == []
    refreshed = demo.demo("pulumi", "up", "--yes", "--refresh")
    assert "unchanged" in refreshed.output and "updated" not in refreshed.output


def test_after_a_healed_drill_an_update_of_the_same_field_goes_through(demo: Checkout) -> None:
    demo.demo("task", "break", "--", "gateway-gone")
    demo.demo("task", "heal-all")
    demo.demo("pulumi", "config", "set", "gatewayReplicas", "3")
    try:
        demo.demo("pulumi", "up", "--yes")
        how = ("--namespace", "tetrate-system", "get", "deployment", "gateway")
        assert demo.kubectl(EAST, *how, "--output=jsonpath={.spec.replicas}") == "3"
    finally:
        demo.demo("pulumi", "config", "rm", "gatewayReplicas")
        demo.demo("pulumi", "up", "--yes")


def test_clients_as_people_have_them_get_through_a_lost_gateway(
    demo: Checkout, tmp_path: Path
) -> None:
    table = tmp_path / "clients.md"
    names = ("curl", "requests", "httpx")
    chosen = [part for name in names for part in ("--client", name)]
    demo.demo(
        *("task", "clients", "--", "gateway-gone", *chosen),
        *("--hold", "4", "--markdown", str(table)),
    )
    text = table.read_text()
    for name in (*names, "drills' generator"):
        (sent,) = re.findall(rf"\| {name} \| \S* +\| 0 of (\d+)\b", text)
        assert int(sent) > 40, text


@pytest.mark.timeout(MATRIX_SECONDS)
@pytest.mark.parametrize("mode", EACH_KIND)
def test_no_kind_of_fault_loses_anything(demo: Checkout, tmp_path: Path, mode: str) -> None:
    faults = EACH_KIND[mode]
    log = tmp_path / "matrix"
    known = set(demo.folder.glob("reports/*-matrix"))
    command = ("./demo", "task", "drill", "--", *faults, "--mode", mode, *QUICK)
    process = demo.start(*command, log=log)
    try:
        process.wait(MATRIX_SECONDS - 60)
    finally:
        if process.poll() is None:
            kill_session(process)
    said = log.read_text(errors="replace")
    print(said)
    (made,) = set(demo.folder.glob("reports/*-matrix")) - known
    page = (made / "matrix.html").read_text()
    linked = set(re.findall(r'href="\.\./([^/"]+)/report\.html"', page))
    assert len(linked) == len(faults)
    rows = (made / "matrix.md").read_text()
    assert "failed:" not in rows and "predicted" not in rows, rows
    lost = {name: ledger(demo.folder / "reports" / name)["promised"]["lost"] for name in linked}
    assert not {name for name, count in lost.items() if count}, lost
