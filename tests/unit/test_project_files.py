"""Pulumi.yaml and the stacks' files agree with one another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from components.routing import LbMode
from components.settings import Backend, Platform

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
OWN = {key: value for key, value in PROJECT["config"].items() if ":" not in key}
STACKS = sorted(ROOT.glob("Pulumi.*.yaml"))


@pytest.mark.parametrize("key", sorted(OWN))
def test_every_key_has_type_default_and_description(key: str) -> None:
    assert {"default", "description"} <= OWN[key].keys()
    assert ("type" in OWN[key]) == (key != "clusters")  # which the program checks itself
    assert (OWN[key].get("type") == "array") == ("items" in OWN[key])


@pytest.mark.parametrize(
    ("key", "choices"), [("lbMode", LbMode), ("backend", Backend), ("platform", Platform)]
)
def test_a_choices_description_names_every_value(key: str, choices: Any) -> None:
    for choice in choices:
        assert str(choice) in OWN[key]["description"]
    assert OWN[key]["default"] in list(choices)


def test_there_is_a_file_for_each_of_the_two_stacks() -> None:
    assert [path.name for path in STACKS] == ["Pulumi.east.yaml", "Pulumi.west.yaml"]


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.name)
def test_a_stack_sets_declared_keys_only(path: Path) -> None:
    given = yaml.safe_load(path.read_text())["config"]
    assert given.keys() <= {f"{PROJECT['name']}:{key}" for key in OWN}


def test_the_stacks_take_different_ports() -> None:
    key = f"{PROJECT['name']}:localPort"
    first, second = (int(yaml.safe_load(path.read_text())["config"][key]) for path in STACKS)
    assert abs(first - second) > 20


def test_no_resource_may_use_the_ambient_kubeconfig() -> None:
    assert "kubernetes" in PROJECT["config"]["pulumi:disable-default-providers"]["value"]
