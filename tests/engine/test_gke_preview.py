"""Previews of backend gke by the real engine, inputs checked by the stand-in for Google's provider.

Nothing of it is Google's word: see tests/support/gcp.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.engine.conftest import PROJECT, ROOT, Project, copy, state
from tests.support.gcp import setup
from tests.support.google import pulumi_gcp  # noqa: F401 - a fixture

pytestmark = pytest.mark.engine


@pytest.fixture
def google(tmp_path: Path, pulumi_gcp: None) -> Project:  # noqa: F811
    """A fresh copy of the project, with the stand-in on PATH."""
    setup.prepare(tmp_path / "google", 0, {})
    variables = setup.environment(tmp_path / "google", ROOT, os.environ["PATH"])
    variables.pop("GOOGLE_CREDENTIALS")
    project = Project(copy(tmp_path), {**os.environ, **state(tmp_path), **variables})
    project.pulumi("stack", "init", "west")
    return project


def configure(project: Project, **values: Any) -> None:
    given = {"backend": "gke", "gkeProject": "my-demo-1", **values}
    project.configure("west", {f"{PROJECT}:{key}": value for key, value in given.items()})


VARIANTS: dict[str, dict[str, Any]] = {
    "standard": {},
    "autopilot": {"gkeMode": "autopilot", "gkePrivateNodes": False},
    "everything": {
        "gkeLocation": "regional",
        "gkeNodes": 2,
        "gkeMaxNodes": 2,
        "gkeReleaseChannel": "none",
        "gkeAuthorizedNetworks": ["203.0.113.0/24"],
        "gkeLabels": ["team=web"],
        "gkeDeletionProtection": True,
    },
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_preview_shows_everything_and_no_input_is_unknown_to_the_sdk(
    google: Project, variant: str
) -> None:
    configure(google, **VARIANTS[variant])
    done = google.pulumi("preview", "--json")
    assert done.returncode == 0, done.stdout
    plan = json.loads(done.stdout[done.stdout.index("{\n") :])
    assert plan["changeSummary"].keys() == {"create"}
    kinds = Counter(step["newState"]["type"].rpartition(":")[2] for step in plan["steps"])
    assert (kinds["Cluster"], kinds["Subnetwork"], kinds["IAMMember"]) == (6, 3, 5)
    assert kinds["NodePool"] == (0 if variant == "autopilot" else 3)
    assert kinds["RouterNat"] == (0 if variant == "autopilot" else 3)
    assert (kinds["Deployment"], kinds["Address"]) == (5, 3)
    assert "no Google credentials" in done.stdout + google.pulumi("preview").stdout


def test_a_missing_project_is_one_line_and_nothing_is_made(google: Project) -> None:
    configure(google, gkeProject="")
    done = google.pulumi("up", "--yes", "--skip-preview")
    assert done.returncode and "gkeProject in Pulumi.west.yaml is missing" in done.stdout
    assert "Traceback" not in done.stdout
    assert not (google.folder.parent / "google" / "objects").exists()


def test_what_the_machine_lacks_is_told_before_anything_is_made(google: Project) -> None:
    configure(google)
    done = google.pulumi("up", "--yes", "--skip-preview")
    assert done.returncode and "no Google credentials: gcloud auth" in done.stdout
    assert "Traceback" not in done.stdout
    assert not (google.folder.parent / "google" / "objects").exists()


def test_a_missing_provider_is_one_line(google: Project) -> None:
    configure(google)
    google.env["PULUMI_IGNORE_AMBIENT_PLUGINS"] = "true"
    done = google.pulumi("preview")
    assert done.returncode and "./demo pulumi plugin install resource gcp" in done.stdout
    assert "Traceback" not in done.stdout
