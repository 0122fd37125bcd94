"""The machine's processes, as psutil sees them.

psutil is imported when it is first needed: it takes 20 ms, and most commands ask for no process.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping


def command_lines() -> Iterator[tuple[int, list[str]]]:
    """Yield id and command line of each process that has one (kernel threads have none)."""
    import psutil

    for process in psutil.process_iter(["cmdline"]):
        if words := process.info["cmdline"]:
            yield process.pid, words


def command_line(pid: int) -> list[str] | None:
    """Return the command line of a process; empty if it has ended, None if it may not be read."""
    import psutil

    try:
        return list(psutil.Process(pid).cmdline())
    except psutil.AccessDenied:
        return None
    except psutil.Error:
        return []


def environment(pid: int) -> Mapping[str, str]:
    """Return the variables of a process; none where it has ended or is somebody else's."""
    import psutil

    try:
        return dict(psutil.Process(pid).environ())
    except psutil.Error:
        return {}


def listening(pid: int | None = None) -> set[int]:
    """Return the TCP ports at which a process listens on IPv4, or, without one, anybody here."""
    import psutil

    try:
        of = psutil.Process(pid) if pid else psutil
        connections = of.net_connections(kind="tcp4")
    except psutil.Error:
        return set()
    return {each.laddr.port for each in connections if each.status == psutil.CONN_LISTEN}


def started(pid: int) -> float | None:
    """Return when a process began, in seconds since the epoch; None if it has ended."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if is_over(process.status()) else process.create_time()
    except psutil.Error:
        return None


def status(pid: int) -> str:
    """Return the state of a process, one of psutil's STATUS_*; "dead" if there is none."""
    import psutil

    try:
        return str(psutil.Process(pid).status())
    except psutil.Error:
        return "dead"


def is_over(state: str) -> bool:
    """Check whether a state is that of a process that has ended, reaped or not."""
    return state in ("dead", "zombie")


def is_stopped(pid: int) -> bool:
    """Check whether SIGSTOP, or a terminal's Ctrl-Z, has stopped a process."""
    return status(pid) == "stopped"


def stopped() -> list[int]:
    """Return the ids of all stopped processes of the machine."""
    import psutil

    every = psutil.process_iter(["status"])
    return [each.pid for each in every if each.info["status"] == psutil.STATUS_STOPPED]


def lineage(pid: int) -> list[list[str]]:
    """Return the command lines of a process and of its parents; empty if it has ended."""
    import psutil

    try:
        process = psutil.Process(pid)
        return [each.cmdline() for each in (process, *process.parents())]
    except psutil.Error:
        return []


def signal_children(pid: int, number: int) -> None:
    """Send a signal to the children of a process, for one that passes none on itself."""
    import psutil

    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(pid).children():
            with contextlib.suppress(psutil.Error):
                child.send_signal(number)
