"""Settings that an update puts in force for a while, and how it fails."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from drills import pulumi_command, update
from drills.stack import Stack
from foundation import project, stack_file
from foundation.errors import UserError
from launcher import leftovers
from tests.support.drill_stack import EAST, WEST

pytestmark = pytest.mark.usefixtures("own_settings")


def test_settings_are_changed_in_a_copy_that_keeps_the_rest() -> None:
    own = "config:\n  demo:lbMode: active\n  demo:localPort: '8443'\nencryptionsalt: v1:x\n"
    text = stack_file.changed(own, "demo", {"lbMode": "standby", "clusters": [{"name": "a"}]})
    content = yaml.safe_load(text)
    assert content["encryptionsalt"] == "v1:x"
    assert content["config"] == {
        "demo:lbMode": "standby",
        "demo:localPort": "8443",
        "demo:clusters": [{"name": "a"}],
    }
    assert yaml.safe_load(stack_file.changed("", "demo", {"lbMode": "standby"})) == {
        "config": {"demo:lbMode": "standby"}
    }


def test_a_failed_update_is_told_by_pulumis_own_reason() -> None:
    said = (
        "Updating (west)\n    error: update failed\n  error: unknown key lbMod in Pulumi.west.yaml"
    )
    assert pulumi_command.reason(said) == "unknown key lbMod in Pulumi.west.yaml"
    assert pulumi_command.reason("killed") == "killed"


def test_an_update_under_another_is_refused_before_its_settings_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one may be about to read them. Pulumi would advise to delete its lock."""
    stack = Stack("west", tmp_path, tmp_path, {EAST: 100}, "active")
    (tmp_path / "drill.yaml").write_text("of the other")
    monkeypatch.setattr(leftovers, "under_way", lambda *_: "An update of stack west is under way")
    with pytest.raises(UserError, match=r"^An update of stack west is under way: wait for its end"):
        update.up(stack, {"lbMode": "standby"})
    assert (tmp_path / "drill.yaml").read_text() == "of the other"


def test_a_setting_is_the_stacks_own_or_the_default() -> None:
    assert update.setting("west", "activeCluster") == WEST
    assert [each["name"] for each in update.setting("west", "clusters")] == [EAST, WEST]
    with pytest.raises(UserError, match="stack north cannot be read"):
        update.setting("north", "clusters")


@pytest.mark.parametrize("key", ["demo:lbMode", "demo:config:lbMode", "lbMode"])
def test_a_setting_is_found_in_each_form_that_pulumi_takes(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project, "ROOT", tmp_path)
    declared = "name: demo\nconfig:\n  lbMode: {default: active}\n"
    (tmp_path / "Pulumi.yaml").write_text(declared)
    own = tmp_path / "Pulumi.west.yaml"
    own.write_text(f"config:\n  {key}: standby\n")
    assert update.setting("west", "lbMode") == "standby"
    own.write_text("config:\n  other:lbMode: standby\n")
    assert update.setting("west", "lbMode") == "active"
    own.write_text("config: none\n")
    with pytest.raises(UserError, match="stack west cannot be read: the settings under config"):
        update.setting("west", "lbMode")
