"""Ways of using Pulumi through the launcher that need no cluster, in a copy of the checkout."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.checkout import Checkout, Done, checkout
from tests.support.isolation import PROJECT

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def made() -> Iterator[Checkout]:
    """A copy whose path holds a space and per cent signs."""
    with checkout(name="my 100% copy%20") as copy:
        yield copy


@pytest.fixture
def copy(made: Checkout) -> Checkout:
    """The copy as it is cloned: its own settings, no stack."""
    shutil.rmtree(made.folder / ".demo", ignore_errors=True)
    made.run("git", "checkout", "-q", ".")
    made.run("git", "clean", "-q", "-f")
    return made


def settings(copy: Checkout, stack: str = "west") -> dict[str, Any]:
    """A stack's settings without the project's name."""
    content = yaml.safe_load((copy.folder / f"Pulumi.{stack}.yaml").read_text())
    return {key.removeprefix(f"{PROJECT}:"): value for key, value in content["config"].items()}


def stacks(copy: Checkout) -> dict[str, bool]:
    """The stacks that there are, and whether each is selected."""
    entries = json.loads(copy.demo("pulumi", "stack", "ls", "--json").output)
    return {entry["name"].rpartition("/")[2]: entry["current"] for entry in entries}


def plain(copy: Checkout, command: str, check: bool = True) -> Done:
    """Runs a command in `./demo shell`, where the launcher does not see it."""
    script = copy.folder / ".demo" / "typed"
    script.parent.mkdir(exist_ok=True)
    script.write_text(f"#!/bin/sh\n{command}\n")
    script.chmod(0o700)
    return copy.demo("shell", check=check, SHELL=str(script))


def refused(done: Done, *words: str) -> None:
    assert done.code == 1
    assert all(word in done.output for word in words), done.output
    assert "Traceback" not in done.output and len(done.output.splitlines()) <= 2, done.output


def test_settings_work_before_the_first_up(copy: Checkout) -> None:
    copy.demo("pulumi", "config", "set", "gatewayReplicas", "3")
    assert settings(copy)["gatewayReplicas"] == "3"
    assert stacks(copy) == {"west": True}
    assert copy.demo("pulumi", "config", "get", "gatewayReplicas").output == "3\n"
    copy.demo("pulumi", "config", "rm", "gatewayReplicas")
    assert "gatewayReplicas" not in settings(copy)
    assert copy.run("git", "status", "--short").output == ""


def test_settings_of_a_named_stack_leave_the_selected_one(copy: Checkout) -> None:
    copy.demo("pulumi", "config", "set", "lbMode", "standby")
    copy.demo("pulumi", "config", "set-all", "--stack", "east", "--plaintext", "edgeReplicas=1")
    assert settings(copy, "east")["edgeReplicas"] == "1" and "edgeReplicas" not in settings(copy)
    assert stacks(copy) == {"west": True, "east": False}


def test_settings_work_after_a_destroy(copy: Checkout) -> None:
    copy.demo("pulumi", "config", "set", "lbMode", "standby")
    copy.demo("destroy")
    assert stacks(copy) == {}
    copy.demo("pulumi", "config", "set", "lbMode", "locality")
    assert settings(copy)["lbMode"] == "locality"


def test_a_preview_works_before_the_first_up(copy: Checkout) -> None:
    text = copy.demo("pulumi", "preview", "--json").output
    plan = json.loads(text[text.index("{\n") :])
    assert plan["changeSummary"].keys() == {"create"}


def test_a_plan_of_the_first_update_is_refused(copy: Checkout) -> None:
    for command in (("up", "--yes", "--plan"), ("preview", "--save-plan")):
        done = copy.demo("pulumi", *command, "plan.json", check=False)
        refused(done, "a plan of the first update cannot be followed", "./demo up west")
    assert stacks(copy) == {}


def test_what_needs_a_stack_that_is_up_says_so(copy: Checkout) -> None:
    for command in (("stack", "output", "url"), ("refresh", "--yes"), ("state", "delete", "urn")):
        refused(
            copy.demo("pulumi", *command, check=False), "Stack west is not up", "./demo up west"
        )
    assert stacks(copy) == {}


def test_a_stack_without_settings_is_not_made(copy: Checkout) -> None:
    done = copy.demo("pulumi", "config", "set", "a", "b", "--stack", "wset", check=False)
    assert done.code and "wset" in done.output
    assert stacks(copy) == {} and not (copy.folder / "Pulumi.wset.yaml").exists()


def test_a_lock_of_another_host_is_removed_by_the_command_that_its_refusal_names(
    copy: Checkout,
) -> None:
    copy.demo("pulumi", "config", "set", "lbMode", "standby")
    folder = copy.folder / ".demo" / "pulumi" / ".pulumi" / "locks" / "organization" / PROJECT
    lock = folder / "west" / "3b3e1f6e-5d4b-4a11-9d0a-4b1d7a3b7c55.json"
    lock.parent.mkdir(parents=True, exist_ok=True)
    owner = {"pid": 1, "username": "root", "hostname": "former"}
    lock.write_text(json.dumps({**owner, "timestamp": "2026-01-01T00:00:00Z"}))
    done = copy.demo("pulumi", "up", "--yes", check=False)
    refused(done, "process 1 of host former", "./demo pulumi cancel --stack west")
    copy.demo("pulumi", "cancel", "--stack", "west", "--yes")
    assert not lock.exists()


def test_a_key_into_a_list_keeps_the_entries_of_the_default(copy: Checkout) -> None:
    done = copy.demo("pulumi", "config", "set", "--path", "clusters[2].region", "us-east1")
    assert "2 entries of before were written" in done.output
    copy.demo("pulumi", "config", "set", "--path", "clusters[2].name", "east2-cluster")
    copy.demo("pulumi", "config", "set", "--path", "clusters[0].weight", "50")
    assert settings(copy)["clusters"] == [
        {"name": "east-cluster", "region": "us-east1", "weight": 50},
        {"name": "west-cluster", "region": "us-west1"},
        {"name": "east2-cluster", "region": "us-east1"},
    ]
    copy.demo("pulumi", "preview")
    copy.demo("pulumi", "config", "rm", "clusters")
    assert "clusters" not in settings(copy)


def test_a_key_into_a_list_keeps_what_stands_there_as_text(copy: Checkout) -> None:
    copy.demo("pulumi", "config", "set", "manifest", "manifests/app.yaml")
    done = copy.demo("pulumi", "config", "set", "--path", "manifest[1]", "shop.yaml")
    assert "1 entry of before was written" in done.output
    assert settings(copy)["manifest"] == ["manifests/app.yaml", "shop.yaml"]
    clusters = [{"name": f"{n}-cluster", "region": "us-east1", "weight": 7} for n in "abc"]
    copy.demo("pulumi", "config", "set", "clusters", json.dumps(clusters))
    copy.demo("pulumi", "config", "set", "--path", "clusters[1].weight", "50")
    assert settings(copy)["clusters"] == [clusters[0], {**clusters[1], "weight": 50}, clusters[2]]


def test_a_key_that_would_leave_a_hole_is_refused(copy: Checkout) -> None:
    before = (copy.folder / "Pulumi.west.yaml").read_text()
    done = copy.demo("pulumi", "config", "set", "--path", "clusters[3].name", "a", check=False)
    refused(done, "clusters has 2 entries", "clusters[2]")
    assert (copy.folder / "Pulumi.west.yaml").read_text() == before


def test_a_hole_that_plain_pulumi_leaves_is_refused_with_the_way_back(copy: Checkout) -> None:
    plain(copy, "pulumi stack init west && pulumi config set --path 'clusters[2].region' us-east1")
    done = copy.demo("pulumi", "preview", check=False)
    assert done.code
    assert "clusters[0] in Pulumi.west.yaml is empty; a list" in done.output
    assert "./demo pulumi config rm clusters" in done.output


def test_a_list_that_plain_pulumi_begins_is_refused_or_warned_of(copy: Checkout) -> None:
    plain(copy, "pulumi stack init west && pulumi config set --path 'clusters[0].weight' 50")
    done = copy.demo("pulumi", "preview", check=False)
    assert done.code and "clusters[0] in Pulumi.west.yaml has no name; a list" in done.output
    plain(copy, "pulumi config set --path 'clusters[0].name' west-cluster")
    plain(copy, "pulumi config set --path 'clusters[0].region' us-west1")
    done = copy.demo("pulumi", "preview")
    assert "there is one application cluster and nothing to fail over to" in done.output


def test_watch_without_its_program_is_refused(copy: Checkout) -> None:
    if shutil.which("pulumi-watch"):
        pytest.skip("pulumi-watch is there")
    refused(copy.demo("pulumi", "watch", check=False), "pulumi-watch", "./demo pulumi up")


STACK = {
    "urn": f"urn:pulumi:west::{PROJECT}::pulumi:pulumi:Stack::{PROJECT}-west",
    "type": "pulumi:pulumi:Stack",
    "custom": False,
    "created": "2026-01-01T00:00:00Z",
    "modified": "2026-01-01T00:00:00Z",
}
COMPONENT = {
    **STACK,
    "urn": f"urn:pulumi:west::{PROJECT}::demo:cluster:Cluster::corp-edge",
    "type": "demo:cluster:Cluster",
    "parent": STACK["urn"],
}
RESOURCES = [STACK, COMPONENT]


def test_a_stack_that_is_up_keeps_its_name_and_an_empty_one_may_change_it(copy: Checkout) -> None:
    copy.demo("pulumi", "config", "set", "lbMode", "standby")
    state = json.loads(copy.demo("pulumi", "stack", "export").output)
    file = copy.folder / ".demo" / "state.json"
    file.write_text(json.dumps({**state, "deployment": {**state["deployment"], "resources": []}}))
    full = json.dumps({**state, "deployment": {**state["deployment"], "resources": RESOURCES}})
    used = copy.folder / ".demo" / "used.json"
    used.write_text(full)
    copy.demo("pulumi", "stack", "import", "--file", str(used))
    done = copy.demo("pulumi", "stack", "rename", "west", check=False)
    refused(done, "Stack west is called so already.")
    done = copy.demo("pulumi", "stack", "rename", "north", check=False)
    refused(
        done, "Stack west is up", "./demo destroy west && mv Pulumi.west.yaml Pulumi.north.yaml"
    )
    assert stacks(copy) == {"west": True}
    copy.demo("pulumi", "stack", "import", "--file", str(file))
    copy.demo("pulumi", "stack", "rename", "north")
    assert stacks(copy) == {"north": True}
    assert settings(copy, "north")["lbMode"] == "standby"
    copy.demo("pulumi", "preview")


def test_another_backend_may_not_touch_the_clusters_of_this_one(
    copy: Checkout, tmp_path: Path
) -> None:
    lab = copy.lab()
    lab.mkdir(parents=True)
    own = f"file://{copy.folder}/.demo/pulumi"
    (lab.parent / "backend").write_text(own)
    other = {
        "PULUMI_BACKEND_URL": f"file://{tmp_path}",
        "PULUMI_CONFIG_PASSPHRASE": "for tests",
    }
    for command in (("destroy",), ("up",), ("pulumi", "destroy", "--yes")):
        refused(copy.demo(*command, check=False, **other), f"state is in {own}, not in", "sweep")
    done = copy.demo("pulumi", "up", "--yes", "--skip-preview", check=False, **other)
    assert done.code and f"state is in {own}, not in" in done.output
    shown = copy.demo("pulumi", "preview", **other).output
    assert "pulumi up would stop here: The clusters of stack west run, and their state" in shown
    assert (lab.parent / "backend").read_text() == own
    state = copy.folder / ".demo" / "pulumi" / ".pulumi" / "stacks"
    assert not list(state.rglob("*.json"))  # the clusters' own state is as it was: there was none
    copy.demo("local", "sweep", str(lab))
    assert not lab.exists()
