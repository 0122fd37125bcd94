"""Ways of using Pulumi on a stack that is up, on real clusters: rows of docs/using-pulumi.md."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localkube import machine
from tests.engine.test_using_pulumi import plain, refused
from tests.support import lab
from tests.support.checkout import Checkout, Done
from tests.support.traffic import ask
from tests.support.waiting import eventually

UP = ("pulumi", "up", "--yes", "--skip-preview")


def resources(demo: Checkout) -> dict[str, dict[str, Any]]:
    """The state's resources, by URN."""
    state = json.loads(demo.demo("pulumi", "stack", "export").output)
    return {each["urn"]: each for each in state["deployment"]["resources"]}


def urn(demo: Checkout, kind: str, name: str) -> str:
    """The URN of the one resource of this kind and name."""
    (found,) = [u for u in resources(demo) if u.endswith(f"{kind}::{name}")]
    return found


def summary(done: Done) -> dict[str, int]:
    """What an update did: operation -> number."""
    account = done.output.rpartition("Resources:")[2]
    return {word: int(n) for n, word in re.findall(r"(\d+) (\w+)$", account, re.MULTILINE)}


@pytest.fixture
def nothing_to_do_afterwards(demo: Checkout) -> Iterator[None]:
    """After a way that changes something the stack is as `up` leaves it."""
    yield
    assert summary(demo.demo(*UP)).keys() == {"unchanged"}
    assert not ask(demo.outputs())[0].lost


@contextlib.contextmanager
def gateway_replicas(demo: Checkout, number: int) -> Iterator[None]:
    """Have the setting for the block; afterwards the stack is brought up without it."""
    demo.demo("pulumi", "config", "set", "gatewayReplicas", str(number))
    try:
        yield
    finally:
        demo.demo("pulumi", "config", "rm", "gatewayReplicas")
        demo.demo(*UP)


changes_something = pytest.mark.usefixtures("nothing_to_do_afterwards")


@changes_something
def test_a_saved_plan_is_followed(demo: Checkout, tmp_path: Path) -> None:
    plan = str(tmp_path / "plan.json")
    with gateway_replicas(demo, 3):
        demo.demo("pulumi", "config", "set", "lbMode", "standby")  # new files for the edge
        demo.demo("pulumi", "preview", "--save-plan", plan)
        demo.demo(*UP, "--plan", plan)
        gateway = urn(demo, ":Deployment", "east-cluster/tetrate-system/gateway")
        assert resources(demo)[gateway]["inputs"]["spec"]["replicas"] == 3
        demo.demo("pulumi", "config", "rm", "lbMode")


@changes_something
def test_a_target_and_an_exclusion(demo: Checkout) -> None:
    edge = urn(demo, ":ConfigMap", "corp-edge/tetrate-system/gateway-config")
    with gateway_replicas(demo, 1):
        assert summary(demo.demo(*UP, "--target", edge)).keys() == {"unchanged"}
        gateway = urn(demo, ":Deployment", "east-cluster/tetrate-system/gateway")
        other = urn(demo, ":Deployment", "west-cluster/tetrate-system/gateway")
        demo.demo(*UP, "--exclude", gateway)
        assert resources(demo)[other]["inputs"]["spec"]["replicas"] == 1
        assert resources(demo)[gateway]["inputs"]["spec"]["replicas"] == 2


@changes_something
def test_an_object_is_made_anew_on_demand(demo: Checkout) -> None:
    target = urn(demo, ":PodDisruptionBudget", "east-cluster/tetrate-system/gateway")
    done = demo.demo(*UP, "--replace", target, check=False)
    assert not done.code, done.output
    demo.demo(*UP)
    assert "gateway" in demo.kubectl("east-cluster", "get", "pdb", "-A", "--output=name")


def test_a_refresh_finds_nothing_where_nothing_was_changed(demo: Checkout) -> None:
    assert summary(demo.demo("pulumi", "refresh", "--yes", "--skip-preview")).keys() == {
        "unchanged"
    }
    assert summary(demo.demo(*UP, "--refresh")).keys() == {"unchanged"}
    assert summary(demo.demo(*UP, "--continue-on-error")).keys() == {"unchanged"}


@changes_something
def test_what_the_state_forgets_is_taken_up_again(demo: Checkout) -> None:
    target = urn(demo, ":PodDisruptionBudget", "west-cluster/tetrate-system/gateway")
    demo.demo("pulumi", "state", "delete", target, "--target-dependents", "--yes")
    assert target not in resources(demo)
    assert summary(demo.demo(*UP))["created"] >= 1
    assert target in resources(demo)


@changes_something
def test_an_exported_state_is_imported_again(demo: Checkout, tmp_path: Path) -> None:
    file = str(tmp_path / "state.json")
    demo.demo("pulumi", "stack", "export", "--file", file)
    before = resources(demo)
    demo.demo("pulumi", "stack", "import", "--file", file)
    assert resources(demo).keys() == before.keys()


def test_a_cancel_with_nothing_to_cancel_changes_nothing(demo: Checkout) -> None:
    before = resources(demo)
    demo.demo("pulumi", "cancel", "--yes")
    assert resources(demo) == before


def test_a_stack_that_is_up_is_neither_removed_nor_renamed(demo: Checkout) -> None:
    done = demo.demo("pulumi", "stack", "rm", "--yes", "west", check=False)
    assert done.code and "still has resources" in done.output
    refused(demo.demo("pulumi", "stack", "rename", "north", check=False), "Stack west is up")


@changes_something
def test_a_rename_behind_the_launchers_back_is_refused_by_the_next_up(demo: Checkout) -> None:
    before = resources(demo)
    plain(demo, "pulumi stack rename north")
    try:
        done = demo.demo(*UP, check=False)
        assert done.code
        assert "is held by stack west of this checkout" in done.output
        assert "pulumi stack rename west" in done.output
    finally:
        plain(demo, "pulumi stack rename west")
    assert resources(demo).keys() == before.keys()


def test_another_backend_may_not_end_the_clusters(demo: Checkout, tmp_path: Path) -> None:
    before = lab.processes(demo.lab())
    other = {"PULUMI_BACKEND_URL": f"file://{tmp_path}", "PULUMI_CONFIG_PASSPHRASE": "for tests"}
    refused(demo.demo("destroy", check=False, **other), "state is in file://", "demo destroy west")
    assert machine.first_process(demo.lab()) == before[0]


def engine_and_plugins(demo: Checkout) -> dict[int, str]:
    """Pulumi's processes of this checkout, with the name of each's program."""
    found = {}
    for process in lab.running():
        with contextlib.suppress(OSError):
            name = Path(lab.command_line(process).split(" ")[0]).name
            home = Path(f"/proc/{process}/cwd").readlink() == demo.folder
            if home and name.startswith(("pulumi",)):
                found[process] = name
    return found


@changes_something
def test_what_a_killed_pulumi_leaves_goes_with_the_next_command(
    demo: Checkout, tmp_path: Path
) -> None:
    with gateway_replicas(demo, 3):
        process = demo.start("./demo", *UP, log=tmp_path / "up.log")
        plugin = "pulumi-resource-kubernetes"
        eventually(lambda: plugin in engine_and_plugins(demo).values(), "the provider runs")
        (engine,) = [p for p, name in engine_and_plugins(demo).items() if name == "pulumi"]
        os.kill(engine, signal.SIGKILL)
        process.wait(30)
        left = engine_and_plugins(demo)
        demo.demo("pulumi", "stack", "ls")
        assert not left.keys() & engine_and_plugins(demo).keys(), left


def test_a_destroy_with_pulumis_own_options(demo: Checkout) -> None:
    options = ("--yes", "--skip-preview", "--run-program", "--exclude-protected")
    demo.demo("pulumi", "destroy", *options)
    assert machine.first_process(demo.lab()) is None
    demo.demo("up")
