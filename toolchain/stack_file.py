"""The settings file of a stack, as text: what it says with some settings changed.

Pulumi itself would write changes (`-c key=value`) into the tracked file; a copy is given instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

Changes = Mapping[str, Any]
"""Settings by their names, without the project's."""


def changed(text: str, project: str, changes: Changes) -> str:
    """The text of a settings file with `changes`, for the project of that name."""
    content = yaml.safe_load(text) or {}
    config = dict(content.get("config") or {})
    config.update({f"{project}:{key}": value for key, value in changes.items()})
    return yaml.safe_dump({**content, "config": config}, sort_keys=False)
