"""The workflow for pull requests: GitHub cannot be asked here, so what it would do is read."""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from typing import Any

import pytest
import yaml

from components.routing.targets import LbMode
from foundation.project import ROOT
from preview import matrix
from tests.support.isolation import STACKS

FILE = ROOT / ".github" / "workflows" / "preview.yml"
TEXT = FILE.read_text()
WORKFLOW: dict[Any, Any] = yaml.safe_load(TEXT)
JOBS: dict[str, Any] = WORKFLOW["jobs"]
STEPS = [(job, step) for job, content in JOBS.items() for step in content["steps"]]


def used(job: str, action: str) -> list[dict[str, Any]]:
    found = [s for s in JOBS[job]["steps"] if s.get("uses", "").startswith(f"{action}@")]
    return [step.get("with", {}) for step in found]


def test_it_runs_for_pull_requests_without_their_targets_rights() -> None:
    assert WORKFLOW[True] == {"pull_request": None}  # YAML takes the key `on` for a truth value
    assert "pull_request_target" not in TEXT


def test_only_the_job_that_previews_nothing_may_write_and_only_comments() -> None:
    assert WORKFLOW["permissions"] == {}
    assert JOBS["preview"]["permissions"] == {"contents": "read"}
    assert JOBS["comment"]["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert not any("--base" in step.get("run", "") for step in JOBS["comment"]["steps"])
    (checkout,) = used("comment", "actions/checkout")
    assert checkout["ref"] == "${{ github.event.pull_request.base.sha }}"


def test_it_knows_no_secret() -> None:
    assert not re.search(r"\bsecrets\b", TEXT.replace("No cluster and no secret", ""))
    tokens = [(job, key) for job, s in STEPS for key in s.get("env", {}) if "TOKEN" in key]
    assert tokens == [("comment", "GITHUB_TOKEN")]
    for job in JOBS:
        assert used(job, "actions/checkout")[0]["persist-credentials"] is False


def test_every_action_is_pinned_by_its_commit() -> None:
    actions = [step["uses"] for _, step in STEPS if "uses" in step]
    assert len(actions) == 7
    for action in actions:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), action
        assert re.search(rf"{re.escape(action)} # v\d+\.\d+\.\d+\n", TEXT), action


def test_its_matrix_is_every_stack_in_every_mode() -> None:
    axes = JOBS["preview"]["strategy"]["matrix"]
    assert axes["stack"] == sorted(STACKS)
    assert tuple(axes["mode"]) == matrix.MODES == tuple(LbMode)
    assert JOBS["preview"]["strategy"]["fail-fast"] is False


def test_no_job_of_it_is_missed_when_the_results_are_gathered() -> None:
    (gather,) = (s["run"] for _, s in STEPS if "--results" in s.get("run", ""))
    for stack in JOBS["preview"]["strategy"]["matrix"]["stack"]:
        assert f"--stack {stack}" in gather


def test_pulumis_action_installs_the_version_that_the_demo_builds() -> None:
    tools = tomllib.loads((ROOT / "toolchain" / "tools.toml").read_text())
    (version,) = (m["version"] for m in tools["module"] if m["name"] == "pulumi")
    assert used("preview", "pulumi/actions") == [{"pulumi-version": version.removeprefix("v")}]


def test_a_newer_push_takes_the_place_of_the_run_before() -> None:
    assert WORKFLOW["concurrency"]["cancel-in-progress"] is True
    assert "pull_request.number" in WORKFLOW["concurrency"]["group"]


def test_no_text_of_a_pull_request_gets_into_a_shell() -> None:
    for _, step in STEPS:
        assert "${{" not in step.get("run", ""), step["name"]


@pytest.mark.parametrize(
    "line",
    [
        line
        for _, step in STEPS
        for line in step.get("run", "").replace("\\\n", " ").splitlines()
        if "-m " in line
    ],
)
def test_every_module_that_it_runs_is_there(line: str) -> None:
    words = shlex.split(line)
    module = words[words.index("-m") + 1]
    place = ROOT / module.replace(".", "/")
    ours = place.with_suffix(".py").exists() or (place / "__main__.py").exists()
    assert ours or module in sys.stdlib_module_names | {"pip"}


def test_the_summary_is_written_even_when_a_policy_is_violated() -> None:
    names = [s.get("name") for s in JOBS["comment"]["steps"]]
    for name in ("Write the summary", "Write the comment"):
        assert JOBS["comment"]["steps"][names.index(name)]["if"] == "always()"
        assert names.index(name) > names.index("Gather the results")


CHECKS = (FILE.parent / "checks.yml").read_text()


def test_the_workflow_of_checks_may_read_only_and_runs_what_the_terminal_runs() -> None:
    workflow = yaml.safe_load(CHECKS)
    (job,) = workflow["jobs"].values()
    assert (workflow["permissions"], job["permissions"]) == ({}, {"contents": "read"})
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert any(command.endswith("task lint") for command in commands)
    assert any(command.endswith("task coverage") for command in commands)
    used_here = [step["uses"] for step in job["steps"] if "uses" in step]
    assert set(used_here) <= {step["uses"] for _, step in STEPS if "uses" in step}, "pinned alike"
