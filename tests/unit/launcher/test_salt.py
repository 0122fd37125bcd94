"""The passphrase's salt stays out of the files of settings."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from launcher import salt

SETTINGS = "# why\nconfig:\n  p:lbMode: active  # default\n\n  p:port: 1\n"
SALT = "encryptionsalt: v1:abc=:v1:def:ghi==\n"


@pytest.mark.parametrize("text", [SALT + SETTINGS, SETTINGS + SALT, SETTINGS + SALT.rstrip()])
def test_the_salt_is_taken_out_and_all_else_stays(text: str) -> None:
    assert salt.without(text) == SETTINGS


def test_settings_with_secret_values_keep_their_salt() -> None:
    text = SETTINGS + "  p:key:\n    secure: v1:xyz\n" + SALT
    assert salt.without(text) == text


def test_pulumis_own_layout_is_undone_and_a_change_is_kept() -> None:
    layout = '# why\nconfig:\n  p:lbMode: active # default\n  p:port: "1"\n'
    assert salt.settled(layout + SALT, SETTINGS) == SETTINGS
    changed = layout.replace("active", "standby")
    assert salt.settled(changed + SALT, SETTINGS) == changed
    assert salt.settled("config: [", SETTINGS) == "config: ["
    noted = layout + "# p:port: 2\n"
    assert salt.settled(noted + SALT, SETTINGS) == noted, "somebody wrote it meanwhile"


def test_settings_are_as_before_after_a_command_that_wrote_the_salt(tmp_path: Path) -> None:
    west, east = tmp_path / "Pulumi.west.yaml", tmp_path / "Pulumi.east.yaml"
    west.write_text(SETTINGS)
    east.write_text(SETTINGS + SALT)  # left by a command that was killed
    west.chmod(0o640)
    with salt.kept_out(tmp_path):
        assert east.read_text() == SETTINGS
        west.write_text(SALT + SETTINGS.replace("\n\n", "\n"))
    assert west.read_text() == SETTINGS
    assert stat.S_IMODE(west.stat().st_mode) == 0o640
    assert sorted(f.name for f in tmp_path.iterdir()) == ["Pulumi.east.yaml", "Pulumi.west.yaml"]
