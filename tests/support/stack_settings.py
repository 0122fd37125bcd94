"""Settings of a stack, read from keys as a test gives them."""

from __future__ import annotations

import json
from pathlib import Path

from components.settings.gke import GkeSettings
from components.settings.model import Settings, read
from foundation.project import ROOT
from tests.support.isolation import PROJECT


def settings(root: Path = ROOT, stack: str = "west", **values: object) -> Settings:
    given = {
        f"{PROJECT}:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in values.items()
    }
    return read(given, stack, root)


def gke_settings(stack: str = "west", **values: object) -> Settings:
    """Return settings of backend gke; a project is all that it must be told."""
    return settings(stack=stack, **{"backend": "gke", "gkeProject": "my-demo-1", **values})


def google(chosen: Settings) -> GkeSettings:
    assert isinstance(chosen.backend, GkeSettings)
    return chosen.backend
