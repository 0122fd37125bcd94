"""The file in which Pulumi keeps the state of a stack."""

from __future__ import annotations

import json
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
