"""What backend gke needs of the machine: pulumi-gcp, Google's plugin, credentials."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from components.backends import choice, gke
from components.settings.model import read
from foundation.errors import UserError
from tests.components.conftest import PROJECT, ROOT, Run
from toolchain import gcp as package


def test_other_backends_do_not_see_pulumi_gcp(run: Run) -> None:
    before = str(package.FOLDER) in sys.path
    run()
    assert (str(package.FOLDER) in sys.path) == before


def test_without_pulumi_gcp_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {f"{PROJECT}:backend": "gke", f"{PROJECT}:gkeProject": "my-demo-1"}
    settings = read(given, "west", ROOT)
    monkeypatch.setattr(package, "is_ready", lambda: False)
    with pytest.raises(UserError, match=r"needs pulumi-gcp .*: python -m pip install --no-deps"):
        choice.of(settings)
    monkeypatch.setattr(package, "is_ready", lambda: True)
    monkeypatch.setattr(package, "plugin_is_missing", lambda env: True)
    with pytest.raises(UserError, match=r"is missing.*: ./demo pulumi plugin install resource gcp"):
        choice.of(settings)


def test_what_the_machine_lacks_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = object.__new__(gke.GkeBackend)
    for key in ("GOOGLE_CREDENTIALS", "GOOGLE_OAUTH_ACCESS_TOKEN", "CLOUDSDK_CONFIG"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    key = tmp_path / "key.json"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    with pytest.raises(UserError, match="no Google credentials: gcloud auth application-default"):
        backend.check()
    key.write_text("{}")
    with pytest.raises(UserError, match=r"gke-gcloud-auth-plugin is not on PATH; .* install gke"):
        backend.check()
    plugin = tmp_path / "gke-gcloud-auth-plugin"
    plugin.write_text("#!/bin/sh\n")
    plugin.chmod(0o700)
    backend.check()


def test_credentials_are_looked_for_where_google_looks(tmp_path: Path) -> None:
    machine, other = tmp_path / "product", tmp_path / "other"
    machine.write_text("Google Compute Engine\n")
    assert not gke.has_credentials({"HOME": str(tmp_path)}, other)
    assert gke.has_credentials({"HOME": str(tmp_path)}, machine)
    assert gke.has_credentials({"GOOGLE_CREDENTIALS": "{}"}, other)
    folder = tmp_path / ".config" / "gcloud"
    folder.mkdir(parents=True)
    (folder / "application_default_credentials.json").write_text("{}")
    assert gke.has_credentials({"HOME": str(tmp_path)}, other)
    assert gke.has_credentials({"CLOUDSDK_CONFIG": str(folder)}, other)
    assert not gke.has_credentials(
        {"HOME": str(tmp_path), "GOOGLE_APPLICATION_CREDENTIALS": "/nowhere"}, other
    )
