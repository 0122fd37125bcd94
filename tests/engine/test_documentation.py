"""The command lines that the documentation shows, each run as it stands there or run elsewhere."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from foundation import project
from tests.support.checkout import Checkout, checkout

pytestmark = pytest.mark.engine

PAGES = [project.ROOT / "README.md", *sorted((project.ROOT / "docs").glob("*.md"))]

_FENCE = re.compile(r"^\s*```")
_COMMENT = re.compile(r"\s+#\s.*")

RUN_HERE = (
    "pulumi config set",
    "pulumi config set-all",
    "pulumi config rm",
    "pulumi config get",
    "pulumi stack init",
    "pulumi stack select",
    "pulumi preview",
    "task lint:profile",
    "help",
    "tools",
)
"""Beginnings of the lines that are run here: none of them needs a cluster."""

ELSEWHERE = {
    "up": "local/test_up.py",
    "destroy": "local/test_destroy.py",
    "kubectl": "local/test_kubernetes.py",
    "local": "local/test_damage.py",
    "shell": "engine/test_using_pulumi.py",
    "pulumi up": "local/test_pulumi_ways.py",
    "pulumi destroy": "local/test_pulumi_ways.py",
    "pulumi refresh": "local/test_pulumi_ways.py",
    "pulumi cancel": "local/test_pulumi_ways.py",
    "pulumi state": "local/test_pulumi_ways.py",
    "pulumi stack": "engine/test_using_pulumi.py",
    "task demo": "local/test_breaking.py",
    "task drill": "local/test_breaking.py",
    "task break": "local/test_breaking.py",
    "task fix": "local/test_breaking.py",
    "task cluster-outage": "local/test_breaking.py",
    "task status": "local/test_breaking.py",
    "task heal-all": "local/test_breaking.py",
    "task compare": "unit/drills/compare/test_comparison_loopback.py",
    "task clients": "unit/drills/clients/test_clients_loopback.py",
    "task failback": "local/test_failback.py",
    "task generate-traffic": "local/test_breaking.py",
    "task topology": "local/test_topology_page.py",
    "task preview": "engine/test_preview_task.py",
    "task soak": "local/test_soak.py",
    "task lint": "unit/components/profile/test_lint_command.py",
    "task bench": "unit/test_benchmark.py",
    "setup": "unit/toolchain/test_toolchain_setup.py",
    "setup --build": "unit/toolchain/test_toolchain_provide.py",
    "setup --bundle": "unit/toolchain/test_toolchain_bundle.py",
    "bundle": "unit/toolchain/test_toolchain_bundle.py",
    "test": "the layer that is being run",
    "pulumi plugin": "nowhere: it fetches from the internet",
}
"""Beginnings of the other lines, and where what they do is tested."""


def blocks(text: str) -> Iterator[list[str]]:
    """Yield the lines of `./demo` of each code block of a page, without comments."""
    found: list[str] = []
    fenced = False
    for line in [*text.splitlines(), ""]:
        if _FENCE.match(line):
            fenced = not fenced
            continue
        if fenced or line.startswith("    "):
            found += [part.strip() for part in _COMMENT.sub("", line).split("&&")]
        elif line.strip() or not found:
            yield [part for part in found if part.startswith("./demo")]
            found = []
    yield [part for part in found if part.startswith("./demo")]


def begins(line: str, beginnings: tuple[str, ...]) -> str:
    """Return the longest of the beginnings that a line has; empty without any."""
    words = line.removeprefix("./demo ").split()
    fitting = [b for b in beginnings if words[: len(b.split())] == b.split()]
    near = [b for b in beginnings if " ".join(words).startswith(f"{b}:")]  # task drill:all
    near += [b for b in beginnings if " ".join(words).startswith(f"{b}-")]  # task break-workload
    return max(fitting + near, key=len, default="")


SHOWN = [(page.name, block) for page in PAGES for block in blocks(page.read_text()) if block]


def test_the_pages_show_commands() -> None:
    lines = [line for _, block in SHOWN for line in block]
    assert len(lines) > 10
    assert any(line.startswith("./demo pulumi config set") for line in lines)


@pytest.mark.parametrize(("page", "block"), SHOWN)
def test_every_line_is_run_here_or_elsewhere(page: str, block: list[str]) -> None:
    for line in block:
        where = ELSEWHERE.get(begins(line, tuple(ELSEWHERE)), "")
        assert begins(line, RUN_HERE) or where, f"{page}: no test runs {line}"
        if where.endswith(".py"):
            assert (project.ROOT / "tests" / where).is_file(), where


@pytest.fixture(scope="module")
def copy() -> Iterator[Checkout]:
    # Previews change nothing, and no kubeconfig of the user's is in reach.
    with checkout(backends=("existing", "gke")) as made:
        yield made


def write_readers_files(folder: Path) -> None:
    """Write the files that the pages take for the reader's own."""
    application = (folder / "manifests" / "app.yaml").read_text()
    other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: database}\n"
    overlay = "resources: [app.yaml]\n"
    for name, text in {
        "my-app.yaml": application,
        "deploy/shop.yaml": application,
        "deploy/database.yaml": other,
        "deploy/overlays/demo/app.yaml": application,
        "deploy/overlays/demo/kustomization.yaml": overlay,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


CHEAP = [(page, block) for page, block in SHOWN if any(begins(line, RUN_HERE) for line in block)]


@pytest.mark.parametrize(("page", "block"), CHEAP)
def test_what_needs_no_cluster_works_as_it_stands_there(
    copy: Checkout, page: str, block: list[str]
) -> None:
    copy.run("git", "checkout", "-q", ".")
    copy.run("git", "clean", "-q", "-f", "-e", ".demo")
    copy.demo("pulumi", "stack", "select", "--create", "west")
    write_readers_files(copy.folder)
    cheap = [line for line in block if begins(line, RUN_HERE)]
    for line in cheap:
        copy.demo(*shlex.split(line)[1:])
    if not any("backend gke" in line for line in cheap):  # whose provider may not be there
        copy.demo("pulumi", "preview")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a\n\n    ./demo up   # why\n    ./demo test -x\n\nb", ["./demo up", "./demo test -x"]),
        ("```\n./demo up && ./demo local status\n```\n", ["./demo up", "./demo local status"]),
        ("as `./demo up` says", []),
    ],
)  # fmt: skip
def test_a_page_is_read_as_it_is_shown(text: str, lines: list[str]) -> None:
    assert [line for block in blocks(text) for line in block] == lines


def test_a_line_that_nobody_runs_is_noticed() -> None:
    known = (*RUN_HERE, *ELSEWHERE)
    assert begins("./demo pulumi config set a b", RUN_HERE) == "pulumi config set"
    assert begins("./demo task drill:all", known) == "task drill"
    assert begins("./demo pulumi logs", known) == ""
    assert begins("./demo task unheard-of", known) == ""


ROW = re.compile(r"^\|.*\| `(?P<file>tests/[\w/]+\.py)`, (?P<test>test_\w+) \|$")
WAYS = (project.ROOT / "docs" / "using-pulumi.md").read_text().splitlines()


def test_each_way_of_using_pulumi_names_the_test_that_tries_it() -> None:
    rows = [line for line in WAYS if line.startswith("| ") and "tried by" not in line]
    assert len(rows) > 15
    for row in rows:
        match = ROW.match(row)
        assert match, f"no test is named: {row}"
        text = (project.ROOT / match["file"]).read_text()
        assert f"def {match['test']}(" in text, row
