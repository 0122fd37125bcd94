"""The two trees that a preview compares."""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from foundation.errors import UserError
from preview import engine, markdown, terminal, trees
from preview.git import fork_point
from preview.model import Result, StackDiff
from tests.support.preview_results import written_and_read


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    for name in ("__main__.py", "Pulumi.yaml", "Pulumi.west.yaml", "README.md", "tests/a.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("one\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "one")
    return folder


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=tests", "-c", "user.email=tests@localhost"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True)


def both(
    repository: Path, tmp_path: Path, base: str | None = None
) -> tuple[trees.Tree, trees.Tree]:
    places = tmp_path / "base", tmp_path / "head"
    for place in places:
        place.mkdir()
    return trees.base(repository, places[0], base), trees.head(repository, places[1])


def test_the_base_is_where_the_branch_began_and_the_head_what_is_in_the_folder(
    repository: Path, tmp_path: Path
) -> None:
    git(repository, "switch", "-q", "-c", "change")
    (repository / "__main__.py").write_text("two\n")
    git(repository, "commit", "-q", "-a", "-m", "two")
    (repository / "Pulumi.east.yaml").write_text("new\n")
    (repository / "Pulumi.west.yaml").unlink()
    base, head = both(repository, tmp_path)
    assert (base.folder / "__main__.py").read_text() == "one\n"
    assert (head.folder / "__main__.py").read_text() == "two\n"
    assert (base.stacks, head.stacks) == (["west"], ["east"])
    assert head.title.endswith(" and changes not yet committed")
    assert trees.differing(base, head)


def test_files_of_submodules_are_in_both_trees(repository: Path, tmp_path: Path) -> None:
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    for folder in (inner, outer):
        folder.mkdir()
        git(folder, "init", "-q", "-b", "main")
        (folder / "app.yaml").write_text("one\n")
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", "one")
    allowed = ("-c", "protocol.file.allow=always")
    git(outer, *allowed, "submodule", "--quiet", "add", str(inner), "inner")
    git(outer, "commit", "-q", "-m", "two")
    git(repository, *allowed, "submodule", "--quiet", "add", str(outer), "shop")
    git(repository, *allowed, "submodule", "--quiet", "update", "--init", "--recursive")
    git(repository, "commit", "-q", "-m", "a submodule")
    (repository / "shop" / "app.yaml").write_text("two\n")
    (repository / "shop" / "inner" / "more.yaml").write_text("new\n")
    base, head = both(repository, tmp_path)
    assert (base.folder / "shop" / "app.yaml").read_text() == "one\n"
    assert (base.folder / "shop" / "inner" / "app.yaml").read_text() == "one\n"
    assert not (base.folder / "shop" / "inner" / "more.yaml").exists()
    assert (head.folder / "shop" / "app.yaml").read_text() == "two\n"
    assert (head.folder / "shop" / "inner" / "more.yaml").read_text() == "new\n"
    assert trees.differing(base, head)


def test_a_repository_inside_that_is_no_submodule_is_left_out(
    repository: Path, tmp_path: Path
) -> None:
    other = repository / "other"
    other.mkdir()
    git(other, "init", "-q", "-b", "main")
    (other / "app.yaml").write_text("one\n")
    git(other, "add", "-A")
    git(other, "commit", "-q", "-m", "one")
    base, head = both(repository, tmp_path)
    assert not (head.folder / "other").exists()
    assert not trees.differing(base, head)


def test_a_commit_that_a_submodule_lacks_is_one_clear_line(
    repository: Path, tmp_path: Path
) -> None:
    shop = repository / "shop"
    shop.mkdir()
    git(shop, "init", "-q", "-b", "main")
    git(shop, "commit", "-q", "--allow-empty", "-m", "one")
    lost = "160000,0123456789012345678901234567890123456789,shop"
    git(repository, "update-index", "--add", "--cacheinfo", lost)
    git(repository, "commit", "-q", "-m", "a submodule")
    with pytest.raises(
        UserError, match=r"has 0123456 of submodule shop, which is not here\. Fetch"
    ):
        both(repository, tmp_path)


def test_a_change_of_versions_is_said_to_be_not_shown(repository: Path, tmp_path: Path) -> None:
    base, head = both(repository, tmp_path)
    assert trees.note(base, head) == ""
    (head.folder / "requirements.txt").write_text("pulumi==3.0.0\n")
    note = trees.note(base, head)
    assert note.startswith("Versions change (requirements.txt), and both trees were previewed with")
    result = Result("a", "b", (StackDiff("west", "active", 54),), note)
    shown = markdown.render(result)
    assert "Nothing changed" in shown
    assert "what another version alone would change is not shown" in shown
    assert shown == markdown.render(written_and_read(result, tmp_path))
    screen = Console(file=io.StringIO(), width=400)
    terminal.show(screen, result)
    assert note in screen.file.getvalue()


def test_a_kubeconfig_that_the_stack_names_is_left_out_of_a_preview(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would lead to clusters, and a preview needs none."""
    tree, private, said = tmp_path / "tree", tmp_path / "private", []
    for folder in (tree, private):
        folder.mkdir()
    (tree / "Pulumi.yaml").write_text("name: demo\n")
    (tree / "Pulumi.west.yaml").write_text("config:\n  'demo:kubeconfig': ~/.kube/config\n")

    def pulumi(_: Path, __: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
        if "--config-file" in arguments:
            said.append(yaml.safe_load(Path(arguments[-1]).read_text())["config"])
        return subprocess.CompletedProcess(["pulumi"], 0, "{}")

    monkeypatch.setattr(engine, "_pulumi", pulumi)
    assert [plan.problem for plan in engine.plans(tree, "west", ["standby"], private)] == [""]
    assert said == [{"demo:kubeconfig": "", "demo:lbMode": "standby"}]


def test_what_no_preview_reads_makes_no_difference(repository: Path, tmp_path: Path) -> None:
    (repository / "README.md").write_text("two\n")
    (repository / "tests" / "a.py").write_text("two\n")
    base, head = both(repository, tmp_path)
    assert not trees.differing(base, head)
    (head.folder / "Pulumi.yaml").write_text("two\n")
    assert trees.differing(base, head)


@pytest.mark.parametrize(
    ("named", "file"),
    [
        ("tests", "tests/page.md"),
        ("docs/app.yaml", "docs/app.yaml"),
        ('["a.yaml", "drills/app"]', "drills/app/b.yaml"),
        ("app", "app/page.md"),
    ],
)
def test_what_a_stack_names_makes_a_difference_wherever_it_is(
    repository: Path, tmp_path: Path, named: str, file: str
) -> None:
    """A kustomization makes ConfigMaps of any file."""
    (repository / "Pulumi.west.yaml").write_text(f"config:\n  demo:manifest: '{named}'\n")
    (repository / file).parent.mkdir(parents=True, exist_ok=True)
    (repository / file).write_text("one\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "an application")
    (repository / file).write_text("two\n")
    base, head = both(repository, tmp_path)
    assert trees.differing(base, head)


def test_a_folder_by_another_name_is_in_both_trees(repository: Path, tmp_path: Path) -> None:
    (repository / "app" / "v2").mkdir(parents=True)
    (repository / "app" / "v2" / "a.yaml").write_text("one\n")
    (repository / "app" / "current").symlink_to("v2")
    (repository / "app" / "elsewhere").symlink_to(tmp_path)
    git(repository, "add", "app/v2", "app/current")
    git(repository, "commit", "-q", "-m", "a link")
    base, head = both(repository, tmp_path)
    for tree in (base, head):
        assert (tree.folder / "app" / "current" / "a.yaml").read_text() == "one\n"
    assert (head.folder / "app" / "current").is_symlink()
    assert not trees.differing(base, head)
    assert not (head.folder / "app" / "elsewhere").exists(), "it leads out of the copy"


@pytest.mark.parametrize("named", ["app/current", "app/current/a.yaml"])
def test_a_folder_by_another_name_may_be_ignored_by_git(
    repository: Path, tmp_path: Path, named: str
) -> None:
    (repository / ".git" / "info" / "exclude").write_text("app/\n")
    (repository / "Pulumi.west.yaml").write_text(f"config:\n  demo:manifest: {named}\n")
    (repository / "app" / "v2").mkdir(parents=True)
    (repository / "app" / "v2" / "a.yaml").write_text("one\n")
    (repository / "app" / "current").symlink_to(repository / "app" / "v2")
    _, head = both(repository, tmp_path)
    copied = head.folder / "app" / "current" / "a.yaml"
    assert copied.read_text() == "one\n"
    assert copied.resolve().is_relative_to(head.folder)


@pytest.mark.parametrize("reference", ["no-such", "--help", "HEAD^1"])
def test_a_base_that_is_not_there_is_one_clear_line(
    repository: Path, tmp_path: Path, reference: str
) -> None:
    with pytest.raises(UserError, match=r"There is no commit .* name another by --base"):
        both(repository, tmp_path, reference)


def test_a_base_with_a_link_that_leads_elsewhere_is_one_clear_line(
    repository: Path, tmp_path: Path
) -> None:
    (repository / "inside").symlink_to("tests/a.py")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "a link")
    base, _ = both(repository, tmp_path)
    assert (base.folder / "inside").read_text() == "one\n"
    (repository / "outside").symlink_to("/etc")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "another")
    with pytest.raises(UserError, match=r"Commit \w+ has outside, a link .* another: --base REF"):
        trees.base(repository, tmp_path / "again", None)


def test_a_folder_without_git_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no git repository"):
        fork_point(tmp_path)


def test_a_repository_of_another_user_is_no_missing_branch(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "true")  # git's own, for tests of it
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    with pytest.raises(UserError, match=r"another user.\n.* --add safe.directory "):
        fork_point(repository)


def test_clouds_sdks_are_there_for_both_trees(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (".venv", ".venv-gke"):
        (tmp_path / "checkout" / name).mkdir(parents=True)
    monkeypatch.setattr(trees.project, "ROOT", tmp_path / "checkout")
    monkeypatch.setattr(trees.project, "VENV", tmp_path / "checkout" / ".venv")
    for tree in both(repository, tmp_path):
        assert (tree.folder / ".venv-gke").resolve() == tmp_path / "checkout" / ".venv-gke"
