"""Embedded clusters of an ordinary user, who is root in a user namespace of his own."""

from __future__ import annotations

from pathlib import Path

_EVERY_ID = ["0", "0", "4294967295"]
"""The map of the machine's own user namespace (user_namespaces(7))."""


def is_inside(uid_map: Path = Path("/proc/self/uid_map")) -> bool:
    """Check whether this process is in a user namespace, where root is not the machine's root."""
    return uid_map.read_text().split() != _EVERY_ID


def is_keepers() -> bool:
    """Check whether that namespace is another one than init's, as a keeper's is.

    In a container of LXD or Incus root and init are in the same one.
    """
    try:
        own, of_init = (Path(f"/proc/{of}/ns/user").stat().st_ino for of in ("self", "1"))
    except OSError:  # of one's own kind it may be seen
        return is_inside()
    return own != of_init
