"""Runs a command of `demo` for an ordinary user where his embedded clusters are."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import sys
from collections.abc import Iterator
from pathlib import Path

from foundation import project, run, selection
from foundation.errors import UserError
from launcher import ownership
from localkube.rootless import keeper, requirements
from toolchain import tools

_ON_CLUSTERS = ("up", "destroy", "pulumi", "task", "test", "local", "shell")
"""Commands that may start or reach into clusters; kubectl asks them by TCP like anybody else."""


def check(stack: str) -> None:
    """Refuse embedded clusters where the user cannot have any. Raises UserError, with each lack."""
    if not _is_users(stack):
        return
    from localkube import machine  # not for a warm start of root

    lacking = [] if keeper.of_user(os.getuid()) else requirements.to_enter()
    if machine.first_process(project.lab_folder(stack)) is None:
        lacking += requirements.to_start()
    if lacking:
        raise _refusal(stack, lacking)


def _refusal(stack: str, lacking: list[str]) -> UserError:
    return UserError(
        "\n  ".join(["this machine does not allow clusters without root yet:", *lacking])
        + f"\nOr as root: sudo -E ./demo up {stack}. Or in clusters that you have:"
        " docs/existing.md"
    )


def is_wanted(command: str, stack: str) -> bool:
    """Check whether a command has to run in the user's namespaces, and can.

    Raises UserError where it is about clusters that are there, and they are another user's or
    cannot be reached.
    """
    if command not in _ON_CLUSTERS:
        return False
    ownership.check(stack)
    if not _is_users(stack):
        return False
    if keeper.of_user(os.getuid()):
        return True
    if (lacking := requirements.to_enter()) and project.lab_folder(stack).exists():
        raise _refusal(stack, lacking)
    return not lacking


def _is_users(stack: str) -> bool:
    """Check whether a stack is for embedded clusters of an ordinary user."""
    is_ordinary = sys.platform == "linux" and os.geteuid() != 0
    # the setting may have been changed since
    return is_ordinary and (
        selection.setting(stack, "backend") == "local" or project.lab_folder(stack).exists()
    )


def enter(arguments: list[str]) -> int:
    """Run `demo` with these arguments in the user's namespaces; return its exit code."""
    user = os.getuid()
    env = requirements.environment()
    if not tools.is_ours("pulumi"):  # it does not ask $HOME, and root's is elsewhere
        with contextlib.suppress(KeyError):
            env.setdefault("PULUMI_HOME", f"{pwd.getpwuid(user).pw_dir}/.pulumi")
    os.environ.update(env)  # for what starts the keeper
    with _in_use(user):
        with _held("start", fcntl.LOCK_EX):
            pid = keeper.of_user(user) or keeper.start(user)
        command = [sys.executable, str(project.ROOT / "demo"), *arguments]
        return run.foreground(keeper.entering(pid, Path.cwd(), command), env, Path.cwd())


@contextlib.contextmanager
def _in_use(user: int) -> Iterator[None]:
    """Keep the keeper while the block runs; the last command ends it, if no lab runs."""
    with _held("use", fcntl.LOCK_SH) as descriptor:
        try:
            yield
        finally:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                keeper.stop(user)


@contextlib.contextmanager
def _held(name: str, how: int) -> Iterator[int]:
    """Hold a lock of the user's, which ends with this process at the latest."""
    folder = requirements.runtime_folder() or tools.cache_dir()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / f"{tools.NAME}-{name}.lock"
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, how)
        yield descriptor
    finally:
        os.close(descriptor)
