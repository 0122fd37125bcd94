"""Comparing plans, saying what came of it, and the comment: without Pulumi."""

from __future__ import annotations

import io
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from foundation.errors import UserError
from policies.rules import SECRET, UNKNOWN, Resource
from preview import comment, compare, engine, markdown, model, terminal, text, trees
from preview.__main__ import main as preview
from preview.matrix import diff
from preview.model import Change, Kind, Property, Result, StackDiff, StackPlan

DEPLOYMENT = "kubernetes:apps/v1:Deployment"


def resource(kind: str = DEPLOYMENT, **inputs: Any) -> Resource:
    return Resource(kind, "gateway", inputs, "west-cluster")


def change(old: Resource, new: Resource) -> Change:
    (found,) = compare.changes(StackPlan({"it": old}), StackPlan({"it": new}))
    return found


def test_a_changed_property_is_shown_with_its_path_and_both_values() -> None:
    old = resource(spec={"replicas": 2, "strategy": {"type": "RollingUpdate"}})
    new = resource(spec={"replicas": 3, "strategy": {"type": "RollingUpdate"}})
    expected = Property("spec.replicas", "2", "3")
    assert change(old, new) == Change(Kind.CHANGED, DEPLOYMENT, "gateway", (expected,))


def test_resources_that_come_and_go_are_told_apart() -> None:
    one, other = Resource("a:b:C", "one", {}), Resource("a:b:C", "other", {})
    found = compare.changes(StackPlan({"1": one, "2": one}), StackPlan({"2": one, "3": other}))
    assert [(c.kind, c.name) for c in found] == [(Kind.REMOVED, "one"), (Kind.ADDED, "other")]


def test_what_a_list_holds_goes_by_its_name() -> None:
    old = resource(containers=[{"name": "web", "image": "a:1"}])
    new = resource(containers=[{"name": "log", "image": "b:1"}, {"name": "web", "image": "a:2"}])
    paths = {p.path: (p.old, p.new) for p in change(old, new).properties}
    assert paths["containers[web].image"] == ('"a:1"', '"a:2"')
    assert paths["containers[log].image"] == (None, '"b:1"')
    assert len(paths) == 3


def test_another_order_of_a_list_is_a_change() -> None:
    """Init containers run in turn, and a variable may use those before it."""
    one, two, three = ({"name": name, "image": name} for name in ("one", "two", "three"))
    (found,) = change(resource(spec={"c": [one, two]}), resource(spec={"c": [two, one]})).properties
    assert found == Property("spec.c[order]", '["one", "two"]', '["two", "one"]')
    inserted = change(resource(spec={"c": [one, two]}), resource(spec={"c": [one, three, two]}))
    assert not [p for p in inserted.properties if p.path.endswith("[order]")]


def test_the_names_in_a_secret_list_are_not_shown_by_their_order() -> None:
    one, two = {"name": "hush"}, {"name": "quiet"}
    old, new = (
        replace(resource(c=given), secret_outputs=["c"]) for given in ([one, two], [two, one])
    )
    assert not list(compare.changes(StackPlan({"it": old}), StackPlan({"it": new})))


def test_keys_that_are_no_words_are_written_in_brackets() -> None:
    found = dict(compare.flat({"data": {"tls.crt": 1}, "a/b": [2, {}], "c": {}}))
    assert found == {'data["tls.crt"]': 1, '["a/b"][0]': 2, '["a/b"][1]': {}, "c": {}}


def test_a_text_of_many_lines_is_shown_by_what_differs() -> None:
    lines = [str(number) for number in range(100)]
    changed = [*lines[:50], "fifty", *lines[51:]]
    (found,) = change(
        resource(data={"a": "\n".join(lines)}), resource(data={"a": "\n".join(changed)})
    ).properties
    assert found.path == "data.a"
    assert found.lines == (" …", " 49", "-50", "+fifty", " 51")


@pytest.mark.parametrize(("old", "new"), [("one", "two"), ({"a": "one"}, {"a": "two"})])
def test_a_secrets_values_are_never_shown(old: Any, new: Any) -> None:
    kind = "kubernetes:core/v1:Secret"
    for key in ("data", "stringData"):
        plans = (StackPlan({"it": resource(kind, **{key: value})}) for value in (old, new))
        assert compare.changes(*plans) == ()


def test_a_new_secret_key_is_shown_without_its_value() -> None:
    kind = "kubernetes:core/v1:Secret"
    new = resource(kind, data={"a": "hush"})
    (found,) = change(resource(kind, data={}), new).properties[1:]
    assert (found.path, found.old, found.new) == ("data.a", None, "(secret)")


def test_a_private_key_is_never_shown_wherever_it_is() -> None:
    pem = "-----BEGIN PRIVATE KEY-----\nhush"
    assert "hush" not in str(change(resource(data={"a": "plain"}), resource(data={"a": pem})))


def test_what_is_not_known_before_an_update_says_so() -> None:
    (found,) = change(resource(data={"a": "1"}), resource(data={"a": UNKNOWN})).properties
    assert found.new == "(known once it is made)"
    assert compare.shown(SECRET) == "(secret)"


def test_another_provider_is_a_change() -> None:
    there = Resource(DEPLOYMENT, "gateway", {}, "east-cluster")
    (found,) = change(there, resource()).properties
    assert (found.path, found.old, found.new) == ("(provider)", '"east-cluster"', '"west-cluster"')


def test_a_base_that_fails_leaves_the_heads_own_verdict() -> None:
    bad = Resource("kubernetes:core/v1:Namespace", "a", {}, "")
    found = diff("west", "active", StackPlan({"a": bad}), StackPlan(problem="older"))
    assert (found.resources, found.changes, found.base_problem) == (1, (), "older")
    assert not found.ok
    assert found.violations[0].startswith("explicit-provider")
    assert diff("west", "active", StackPlan(), StackPlan(problem="older")).ok
    assert not diff("west", "active", StackPlan(problem="broken"), StackPlan()).ok


def test_a_failed_preview_says_why_once_and_briefly() -> None:
    said = "<{%fg 1%}>error: unknown key<{%reset%}>\nerror: unknown key\nerror: preview failed\n"
    assert engine.reason([said, "preview failed"]) == "error: unknown key"
    assert engine.reason([""]) == "no message"


@pytest.mark.parametrize(
    ("code", "expected"), [(0, ""), (255, "error: provider exited prematurely in .")]
)
def test_an_error_that_is_said_after_a_success_is_no_failure(
    tmp_path: Path, code: int, expected: str
) -> None:
    """Of providers that took long to end, Pulumi says that they crashed; its exit code is 0."""
    message = f"<{{%reset%}}>error: provider exited prematurely in {tmp_path}"
    urn = "urn:pulumi:west::project::v1:Namespace::bank"
    said = {
        "diagnostics": [{"severity": "error", "message": message}],
        "steps": [{"newState": {"urn": urn, "type": "v1:Namespace"}}],
    }
    done = subprocess.CompletedProcess(["pulumi"], code, json.dumps(said))
    plan = engine.plan(tmp_path, done)
    assert plan.problem == expected
    assert bool(plan.resources) == (code == 0)


def test_nothing_of_the_users_pulumi_or_clusters_reaches_a_preview(tmp_path: Path) -> None:
    base = {
        "PULUMI_ACCESS_TOKEN": "t", "PULUMI_BACKEND_URL": "u", "PULUMI_STACK": "s",
        "PULUMI_CONFIG_PASSPHRASE_FILE": "f", "PULUMI_HOME": "h", "KUBECONFIG": "k",
        "DEMO_USER_KUBECONFIG": "d", "DEMO_KUBERNETES_PROVIDER": "4.25.0", "HOME": "o",
    }  # fmt: skip
    env = engine.environment(base, tmp_path)
    assert env["PULUMI_BACKEND_URL"] == f"file://{tmp_path}/state"
    assert not Path(env["KUBECONFIG"]).exists()
    assert (env["PULUMI_HOME"], env["HOME"]) == ("h", "o")
    assert env["DEMO_KUBERNETES_PROVIDER"] == "4.25.0"  # else Pulumi asks for one that is not there
    gone = {"PULUMI_ACCESS_TOKEN", "PULUMI_STACK", "PULUMI_CONFIG_PASSPHRASE_FILE"}
    assert not env.keys() & (gone | {"DEMO_USER_KUBECONFIG"})


CHANGED = Change(Kind.CHANGED, DEPLOYMENT, "gateway", (Property("spec.replicas", "2", "3"),))
RESULT = Result(
    "abc1234",
    "def5678",
    (
        StackDiff("east", "active", 54, (CHANGED,)),
        StackDiff("west", "active", 54, (CHANGED,)),
        StackDiff("west", "standby", 54),
    ),
)


def test_what_several_stacks_share_is_shown_once() -> None:
    (section,) = text.sections(RESULT)
    assert section.title == "east active; west active: 1 changed"
    assert section.lines == (f"~ {DEPLOYMENT} gateway", "    spec.replicas: 2 -> 3")
    shown = markdown.render(RESULT)
    assert shown.startswith(markdown.MARKER)
    assert "| west | standby | 54 | 0 | 0 | 0 | kept |" in shown
    assert shown.count("spec.replicas") == 1
    assert shown == markdown.render(RESULT)


def test_worst_comes_first() -> None:
    bad = StackDiff("west", "active", 0, head_problem="no\nway")
    violated = StackDiff("west", "standby", 1, (CHANGED,), violations=("load-balancer: a",))
    result = Result("a", "b", (violated, bad))
    titles = [section.title for section in text.sections(result)]
    assert titles == [
        "west active: fails",
        "west standby: policies violated",
        "west standby: 1 changed",
    ]
    assert not result.ok
    assert text.headline(result) == "1 of 2 previews fail and policies are violated in 1 of 2."


@pytest.mark.parametrize("lines", [10, 3000])
@pytest.mark.parametrize("sections", [1, 40])
def test_markdown_stays_below_githubs_limit_and_says_where_it_is_cut(
    lines: int, sections: int
) -> None:
    properties = tuple(Property(f"spec.a{n}", '"old"', '"new"') for n in range(lines))
    diffs = tuple(
        StackDiff(f"s{n}", "active", 1, (Change(Kind.CHANGED, "a:b:C", f"r{n}", properties),))
        for n in range(sections)
    )
    shown = markdown.render(Result("a", "b", diffs))
    assert len(shown) <= markdown.LIMIT < 65_536
    assert ("cut here" in shown) == (lines == 3000)
    assert shown.count("<details>") == shown.count("</details>")
    assert shown.count("```") % 2 == 0


def test_no_value_can_break_out_of_its_fold() -> None:
    evil = Property("data.a", lines=("+```", "+</details>", "+````", "+# shouted"))
    change = Change(Kind.CHANGED, "a:b:C", "<img>|x", (evil,))
    shown = markdown.render(Result("a", "b", (StackDiff("w|<b>", "active", 1, (change,)),)))
    fence = "`````diff"
    assert shown.count(fence) == 1
    inside, _, after = shown.partition(fence)[2].partition("\n`````\n")
    assert "shouted" in inside
    assert "shouted" not in after
    assert "<b>" not in shown


def test_results_of_several_jobs_become_one(tmp_path: Path) -> None:
    for number, one in enumerate(RESULT.diffs):
        model.write(Result("abc1234", "def5678", (one,)), tmp_path / f"{number}.json")
    assert model.read(sorted(tmp_path.glob("*.json"))) == RESULT
    with pytest.raises(UserError, match="every preview job failed"):
        model.read([])
    (tmp_path / "torn.json").write_text("{")
    with pytest.raises(UserError, match=r"torn\.json is no result of a preview"):
        model.read([tmp_path / "torn.json"])


def test_a_job_without_a_result_is_no_preview_without_changes(tmp_path: Path) -> None:
    for number, one in enumerate(RESULT.diffs):
        model.write(Result("abc1234", "def5678", (one,)), tmp_path / f"{number}.json")
    files = sorted(tmp_path.glob("*.json"))
    wanted = [(stack, mode) for stack in ("east", "west") for mode in ("active", "standby")]
    found = model.read(files, wanted)
    assert found.diffs[:3] == RESULT.diffs
    (lost,) = found.diffs[3:]
    assert (lost.stack, lost.mode, lost.ok) == ("east", "standby", False)
    assert "1 of 4 previews fail" in text.headline(found)
    assert "east standby: fails" in markdown.render(found)


def test_the_command_that_gathers_names_the_results_that_are_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model.write(RESULT, tmp_path / "some.json")
    assert preview([f"--results={tmp_path}"]) == 0
    assert preview([f"--results={tmp_path}", "--stack=west"]) == 1
    assert "west locality: fails" in capsys.readouterr().out
    assert preview([f"--results={tmp_path}", "--mode=active"]) == 0
    (tmp_path / "some.json").rename(tmp_path / "some")
    assert preview([f"--results={tmp_path / 'some'}"]) == 0


def test_a_run_in_which_every_job_was_lost_has_something_to_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else the comment of the run before would stay, with what that found."""
    none, shown = tmp_path / "results", tmp_path / "preview.md"
    options = [f"--results={none}", "--stack=east", "--mode=active", f"--markdown={shown}"]
    assert preview(options) == 1
    assert "1 of 1 previews fail" in shown.read_text()
    assert preview([f"--results={none}"]) == 2
    assert "every preview job failed" in capsys.readouterr().err
    assert preview([f"--results={tmp_path}/no.json"]) == 2
    assert "no.json is no result of a preview" in capsys.readouterr().err


class GitHub(HTTPServer):
    """As much of GitHub's interface as a comment needs."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.comments: list[dict[str, Any]] = []
        self.status = 200
        self.asked: list[str] = []

    @property
    def env(self) -> dict[str, str]:
        return {
            "GITHUB_API_URL": f"http://127.0.0.1:{self.server_port}",
            "GITHUB_REPOSITORY": "team/demo",
            "GITHUB_TOKEN": "t",
        }


class Handler(BaseHTTPRequestHandler):
    server: GitHub

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        given = json.loads(self.rfile.read(length) or "null")
        self.server.asked.append(f"{self.command} {self.path}")
        assert self.headers["Authorization"] == "Bearer t"
        if self.command == "GET":
            page = int(self.path.rpartition("page=")[2])
            told: Any = self.server.comments[(page - 1) * 100 : page * 100]
        else:
            told = given
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(json.dumps(told).encode())

    do_GET = do_POST = do_PATCH = answer

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_first_preview_writes_the_comment(github: GitHub) -> None:
    assert comment.put(github.env, 7, "text") == "The comment is written."
    assert github.asked[1:] == ["POST /repos/team/demo/issues/7/comments"]


def test_later_ones_edit_it_on_whatever_page_it_is_and_nobody_elses(github: GitHub) -> None:
    person = {"id": 1, "user": {"type": "User"}, "body": f"{markdown.MARKER} quoted"}
    github.comments = [person, *({"id": n, "body": None, "user": None} for n in range(2, 150))]
    github.comments.append({"id": 150, "user": {"type": "Bot"}, "body": f"{markdown.MARKER}\nold"})
    assert comment.put(github.env, 7, "text") == "The comment is edited."
    assert github.asked[2:] == ["PATCH /repos/team/demo/issues/comments/150"]


def test_without_the_right_to_comment_the_summary_has_to_do(github: GitHub) -> None:
    github.status = 403
    assert comment.put(github.env, 7, "text").startswith("No right to comment here (403)")
    github.status = 500
    with pytest.raises(UserError, match="GitHub did not take the comment"):
        comment.put(github.env, 7, "text")


def test_a_connection_that_ends_without_an_answer_is_one_clear_line(
    github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Handler, "do_GET", lambda self: self.connection.close())
    with pytest.raises(UserError, match="GitHub does not answer: "):
        comment.put(github.env, 7, "text")


def test_outside_of_a_workflow_the_comment_says_what_it_lacks() -> None:
    with pytest.raises(UserError, match="GITHUB_API_URL is not set"):
        comment.put({}, 7, "text")


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


def written_and_read(result: Result, folder: Path) -> Result:
    model.write(result, folder / "result.json")
    return model.read([folder / "result.json"])


def test_a_result_of_an_older_version_has_no_note(tmp_path: Path) -> None:
    file = tmp_path / "old.json"
    file.write_text(json.dumps({"base": "a", "head": "b", "diffs": []}))
    assert model.read([file]).note == ""


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
        trees.fork_point(tmp_path)


def test_a_repository_of_another_user_is_no_missing_branch(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "true")  # git's own, for tests of it
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    with pytest.raises(UserError, match=r"another user.\n.* --add safe.directory "):
        trees.fork_point(repository)


def test_clouds_sdks_are_there_for_both_trees(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (".venv", ".venv-gke"):
        (tmp_path / "checkout" / name).mkdir(parents=True)
    monkeypatch.setattr(trees.project, "ROOT", tmp_path / "checkout")
    monkeypatch.setattr(trees.project, "VENV", tmp_path / "checkout" / ".venv")
    for tree in both(repository, tmp_path):
        assert (tree.folder / ".venv-gke").resolve() == tmp_path / "checkout" / ".venv-gke"
