"""Comparing plans without Pulumi: which changes there are, what stays hidden, what failed."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from policies.rules import SECRET, UNKNOWN, Resource
from preview import compare, engine
from preview.matrix import diff
from preview.model import Change, Kind, Property, StackPlan
from tests.support.preview_results import DEPLOYMENT, change, resource


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
