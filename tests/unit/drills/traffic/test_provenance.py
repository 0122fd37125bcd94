"""What a run says of its settings and its machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from drills.traffic import provenance
from foundation import project


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(project, "ROOT", tmp_path)
    (tmp_path / "shop" / "base").mkdir(parents=True)
    (tmp_path / "shop" / "base" / "deployment.yaml").write_text("replicas: 1")
    (tmp_path / "profile.yaml").write_text("attempts: 3")
    (tmp_path / "Pulumi.yaml").write_text("name: demo\n")
    settings = "config:\n  demo:manifest: [shop]\n  demo:httpProfile: profile.yaml\n"
    (tmp_path / "Pulumi.west.yaml").write_text(settings)
    return tmp_path


@pytest.mark.parametrize("file", ["profile.yaml", "shop/base/deployment.yaml", "Pulumi.yaml"])
def test_a_digest_changes_with_each_file_that_a_setting_names(checkout: Path, file: str) -> None:
    before = provenance.config_digest("west")
    assert provenance.config_digest("west") == before
    (checkout / file).write_text((checkout / file).read_text() + "\n# changed\nx: 1\n")
    assert provenance.config_digest("west") != before


def test_a_digest_does_not_depend_on_the_salt_of_a_passphrase(checkout: Path) -> None:
    before = provenance.config_digest("west")
    file = checkout / "Pulumi.west.yaml"
    file.write_text("encryptionsalt: v1:abc\n" + file.read_text())
    assert provenance.config_digest("west") == before


def test_the_commit_is_said(checkout: Path) -> None:
    assert provenance.described()["demo"] == "no git checkout"
