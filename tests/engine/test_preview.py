"""What a person sees before anything exists: previews of every stack and mode, and refusals."""

from __future__ import annotations

import json
import os
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from foundation import pulumi_process
from tests.engine.conftest import PROJECT, Project

pytestmark = pytest.mark.engine

WEIGHTS: dict[tuple[str, str], Any] = {
    ("west", "active"): {"east-cluster": 100, "west-cluster": 100},
    ("east", "active"): {"east-cluster": 100, "west-cluster": 100},
    ("west", "standby"): {"east-cluster": 0, "west-cluster": 100},
    ("east", "standby"): {"east-cluster": 100, "west-cluster": 0},
    ("west", "locality"): {"east-cluster": "locality", "west-cluster": "locality"},
    ("east", "locality"): {"east-cluster": "locality", "west-cluster": "locality"},
}


@pytest.mark.parametrize(("stack", "mode"), WEIGHTS)
def test_a_preview_shows_everything_before_a_cluster_exists(
    project: Project, stack: str, mode: str
) -> None:
    project.select(stack)
    done = project.pulumi("preview", "--json", "-c", f"lbMode={mode}")
    assert done.returncode == 0, done.stdout
    plan = json.loads(done.stdout)
    assert plan["changeSummary"].keys() == {"create"}
    steps = {step["urn"]: step["newState"] for step in plan["steps"]}
    kinds = Counter(state["type"].rpartition(":")[2] for state in steps.values())
    assert (kinds["Deployment"], kinds["Service"], kinds["Namespace"]) == (5, 7, 5)
    assert kinds["kubernetes"] == kinds["Gateway"] + kinds["Edge"] == 3
    edge = next(s for s in steps.values() if s["type"] == "demo:edge:Edge")
    assert edge["inputs"] == {"lbMode": mode, "edgeWeights": WEIGHTS[stack, mode]}
    ports = {"west": 8443, "east": 9443}
    answer = next(s for s in steps.values() if s["type"].endswith(":Answer"))
    assert answer["inputs"]["url"] == f"https://127.0.0.1:{ports[stack]}/web-portal"
    waited = {urn.rpartition("::")[2] for urn in answer["dependencies"] if "Deployment" in urn}
    every = ("corp-edge", "east-cluster", "west-cluster")
    portals = {f"{name}/transaction-service/web-portal" for name in every[1:]}
    assert waited == {f"{name}/tetrate-system/gateway" for name in every} | portals


@pytest.mark.parametrize("wanted", [False, True])
def test_the_sdk_sends_its_debug_messages_only_to_who_asks_for_them(
    project: Project, wanted: bool
) -> None:
    if wanted:
        project.env[pulumi_process.WANTS_DEBUG] = "true"
    project.select("west")
    done = project.pulumi("preview", "--debug")
    assert done.returncode == 0, done.stdout
    assert ("registering resource: ty=demo:edge:Edge" in done.stdout) == wanted


def test_pulumi_keeps_no_log_of_its_own_and_gives_one_on_demand(project: Project) -> None:
    project.select("west")
    done = project.pulumi("preview", "--logtostderr", "--verbose=3")
    assert done.returncode == 0, done.stdout
    assert Path(project.env["PULUMI_HOME"], "logs").is_file()
    assert "automatic logging unavailable" in done.stdout  # at a level that nobody sees otherwise


EAST = {"name": "a", "region": "us-east1"}
REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"lbMode": "standy"}, "lbMode in Pulumi.west.yaml is 'standy': use one of active, standby"),
    ({"lbmode": "standby"}, "unknown key lbmode in Pulumi.west.yaml (did you mean lbMode?)"),
    ({"manifest": "none.yaml"}, "manifest in Pulumi.west.yaml is 'none.yaml': there is no such"),
    ({"manifest": "manifests/tenant-settings.yaml"}, "no Service has the annotation"),
    ({"clusters": [{**EAST, "weight": 0}]}, "every cluster would have the weight 0"),
    (
        {"clusters": [{**EAST, "weight": -1}]},
        "clusters[0].weight in Pulumi.west.yaml is '-1': use a whole number from 0",
    ),
    (
        {"clusters": [EAST, EAST]},
        "clusters[1].name in Pulumi.west.yaml is 'a': another cluster has it",
    ),
]


@pytest.mark.parametrize(("values", "message"), REFUSALS, ids=[m[:40] for _, m in REFUSALS])
def test_wrong_input_is_one_clear_line_and_changes_nothing(
    project: Project, values: dict[str, Any], message: str
) -> None:
    project.select("west")
    project.configure("west", {f"{PROJECT}:{key}": value for key, value in values.items()})
    done = project.pulumi("up", "--yes", "--skip-preview")
    assert done.returncode != 0
    assert_one_error(done.stdout, message)
    assert_nothing_was_made(project)


@pytest.mark.skipif(os.geteuid() != 0, reason="backend local needs root")
def test_a_port_in_use_is_one_clear_line_and_changes_nothing(project: Project) -> None:
    project.select("west")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        project.pulumi("config", "set", "localPort", str(port))
        done = project.pulumi("up", "--yes", "--skip-preview")
    assert done.returncode != 0
    assert_one_error(done.stdout, f"port {port} of 127.0.0.1 is in use")
    assert_nothing_was_made(project)


def assert_one_error(text: str, message: str) -> None:
    """The last account of an update holds one error of one line, and no traceback."""
    _, _, account = text.partition("Diagnostics:")
    errors = [line.strip() for line in account.splitlines() if "error:" in line]
    assert len(errors) == 1, text
    assert message in errors[0]
    assert "Traceback" not in text


def assert_nothing_was_made(project: Project) -> None:
    """The state holds the stack alone, and no private folder was made."""
    exported = json.loads(project.pulumi("stack", "export").stdout)
    types = [r["type"] for r in exported["deployment"].get("resources", [])]
    assert types in ([], ["pulumi:pulumi:Stack"])
    assert not (project.folder / ".demo").exists()


def test_a_preview_of_clusters_that_are_there_already_needs_none_of_them(project: Project) -> None:
    project.select("west")
    project.pulumi("config", "set", "backend", "existing")
    done = project.pulumi("preview", "--json")
    assert done.returncode == 0, done.stdout
    plan = json.loads(done.stdout)
    assert plan["changeSummary"].keys() == {"create"}
    types = Counter(step["newState"]["type"].rpartition(":")[2] for step in plan["steps"])
    assert (types["Deployment"], types["Service"], types["Address"]) == (5, 7, 3)
    warned = [d["message"] for d in plan["diagnostics"] if d["severity"] == "warning"]
    assert any("pulumi up would stop here: there is no kubeconfig" in text for text in warned)
    refused = project.pulumi("up", "--yes", "--skip-preview")
    assert_one_error(refused.stdout, "there is no kubeconfig")
    assert_nothing_was_made(project)
