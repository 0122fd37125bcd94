"""Pulumi.yaml agrees with itself, and the tests' stacks agree with it.

The checkout's own stack files are the user's, who may have changed them.
"""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from components.routing.targets import LbMode
from components.settings.model import Backend, Platform
from foundation.project import ROOT
from tests.support import isolation
from tests.support.isolation import STACKS

PROJECT: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
OWN = {key: value for key, value in PROJECT["config"].items() if ":" not in key}


@pytest.mark.parametrize("key", sorted(OWN))
def test_every_key_has_type_default_and_description(key: str) -> None:
    if key in ("manifest", "clusters"):  # which the program checks itself
        assert {"description"} <= OWN[key].keys() - {"type"}
        assert {"default", "value"} & OWN[key].keys()
        return
    assert {"type", "default", "description"} <= OWN[key].keys()
    assert (OWN[key]["type"] == "array") == ("items" in OWN[key])


@pytest.mark.parametrize(
    ("key", "choices"), [("lbMode", LbMode), ("backend", Backend), ("platform", Platform)]
)
def test_a_choices_description_names_every_value(key: str, choices: Any) -> None:
    for choice in choices:
        assert str(choice) in OWN[key]["description"]
    assert OWN[key]["default"] in list(choices)


def test_the_tests_work_on_this_project_and_set_declared_keys_only() -> None:
    assert PROJECT["name"] == isolation.PROJECT
    assert all(settings.keys() <= OWN.keys() for settings in STACKS.values())


def test_the_stacks_take_different_ports() -> None:
    first, second = (int(settings["localPort"]) for settings in STACKS.values())
    assert abs(first - second) > 20


def test_no_resource_may_use_the_ambient_kubeconfig() -> None:
    assert "kubernetes" in PROJECT["config"]["pulumi:disable-default-providers"]["value"]
