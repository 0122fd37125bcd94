"""Keys into a list: the default's entries stay, whatever the key is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from foundation import project
from foundation.errors import UserError
from launcher import pulumi_use, stacks
from launcher.list_keys import Step, as_arguments, not_yet_lists, steps
from launcher.pulumi_line import parse

PROJECT: dict[str, Any] = yaml.safe_load((project.ROOT / "Pulumi.yaml").read_text())
DEFAULT = PROJECT["config"]["clusters"]["default"]
NAME = PROJECT["name"]


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("set --path clusters[2].region us-east1", [Step("clusters", 2)]),
        (f"set --path {NAME}:clusters[0].weight 50", [Step("clusters", 0)]),
        ("rm --path clusters[1]", [Step("clusters", 1, True, True)]),
        ("remove --path clusters[1]", [Step("clusters", 1, True, True)]),
        ("delete --path clusters[1]", [Step("clusters", 1, True, True)]),
        ("remove-all --path clusters[0]", [Step("clusters", 0, True, True)]),
        ("delete-all --path clusters[0]", [Step("clusters", 0, True, True)]),
        (
            "rm-all --path clusters[0] gkeLabels[0]",
            [Step("clusters", 0, True, True), Step("gkeLabels", 0, True, True)],
        ),
        ("set-all --path --plaintext clusters[0].weight=5", [Step("clusters", 0)]),
        ("set clusters[2].region us-east1", []),
        ("set --path lbMode standby", []),
        ("get --path clusters[0]", []),
    ],
)
def test_where_the_keys_of_a_command_lead(command: str, found: list[Step]) -> None:
    assert steps(parse(["config", *command.split()])) == found


@given(st.integers(0, 20), st.none() | st.lists(st.just({"name": "a"}), max_size=6))
def test_no_key_loses_the_default_or_leaves_a_hole(index: int, own: list[Any] | None) -> None:
    settings = {} if own is None else {f"{NAME}:clusters": own}
    before = DEFAULT if own is None else own
    if index > len(before):
        with pytest.raises(UserError, match=rf"the next one is clusters\[{len(before)}\]"):
            not_yet_lists([Step("clusters", index)], PROJECT, settings)
    else:
        written = not_yet_lists([Step("clusters", index)], PROJECT, settings)
        assert written == ({"clusters": DEFAULT} if own is None else {})


@given(st.integers(0, 12))
def test_keys_of_one_command_may_follow_one_another(more: int) -> None:
    given_steps = [Step("clusters", len(DEFAULT) + i // 2) for i in range(more)]
    assert not_yet_lists(given_steps, PROJECT, {}).keys() <= {"clusters"}


def test_a_list_without_a_default_is_begun_at_its_first_entry() -> None:
    assert not_yet_lists([Step("gkeLabels", 0)], PROJECT, {}) == {}
    with pytest.raises(UserError, match=r"gkeLabels has 0 entries"):
        not_yet_lists([Step("gkeLabels", 1)], PROJECT, {})


@given(st.integers(0, 20), st.none() | st.lists(st.just({"name": "a"}), max_size=6))
def test_what_is_taken_away_is_there(index: int, own: list[Any] | None) -> None:
    settings = {} if own is None else {f"{NAME}:clusters": own}
    count = len(DEFAULT if own is None else own)
    gone = [Step("clusters", index, is_whole=True, removes=True)]
    if index >= count:
        with pytest.raises(UserError, match=rf"clusters has {count} .*\[{index}\] is none of them"):
            not_yet_lists(gone, PROJECT, settings)
    else:
        assert not_yet_lists(gone, PROJECT, settings).keys() <= {"clusters"}


ENTRIES = [{"name": "a"}, {"name": "b"}]


@pytest.mark.parametrize(
    ("step", "own", "written"),
    [
        (Step("clusters", 1), json.dumps(ENTRIES), {"clusters": ENTRIES}),
        (Step("clusters", 1), ENTRIES, {}),
        (Step("clusters", 0), "no list", {}),
        (Step("manifest", 1, True), None, {"manifest": ["manifests/app.yaml"]}),
        (Step("manifest", 1, True), "shop.yaml", {"manifest": ["shop.yaml"]}),
        (Step("manifest", 1, True), '["a", "b"]', {"manifest": ["a", "b"]}),
        (Step("manifest", 0, True), "shop.yaml", {}),
        (Step("manifest", 0, True), '["a", "b"]', {"manifest": ["a", "b"]}),
        (Step("lbMode", 0, True), None, {}),
    ],
)
def test_what_is_text_so_far_becomes_a_list(
    step: Step, own: Any, written: dict[str, list[Any]]
) -> None:
    settings = {} if own is None else {f"{NAME}:{step.root}": own}
    assert not_yet_lists([step], PROJECT, settings) == written


@pytest.mark.parametrize("text", ["config: [", "config: [a]", "- a", "\udcff"])
def test_a_settings_file_that_cannot_be_read_is_left_to_pulumi(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Pulumi.west.yaml").write_bytes(text.encode(errors="surrogateescape"))
    monkeypatch.setattr(pulumi_use.project, "ROOT", tmp_path)
    line = parse(["config", "set", "--path", "clusters[2].name", "north-cluster"])
    assert pulumi_use._not_yet_lists(line, "west") == {}


@pytest.mark.parametrize("key", ["clusters", f"{NAME}:config:clusters"])
def test_a_list_under_another_form_of_its_key_is_not_written_over(key: str) -> None:
    assert not_yet_lists([Step("clusters", 2)], PROJECT, {key: ENTRIES}) == {}


def test_a_list_that_text_stands_for_has_no_hole_either() -> None:
    with pytest.raises(UserError, match=r"manifest has 1 entry, so the next one is manifest\[1\]"):
        not_yet_lists([Step("manifest", 2, True)], PROJECT, {})


def test_every_declared_list_is_written_as_it_is_declared() -> None:
    """Pulumi reads `true` and `7` after --plaintext as no text: no default may hold such a text."""
    for key, declared in PROJECT["config"].items():
        if isinstance(declared.get("default"), list):
            for argument in as_arguments(key, declared["default"]):
                value = argument.partition("]")[2].partition("=")[2]
                assert isinstance(yaml.safe_load(value), str), argument
    assert as_arguments("clusters", DEFAULT)[0] == "--plaintext=clusters[0].name=east-cluster"


def test_the_file_that_a_list_is_written_into_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[tuple[str, ...]] = []
    monkeypatch.setattr(stacks, "run", lambda env, *words: ran.append(words))
    for files, name in (((), "Pulumi.west.yaml"), (("own.yaml",), "own.yaml")):
        pulumi_use._write_list({}, "west", "manifest", ["a.yaml"], files)
        assert capsys.readouterr().err.startswith(f"{name} had no list manifest: ")
    assert ["--config-file=own.yaml" in words for words in ran] == [False, True]
