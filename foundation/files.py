"""Files written in one step and locks held by processes, the same way everywhere.

Only the standard library is imported here: `demo` needs this before the virtual environment exists.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_NO_HARD_LINK = {errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK}
"""Errors of link(2): another file system, one without hard links, or another user's file."""


def replace(file: Path, text: str, *, mode: int = 0o600, durable: bool = False) -> None:
    """Write a file in one step: readers see the old text or the new one, never a part.

    `mode` is the file's from its first byte on. With `durable` the text is on the disk on return.
    Raises OSError.
    """
    arriving = _arriving(file)
    arriving.unlink(missing_ok=True)
    descriptor = os.open(arriving, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "w") as stream:
            os.fchmod(descriptor, mode)  # whatever the umask says
            stream.write(text)
            if durable:
                stream.flush()
                os.fsync(descriptor)
        arriving.replace(file)
    except BaseException:  # a full disk, say, which a part of a text would keep full
        arriving.unlink(missing_ok=True)
        raise


def link(file: Path, target: Path, *, hard: bool = False) -> None:
    """Make `file` a link to `target` in one step, whatever it was. Raises OSError.

    Instead of a hard link it is a copy where the file system has none between the two.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    arriving = _arriving(file)
    arriving.unlink(missing_ok=True)
    if hard:
        try:
            os.link(target, arriving)
        except OSError as error:
            if error.errno not in _NO_HARD_LINK:
                raise
            shutil.copy2(target, arriving)
    else:
        arriving.symlink_to(target)
    arriving.replace(file)
    # replacing a hard link by another one to the same file leaves both
    arriving.unlink(missing_ok=True)


def sha256(file: Path) -> str:
    """Return the SHA-256 of what a file holds. Raises OSError."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def locked(
    path: Path, waiting: Callable[[], None] | None = None, silent: float = 0
) -> Iterator[None]:
    """Hold the lock of a file or folder, which is there; it ends with the process at the latest.

    `waiting` is called once if another process holds it, and still does after `silent` seconds.
    Raises OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if not _taken(descriptor, silent):
            if waiting is not None:
                waiting()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Check whether another process holds the lock of a file; none does of one that is absent."""
    with contextlib.suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return not _taken(descriptor, 0)
        finally:
            os.close(descriptor)
    return False


def _taken(descriptor: int, seconds: float) -> bool:
    """Return whether the lock could be taken within this time. Raises OSError."""
    end = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(0.05)


def _arriving(file: Path) -> Path:
    """Return a name beside `file` that no other process and no other thread has."""
    return file.with_name(f".{file.name}.{os.getpid()}.{threading.get_native_id()}")
