"""The file in which Pulumi keeps the state of a stack."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def latest(file: Path) -> dict[str, Any]:
    """Return what a state holds, resources and operations under way; empty before any update.

    Raises OSError if there is no such file, and ValueError if it holds no state.
    """
    try:
        return json.loads(file.read_text())["checkpoint"]["latest"] or {}
    except (KeyError, TypeError):
        raise ValueError(f"{file} holds no state of Pulumi's") from None


def outputs(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the outputs of a stack whose `latest` state this is; empty where it has none yet.

    A secret one stays encrypted.
    """
    for resource in state.get("resources") or ():
        if resource["type"] == "pulumi:pulumi:Stack" and not resource.get("delete"):
            return dict(resource.get("outputs") or {})
    return {}
