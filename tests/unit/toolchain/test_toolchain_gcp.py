"""Where pulumi-gcp comes from, for whom, and what is said when its provider is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation import project
from toolchain import gcp


def test_the_package_is_one_version_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    version = gcp.version()
    wanted = (project.ROOT / "requirements-gke.in").read_text()
    assert f"\npulumi-gcp=={version}\n" in wanted
    assert "pulumi-gcp==" not in (project.ROOT / "requirements.txt").read_text()


def test_a_provider_is_missing_only_where_pulumi_may_not_fetch_it(tmp_path: Path) -> None:
    home, path = tmp_path / "home", tmp_path / "bin"
    path.mkdir()
    offline = {
        "PULUMI_HOME": str(home),
        "PATH": str(path),
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
    assert not gcp.plugin_is_missing({"PULUMI_HOME": str(home), "PATH": str(path)})
    assert gcp.plugin_is_missing(offline)
    ambient = path / "pulumi-resource-gcp"
    ambient.write_text("#!/bin/sh\n")
    ambient.chmod(0o700)
    assert not gcp.plugin_is_missing(offline)
    assert gcp.plugin_is_missing({**offline, "PULUMI_IGNORE_AMBIENT_PLUGINS": "1"})
    installed = home / "plugins" / f"resource-gcp-v{gcp.version()}"
    installed.mkdir(parents=True)
    (installed / "pulumi-resource-gcp").touch()
    assert not gcp.plugin_is_missing({**offline, "PULUMI_IGNORE_AMBIENT_PLUGINS": "1"})


def test_what_a_killed_command_left_goes_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gcp.project, "ROOT", tmp_path)
    monkeypatch.setattr(gcp, "FOLDER", tmp_path / ".venv-gke")
    (tmp_path / ".venv-gke.left" / "packages").mkdir(parents=True)

    def step(_title: str, command: list[str]) -> None:
        if "--target" in command:
            Path(command[command.index("--target") + 1]).mkdir()

    monkeypatch.setattr(gcp.venv, "step", step)
    gcp._make()
    assert [each.name for each in tmp_path.iterdir()] == [".venv-gke"]
