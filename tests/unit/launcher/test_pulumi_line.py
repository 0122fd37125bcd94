"""Command lines of Pulumi's, as the launcher reads them, and what each of them needs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foundation import selection
from foundation.contract import RUN_PROGRAM
from foundation.errors import UserError
from launcher import stacks
from launcher.pulumi_line import parse
from launcher.pulumi_use import Need, destroyed, need, prepare, program_of, updated, with_program


@pytest.mark.parametrize(
    ("text", "words", "stack"),
    [
        ("config set lbMode standby", "config set lbMode standby", ""),
        ("--color never config set lbMode standby -s east", "config set lbMode standby", "east"),
        ("config -seast set a b", "config set a b", "east"),
        ("config set --stack organization/project/east a b", "config set a b", "east"),
        ("config --stack=east set --path a[0] b", "config set a[0] b", "east"),
        ("config set a -- --stack", "config set a --stack", ""),
        ("up --yes --target urn:a -v 3", "up", ""),
    ],
)
def test_words_and_stack_of_a_command_line(text: str, words: str, stack: str) -> None:
    line = parse(text.split())
    assert (" ".join(line.words), line.stack) == (words, stack)


def test_an_option_takes_a_value_or_none_as_its_command_says() -> None:
    assert parse(["config", "set", "--plaintext", "a", "b"]).words == ("config", "set", "a", "b")
    all_of_them = parse(["config", "set-all", "--plaintext", "a=1", "--secret=b=2"])
    assert all_of_them.words == ("config", "set-all")
    assert all_of_them.values("plaintext", "secret") == ["a=1", "b=2"]
    assert parse(["up", "--refresh=false"]).has("refresh") is False


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("config", Need.STACK),
        ("config get lbMode", Need.STACK),
        ("preview --diff", Need.STACK),
        ("up --help", Need.NOTHING),
        ("-C /elsewhere up", Need.NOTHING),
        ("", Need.NOTHING),
        ("stack ls", Need.NOTHING),
        ("stack init cloud", Need.NOTHING),
        ("plugin ls", Need.NOTHING),
        ("stack", Need.RESOURCES),
        ("stack output url", Need.RESOURCES),
        ("stack rename north", Need.RESOURCES),
        ("stack import --file f", Need.STACK),
        ("state delete URN", Need.RESOURCES),
        ("refresh", Need.RESOURCES),
    ],
)
def test_what_a_command_needs(text: str, wanted: Need) -> None:
    assert need(parse(text.split())) is wanted


@pytest.mark.parametrize(
    ("text", "stack"),
    [
        ("up --yes", "west"),
        ("update -s east", "east"),
        ("up --target urn:a", ""),
        ("up --exclude urn:a", ""),
        ("up --help", ""),
        ("--cwd /elsewhere up", ""),
        ("preview", ""),
        ("stack up", ""),
        ("", ""),
    ],
)
def test_objects_are_looked_for_after_an_update_of_a_whole_stack(text: str, stack: str) -> None:
    assert updated({"PULUMI_STACK": "west"}, text.split()) == stack


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("import kubernetes:core/v1:ConfigMap a shop/a", "config set manifest FILE"),
        ("state move --source west --dest east urn:a", "state delete URN"),
    ],
)
def test_what_the_next_update_would_undo_is_refused(text: str, instead: str) -> None:
    with pytest.raises(UserError, match=f"(?s).*{instead}"):
        prepare({"PULUMI_STACK": "west"}, text.split())
    assert prepare({}, [*text.split(), "--help"]) == {}


@pytest.mark.parametrize(("backend", "runs"), [("existing", True), ("local", False)])
def test_what_clusters_of_others_need_is_read_again_before_they_are_cleaned_up(
    monkeypatch: pytest.MonkeyPatch, backend: str, runs: bool
) -> None:
    """A token in the state may have expired since; the program reads the kubeconfig anew."""
    monkeypatch.setattr(selection, "setting", lambda stack, key: backend)
    monkeypatch.setattr(stacks, "holds_resources", lambda env, stack: True)
    assert (with_program({}, "west").get(RUN_PROGRAM) == "true") is runs
    assert with_program({RUN_PROGRAM: "false"}, "west") == {RUN_PROGRAM: "false"}


@pytest.mark.parametrize(
    ("text", "of"),
    [
        ("up --stack gke", "gke"),
        ("preview", "west"),
        ("destroy", "west"),
        ("config set backend local", ""),
        ("stack ls", ""),
        ("version", ""),
        ("", ""),
    ],
)
def test_whose_program_a_command_runs(text: str, of: str) -> None:
    assert program_of({"PULUMI_STACK": "west"}, text.split()) == of


@pytest.mark.parametrize(
    ("text", "of"),
    [
        ("destroy -s east", "east"),
        ("destroy -yfs east", "east"),
        ("dn -ysnorth", "north"),
        ("down --yes", "west"),
        ("destroy --help", ""),
        ("up", ""),
    ],
)
def test_which_stack_a_command_takes_down(text: str, of: str) -> None:
    assert destroyed({"PULUMI_STACK": "west"}, text.split()) == of


@pytest.mark.parametrize("step", ["create", "create-replacement", "update", "same"])
def test_a_plan_that_makes_a_cluster_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setattr(stacks, "exists", lambda env, stack: True)
    monkeypatch.setattr(stacks, "holds_resources", lambda env, stack: True)
    urn = "urn:pulumi:west::p::demo:cluster:Cluster$pulumi:providers:kubernetes::"
    planned = {f"{urn}west-cluster": {"steps": ["same"]}, f"{urn}new-cluster": {"steps": [step]}}
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"resourcePlans": planned}))
    command = ["up", "--plan", str(plan), "--stack", "west"]
    if step.startswith("create"):
        with pytest.raises(UserError, match=r"(?s)makes new-cluster, .*\./demo up west"):
            prepare({}, command)
    else:
        assert prepare({}, command) == {}
    assert prepare({}, ["up", "--plan", str(tmp_path / "none"), "--stack", "west"]) == {}
