"""The settings file of a stack: what it says, and its text with some settings changed.

Pulumi itself would write changes (`-c key=value`) into the tracked file; a copy is given instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foundation.errors import UserError

Changes = Mapping[str, Any]
"""Settings by their names, without the project's."""


class Unreadable(UserError):
    """A settings file that is not YAML, or whose settings are not a mapping."""


def changed(text: str, project: str, changes: Changes) -> str:
    """Return the text of a settings file with `changes`, for the project of that name.

    Raises Unreadable.
    """
    import yaml

    content = mapping(text)
    # of two forms of one key in a file, either may win with Pulumi
    former = {form for key in changes for form in _forms(project, key)}
    known = content.get("config") or {}
    config = {key: given for key, given in known.items() if key not in former}
    config.update({f"{project}:{key}": value for key, value in changes.items()})
    return yaml.safe_dump({**content, "config": config}, sort_keys=False)


def value(text: str, project: str, key: str) -> Any:
    """Return a setting as a settings file has it; None where it has none. Raises Unreadable.

    Pulumi takes a key without a namespace, or under `config`, for the project's own.
    """
    config = mapping(text).get("config")
    if config is None:
        return None
    if not isinstance(config, Mapping):
        raise Unreadable("the settings under config are not a mapping")
    return value_in(config, project, key)


def value_in(config: Mapping[str, Any], project: str, key: str) -> Any:
    """Return a setting as the mapping `config` of a settings file has it; None if it has none."""
    return next((config[name] for name in _forms(project, key) if name in config), None)


def _forms(project: str, key: str) -> tuple[str, ...]:
    return f"{project}:{key}", f"{project}:config:{key}", key


def mapping(text: str) -> Mapping[str, Any]:
    """Return the one mapping that a YAML text is; empty text is an empty one. Raises Unreadable."""
    # only here: a parser takes longer to load than most commands take to start
    import yaml

    from foundation import quick_yaml

    try:
        document = quick_yaml.load(text)
    except yaml.YAMLError as error:
        raise Unreadable(f"the settings are not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document or {}, Mapping):
        raise Unreadable("the settings are not a mapping")
    return document or {}
