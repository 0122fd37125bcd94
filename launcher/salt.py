"""Keeps the tracked settings `Pulumi.<stack>.yaml` as they are in every clone.

Pulumi's passphrase provider writes `encryptionsalt` into them. That salt belongs to the passphrase
and to the state, which are this clone's own, and the state holds it as well: with
PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER Pulumi takes it from there. So the line is taken out again
after every command. Settings that hold secret values keep it: they are of no use without.

When Pulumi writes the line it also writes the rest in its own layout (comments stay). Where that is
all that changed, the settings get their former text back, byte by byte.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from foundation import files

_SALT = re.compile(r"^encryptionsalt:[^\n]*(?:\n|\Z)", re.MULTILINE)
# in flow style too; a comment that looks like it keeps the salt, which does no harm
_SECRET = re.compile(r"\bsecure\b['\"]?\s*:")


def without(text: str) -> str:
    """Return `text` of a settings file without the salt, unless secret values need it."""
    return text if _SECRET.search(text) else _SALT.sub("", text)


def settled(text: str, before: str | None) -> str:
    """Return what to leave in a settings file that holds `text` and held `before` (None: none)."""
    rest = without(text)
    if before is None or rest == before:
        return rest
    same = _comments(rest) == _comments(before) and _same_settings(rest, before)
    return before if same else rest


def _comments(text: str) -> list[str]:
    """Return what may be comments: what somebody writes while a command runs is no layout."""
    return sorted(line.partition("#")[2].strip() for line in text.splitlines() if "#" in line)


def _same_settings(one: str, other: str) -> bool:
    import yaml  # only here: rarely needed, and a warm start is to be quick

    # BaseLoader: to Pulumi every value is text, and it writes 8443 as "8443"
    try:
        return bool(yaml.load(one, yaml.BaseLoader) == yaml.load(other, yaml.BaseLoader))
    except yaml.YAMLError:
        return False


@contextlib.contextmanager
def kept_out(folder: Path) -> Iterator[None]:
    """Take the salt out of all settings in `folder`, before and after what is done inside."""
    before = _settle(folder, {})
    try:
        yield
    finally:
        _settle(folder, before)


def _settle(folder: Path, before: dict[Path, str]) -> dict[Path, str]:
    """Settle all settings in `folder`; return what they hold then."""
    now: dict[Path, str] = {}
    for file in folder.glob("Pulumi.*.yaml"):
        try:
            text = file.read_text()
        except (OSError, UnicodeDecodeError):
            continue  # Pulumi itself says what is wrong with it
        now[file] = settled(text, before.get(file))
        if now[file] != text:
            files.replace(file, now[file], mode=file.stat().st_mode & 0o777)
    return now
