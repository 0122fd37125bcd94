"""Embedded clusters of an ordinary user, who is root in a user namespace of his own."""

from __future__ import annotations

from pathlib import Path

_EVERY_ID = ["0", "0", "4294967295"]
"""The map of the machine's own user namespace (user_namespaces(7))."""


def is_inside(uid_map: Path = Path("/proc/self/uid_map")) -> bool:
    """Check whether this process is in a user namespace, where root is not the machine's root."""
    return uid_map.read_text().split() != _EVERY_ID
