"""Moving between network namespaces, for which Python itself has `os.setns` from 3.12 on."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

BRIDGE = Path("/run/netns/bridge")
"""Where the lab's processes find the network namespace of the bridge."""

CLONE_NEWNET = 0x40000000
"""From linux/sched.h: the namespace that is meant is a network namespace."""


def enter(namespace: Path) -> None:
    """Move the calling thread there; sockets that it has opened stay where they were opened."""
    descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(descriptor, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns failed", str(namespace))
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def inside(namespace: Path) -> Iterator[None]:
    """Spend the time of a `with` block there."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    enter(namespace)
    try:
        yield
    finally:
        enter(Path(f"/proc/self/fd/{home}"))
        os.close(home)
