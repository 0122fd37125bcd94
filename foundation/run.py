"""Runs a command to its end, so that signals reach it once and its exit code comes back."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from foundation import packages
from foundation.errors import ToolMissing

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends a command: Ctrl-C, `kill`, and the end of its terminal."""

_TOGETHER = 0.5
"""Seconds within which signals are one wish."""

_SENT_BY_KERNEL = 128  # SI_KERNEL

_received: list[int] = []


@contextlib.contextmanager
def handling(
    numbers: Iterable[signal.Signals], handler: Callable[[int, Any], object] | signal.Handlers
) -> Iterator[None]:
    """Have a handler take these signals while the block runs."""
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, known in before.items():
            signal.signal(number, known)


class Interrupts:
    """A handler of signals that raises KeyboardInterrupt; of those close together, for the first.

    `timeout` and others tell a whole group, and the launcher in it passes on what it is told. The
    second one would cut off what the first has begun to clean up.
    """

    def __init__(self) -> None:
        """Nothing came yet."""
        self._last = float("-inf")

    def __call__(self, number: int, _: Any) -> None:
        """Take a signal. Raises KeyboardInterrupt."""
        if number == signal.SIGHUP:  # nobody reads on; a line to nowhere must not stop the mending
            for stream in (sys.stdout, sys.stderr):
                with (
                    contextlib.suppress(OSError, ValueError),
                    Path(os.devnull).open("w") as nowhere,
                ):
                    os.dup2(nowhere.fileno(), stream.fileno())
        last, self._last = self._last, time.monotonic()
        if self._last - last > _TOGETHER:
            raise KeyboardInterrupt


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and the terminal's closing raise KeyboardInterrupt here."""
    known = signal.getsignal(signal.SIGTERM)  # that of a block around this one
    with handling(ENDING, known if isinstance(known, Interrupts) else Interrupts()):
        yield


def tied(command: Sequence[str]) -> list[str]:
    """Return `command` such that it is killed when the thread that starts it ends in any way.

    A command must not go on behind the user's back, holding Pulumi's lock or writing where the next
    run writes. (util-linux, which has unshare as well, brings setpriv.)
    """
    setpriv = packages.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", *command] if setpriv else list(command)


def foreground(
    command: Sequence[str],
    env: Mapping[str, str],
    folder: Path,
    pass_on: Callable[[int, int], None] = os.kill,
    hangup: signal.Signals = signal.SIGHUP,
) -> int:
    """Run `command` in `folder` and return its exit code, 128 + n when signal n ended it.

    The command stays in the terminal's foreground group and gets what is typed there. A signal that
    somebody sends to this process alone is passed on, by `pass_on(pid, signal)`; this process
    itself waits for the end. When the terminal closes, the command gets `hangup`: for another
    signal than SIGHUP, that one is kept from it and from all that it starts. Where SIGHUP is
    ignored, as under `nohup`, the terminal's end is nothing to either. Where SIGINT is, as in a
    script's background, the command gets it only from who sends it to this process (see `_apart`).

    For a process of one thread, as `./demo` is here: signals are waited for, and any other thread
    would take them, the one that tells of the command's end as well.
    """
    watched = {*ENDING, signal.SIGCHLD}
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        watched.remove(signal.SIGHUP)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    try:
        hung_up, passed, apart = False, dict[int, float](), _apart()
        spared = () if hangup is signal.SIGHUP else (signal.SIGHUP,)
        with handling(spared, signal.SIG_IGN):
            pid = _spawn(command, env, folder, before, apart)
        while True:
            info = signal.sigwaitinfo(watched)
            if info.si_signo == signal.SIGCHLD:
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    return exit_code(status)
                continue
            _received.append(info.si_signo)
            if info.si_signo in spared:
                if not hung_up:  # a shell sends it, and at that shell's end the kernel once more
                    pass_on(pid, hangup)
                hung_up = True
            elif _is_for_command(info, apart):
                before_that = passed.get(info.si_signo, float("-inf"))
                passed[info.si_signo] = time.monotonic()
                # `timeout` sends one to its command, and the same to its whole group
                if passed[info.si_signo] - before_that > _TOGETHER:
                    pass_on(pid, info.si_signo)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _apart() -> bool:
    """Return whether a command gets a group of its own, away from what is typed on the terminal.

    A shell ignores SIGINT for what a script runs in its background, and so would the command.
    But Pulumi ends its first language host by SIGINT, and waits 5 s for one that ignores it
    (`findings/pulumi-waits-in-the-background.sh`). A group of its own may not read a terminal.
    """
    return signal.getsignal(signal.SIGINT) is signal.SIG_IGN and not os.isatty(0)


def _is_for_command(info: signal.struct_siginfo, apart: bool) -> bool:
    """Return whether a signal has to be passed on to the command.

    The terminal's group gets what is typed, so that the command has it already, unless it is apart:
    then Ctrl-C is ignored. Of a terminal that closes the kernel tells that group too, or the leader
    of its session alone, which may be this process (`ssh -t HOST ./demo …`).
    """
    if info.si_code != _SENT_BY_KERNEL:
        return True
    if info.si_signo == signal.SIGHUP:
        return apart or os.getsid(0) == os.getpid()
    return False


def was_interrupted() -> bool:
    """Return whether a signal came while `foreground` waited: nobody wants to wait for more."""
    return bool(_received)


def exit_code(status: int) -> int:
    """Return the exit code that a shell gives for a status of wait(2)."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _spawn(
    command: Sequence[str], env: Mapping[str, str], folder: Path, mask: Iterable[int], apart: bool
) -> int:
    """Start `command`, found on the PATH of `env`, with `mask` as its signal mask.

    Where it is `apart`, it leads a group, and SIGINT is not ignored in it.
    """
    program = shutil.which(command[0], path=env.get("PATH"))
    if program is None:
        raise ToolMissing(f"{command[0]} is not there. Bring it back: ./demo setup")
    line = tied([program, *command[1:]])
    alone: dict[str, Any] = {"setpgroup": 0, "setsigdef": [signal.SIGINT]} if apart else {}
    # posix_spawn can set the mask, but knows no working directory
    here = Path.cwd()
    os.chdir(folder)
    try:
        return os.posix_spawn(line[0], line, dict(env), setsigmask=mask, **alone)
    finally:
        os.chdir(here)
