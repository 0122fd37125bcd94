"""Moving between network namespaces, for which Python itself has `os.setns` from 3.12 on."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

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


def inside(namespace: Path, action: Callable[[], T]) -> T:
    """Return what `action` does there, in a thread that ends with it.

    The way back is closed to an ordinary user: the machine's network namespace is not his.
    """
    with ThreadPoolExecutor(1, initializer=enter, initargs=(namespace,)) as thread:
        return thread.submit(action).result()
