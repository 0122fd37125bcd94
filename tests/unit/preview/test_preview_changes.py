"""Comparing plans, and saying what came of it: without Pulumi."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from foundation.errors import UserError
from policies.rules import SECRET, UNKNOWN, Resource
from preview import compare, engine, markdown, model, text
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


def written_and_read(result: Result, folder: Path) -> Result:
    model.write(result, folder / "result.json")
    return model.read([folder / "result.json"])


def test_a_result_of_an_older_version_has_no_note(tmp_path: Path) -> None:
    file = tmp_path / "old.json"
    file.write_text(json.dumps({"base": "a", "head": "b", "diffs": []}))
    assert model.read([file]).note == ""
