"""The preview of a change by the real engine, as the workflow runs it, on a copy of the project."""

from __future__ import annotations

import itertools
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from preview.matrix import MODES
from preview.model import Kind, Result, StackDiff, read, write
from tests.engine.conftest import ROOT, Project
from tests.support.checkout import copy_files, link_environment
from tests.support.isolation import PROJECT

pytestmark = pytest.mark.engine

WORKFLOW = ROOT / ".github" / "workflows" / "preview.yml"
ONE = ("--stack", "west", "--mode", "active")


class Clone:
    """A repository with this checkout's files in its first commit, to change at will."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        copy_files(ROOT, folder)
        link_environment(folder)
        self.git("init", "-q", "-b", "main")
        self.commit("The checkout")

    def git(self, *arguments: str) -> str:
        who = ["-c", "user.name=tests", "-c", "user.email=tests@localhost"]
        command = ["git", *who, *arguments]
        done = subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout

    def commit(self, message: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)

    def change(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    def preview(self, *arguments: str, code: int = 0) -> tuple[str, Result]:
        """The Markdown and the result of a preview; nothing of it stays in the repository."""
        place = self.folder.parent
        files = ["--markdown", str(place / "a.md"), "--result", str(place / "a.json")]
        before = self.git("status", "--porcelain")
        done = self.run(sys.executable, "-m", "preview", *files, *arguments)
        assert done.returncode == code, done.stdout
        assert self.git("status", "--porcelain") == before
        assert not list((self.folder / ".demo").glob("*"))
        return (place / "a.md").read_text(), read([place / "a.json"])

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=280,
        )


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    yield Clone(tmp_path / "clone")


def test_only_what_a_change_does_is_shown(clone: Clone) -> None:
    clone.git("switch", "-q", "-c", "change")
    key = "  gatewayReplicas:\n    type: integer\n    default: "
    clone.change("Pulumi.yaml", f"{key}2", f"{key}3")
    markdown, result = clone.preview()
    assert len(result.diffs) == 6
    for diff in result.diffs:
        found = {(c.kind, c.type.rpartition(":")[2], c.name) for c in diff.changes}
        assert found == {
            (Kind.CHANGED, kind, name)
            for kind in ("Gateway", "Deployment")
            for name in ("east-cluster", "west-cluster")
            for name in ([f"{name}/tetrate-system/gateway"] if kind == "Deployment" else [name])
        }
    assert markdown.count("<details>") == 1  # the same in every stack and mode
    assert "    spec.replicas: 2 -> 3" in markdown
    assert "    replicas: 2 -> 3" in markdown


def test_a_change_that_does_nothing_shows_nothing(clone: Clone) -> None:
    clone.change(
        "components/gateways/gateway.py", '"""The regional gateway', '"""A regional gateway'
    )
    clone.commit("Words")
    markdown, result = clone.preview("--base", "HEAD^1", *ONE)
    assert "Nothing changed" in markdown
    assert result.diffs[0].changes == ()
    assert result.diffs[0].resources > 50
    assert "<details>" not in markdown


def test_a_violated_policy_fails_and_is_named_first(clone: Clone) -> None:
    clone.change("manifests/app.yaml", "type: ClusterIP", "type: LoadBalancer")
    markdown, result = clone.preview(*ONE, code=1)
    violations = result.diffs[0].violations
    assert [line.partition(": ")[0] for line in violations] == ["load-balancer", "load-balancer"]
    assert markdown.index("load-balancer: ") < markdown.index("spec.type: ")


def test_a_base_of_another_time_is_said_to_be_none(clone: Clone) -> None:
    main = (clone.folder / "__main__.py").read_text()
    (clone.folder / "__main__.py").write_text("raise SystemExit('older')\n")
    clone.commit("Older")
    (clone.folder / "__main__.py").write_text(main)
    markdown, result = clone.preview(*ONE)
    assert result.diffs[0].base_problem
    assert "The base cannot be previewed" in markdown
    assert re.search(r"\| west \| active \| \d+ \| \? \| \? \| \? \| kept \|", markdown)


def test_a_head_that_fails_says_why(clone: Clone) -> None:
    stack = clone.folder / "Pulumi.west.yaml"
    stack.write_text(f"{stack.read_text()}  {PROJECT}:lbMod: active\n")
    markdown, result = clone.preview(*ONE, code=1)
    assert "unknown key lbMod in " in result.diffs[0].head_problem
    assert "did you mean lbMode" in markdown
    assert "Traceback" not in markdown


@pytest.mark.parametrize("named", ["own", "'[\"own/app.yaml\"]'"], ids=["folder", "list"])
def test_a_manifest_that_git_ignores_is_previewed(clone: Clone, named: str) -> None:
    own = clone.folder / "own" / "app.yaml"
    own.parent.mkdir()
    own.write_text((clone.folder / "manifests" / "app.yaml").read_text())
    (clone.folder / ".git" / "info" / "exclude").write_text("own/\n")
    stack = clone.folder / "Pulumi.west.yaml"
    stack.write_text(f"{stack.read_text()}  {PROJECT}:manifest: {named}\n")
    _, result = clone.preview(*ONE)
    assert not result.diffs[0].head_problem
    assert result.diffs[0].resources > 50


def test_a_manifest_beside_the_checkout_is_to_be_named_by_its_path(clone: Clone) -> None:
    own = clone.folder.parent / "beside.yaml"
    own.write_text((clone.folder / "manifests" / "app.yaml").read_text())
    stack = clone.folder / "Pulumi.west.yaml"
    settings = stack.read_text()
    stack.write_text(f"{settings}  {PROJECT}:manifest: ../beside.yaml\n")
    done = clone.run(sys.executable, "-m", "preview", *ONE)
    assert done.returncode == 2
    assert "../beside.yaml, which is not in the checkout; a preview is made in" in done.stdout
    assert f"Name it by its path: {own}" in done.stdout and "Traceback" not in done.stdout
    stack.write_text(f"{settings}  {PROJECT}:manifest: {own}\n")
    _, result = clone.preview(*ONE)
    assert not result.diffs[0].head_problem
    assert result.diffs[0].resources > 50


def test_a_stack_of_gke_without_its_package_is_one_clear_line(clone: Clone) -> None:
    (clone.folder / ".venv-gke").unlink(missing_ok=True)
    own = {"backend": "gke", "gkeProject": "my-demo-1"}
    keys = {f"{PROJECT}:{key}": value for key, value in own.items()}
    (clone.folder / "Pulumi.west.yaml").write_text(yaml.safe_dump({"config": keys}))
    markdown, result = clone.preview(*ONE, code=1)
    problem = result.diffs[0].head_problem
    assert "\n" not in problem.strip()
    assert "backend gke needs pulumi-gcp" in problem and "./demo" in problem
    assert "Traceback" not in markdown


def test_an_unknown_stack_is_one_clear_line(clone: Clone) -> None:
    done = clone.run(sys.executable, "-m", "preview", "--stack", "north")
    assert done.returncode == 2
    assert done.stdout == (
        "error: There is no stack 'north': Pulumi.north.yaml does not exist. Stacks: east, west\n"
    )


def test_the_steps_of_the_workflow_preview_gather_and_summarise(
    clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone.change("Pulumi.west.yaml", "config:\n", f"config:\n  {PROJECT}:edgeReplicas: 3\n")
    clone.commit("More at the edge")
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"]
    steps = {s["name"]: s for job in jobs.values() for s in job["steps"] if "run" in s}
    monkeypatch.setenv("STACK", "west")
    monkeypatch.setenv("MODE", "active")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    for name in ("Preview base and head", "Gather the results", "Write the summary"):
        if name == "Gather the results":  # what the jobs' artifacts do between these two
            (clone.folder / "results").mkdir()
            clone.run("mv", "preview-west-active.json", "results")
            for stack, mode in itertools.product(("east", "west"), MODES):
                if (stack, mode) != ("west", "active"):
                    other = Result("base", "head", (StackDiff(stack, mode, 1),))
                    write(other, clone.folder / "results" / f"preview-{stack}-{mode}.json")
        # as GitHub starts it
        done = clone.run("bash", "--noprofile", "--norc", "-e", "-c", steps[name]["run"])
        assert done.returncode == 0, done.stdout
    summary = (tmp_path / "summary.md").read_text()
    assert "    spec.replicas: 2 -> 3" in summary
    assert summary.count("~ ") == 1


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The policy pack as a program that the engine starts.

    The language host that is built here is too old to start a pack by its folder. The pack's own
    requirements name an older protobuf than the program's; it works with both.
    """
    folder = tmp_path_factory.mktemp("pack")
    packages = folder / "packages"
    line = (ROOT / "policies" / "requirements.txt").read_text().splitlines()[-1]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    done = subprocess.run([*pip, str(packages), line], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{line} cannot be had: {done.stderr.strip().splitlines()[-1]}")
    program = folder / "pulumi-analyzer-policy-demo"
    own = shlex.quote(str(ROOT / "policies"))
    program.write_text(
        f"#!/bin/sh\nPYTHONPATH={shlex.quote(str(packages))} exec"
        f' {shlex.quote(sys.executable)} -u -m pulumi.policy "$1" {own}\n'
    )
    program.chmod(0o755)
    return program


def test_the_pack_lets_the_demo_pass(project: Project, pack: Path) -> None:
    project.select("west")
    done = project.pulumi("preview", "--policy-pack", str(pack))
    assert done.returncode == 0, done.stdout
    assert "✅ multi-cluster-resiliency@" in done.stdout


def test_the_pack_stops_what_the_rules_forbid(project: Project, pack: Path) -> None:
    project.select("west")
    text = (ROOT / "manifests" / "app.yaml").read_text()
    bad = text.replace("type: ClusterIP", "type: LoadBalancer").replace("cpu: 10m", "a/b: 1")
    bad = bad.replace("envoyproxy/envoy:v1.40.0", "envoyproxy/envoy")
    bad = bad.replace("allowPrivilegeEscalation: false", "privileged: true")
    (project.folder / "bad.yaml").write_text(bad)
    project.configure("west", {f"{PROJECT}:manifest": "bad.yaml"})
    done = project.pulumi("preview", "--policy-pack", str(pack))
    assert done.returncode != 0
    for rule in ("load-balancer", "privileged-pod", "image-version", "resources-limited"):
        assert f"[mandatory]  {rule}  (" in done.stdout
