"""Keys into a list: the default's entries stay, whatever the key is."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from foundation import project
from foundation.errors import UserError
from launcher.list_keys import Step, as_arguments, missing_defaults, steps
from launcher.pulumi_line import parse

PROJECT: dict[str, Any] = yaml.safe_load((project.ROOT / "Pulumi.yaml").read_text())
DEFAULT = PROJECT["config"]["clusters"]["default"]
NAME = PROJECT["name"]


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("set --path clusters[2].region us-east1", [Step("clusters", 2)]),
        (f"set --path {NAME}:clusters[0].weight 50", [Step("clusters", 0)]),
        ("rm --path clusters[1]", [Step("clusters", 1)]),
        ("rm-all --path clusters[0] gkeLabels[0]", [Step("clusters", 0), Step("gkeLabels", 0)]),
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
            missing_defaults([Step("clusters", index)], PROJECT, settings)
    else:
        written = missing_defaults([Step("clusters", index)], PROJECT, settings)
        assert written == ({"clusters": DEFAULT} if own is None else {})


@given(st.integers(0, 12))
def test_keys_of_one_command_may_follow_one_another(more: int) -> None:
    given_steps = [Step("clusters", len(DEFAULT) + i // 2) for i in range(more)]
    assert missing_defaults(given_steps, PROJECT, {}).keys() <= {"clusters"}


def test_a_list_without_a_default_is_begun_at_its_first_entry() -> None:
    assert missing_defaults([Step("gkeLabels", 0)], PROJECT, {}) == {}
    with pytest.raises(UserError, match=r"gkeLabels has 0 entries"):
        missing_defaults([Step("gkeLabels", 1)], PROJECT, {})


def test_every_declared_list_is_written_as_it_is_declared() -> None:
    """Pulumi reads `true` and `7` after --plaintext as no text: no default may hold such a text."""
    for key, declared in PROJECT["config"].items():
        if isinstance(declared.get("default"), list):
            for argument in as_arguments(key, declared["default"]):
                value = argument.partition("]")[2].partition("=")[2]
                assert isinstance(yaml.safe_load(value), str), argument
    assert as_arguments("clusters", DEFAULT)[0] == "--plaintext=clusters[0].name=east-cluster"
