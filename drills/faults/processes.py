"""Signals to processes of an embedded cluster's pods, as the machine below it sees them.

A gateway's Envoys are known by what they call themselves, an application's processes by their pods'
cgroups: whatever program it is.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from drills.faults.model import Means, Strike, nothing
from drills.waiting import until
from foundation import processes
from foundation.errors import UserError

_PAUSE = "pause"
"""Name of the process that keeps a pod's network; it answers nobody."""

_NOT_RUNNING = ("stopped", "dead")

PODS = "pods"
"""Key of a strike's memory: `metadata.uid` of each pod of the application."""

SECONDS = 5
"""How long the kernel may take for a signal."""


def envoys(strike: Strike, proc: Path = Path("/proc")) -> list[int]:
    """Return the process ids of the gateway's Envoys, which call themselves as their cluster."""
    return [pid for pid, words, _ in _in_cgroup(strike, proc) if _is_gateway(words, strike.cluster)]


def of_pods(strike: Strike, uids: Iterable[str], proc: Path = Path("/proc")) -> list[int]:
    """Return the process ids of pods, by the pods' `metadata.uid`, the oldest first."""
    groups = [f"/pod{uid}/" for uid in uids]
    return [
        pid for pid, _, group in _in_cgroup(strike, proc) if any(part in group for part in groups)
    ]


def of_application(strike: Strike) -> list[list[int]]:
    """Return the process ids of each pod of the application. Raises UserError.

    The pods are those that `remember` saw, for a look takes a busy machine a second and more.
    """
    seen = strike.memory.get(PODS, "").split()
    if not (pids := _of_each(strike, seen)):
        pids = _of_each(strike, _running(strike))
    if not pids:
        name = strike.stack.application.name
        raise UserError(f"{strike.cluster}: no process of {name} runs that could be struck")
    return pids


def remember(strike: Strike) -> dict[str, str]:
    """Return which pods of the application run. Raises UserError."""
    return {PODS: " ".join(_running(strike))}


def _of_each(strike: Strike, uids: Iterable[str]) -> list[list[int]]:
    return [pids for uid in uids if (pids := of_pods(strike, [uid]))]


def _running(strike: Strike) -> list[str]:
    known = strike.stack.application
    pods = strike.running_pods(known.namespace, known.label_selector)
    return [each["uid"] for each in pods]


def of_other_pods(strike: Strike, proc: Path = Path("/proc")) -> list[int]:
    """Return the process ids of all pods but the gateway's, without asking the API server."""
    return [
        pid
        for pid, words, group in _in_cgroup(strike, proc)
        if "/pod" in group and not _is_gateway(words, strike.cluster)
    ]


Pids = Callable[[Strike], list[int]]
"""Which processes of the struck cluster are meant."""


def killed(
    pids: Pids,
    wait: Callable[[Strike], None],
    remember: Callable[[Strike], dict[str, str]] = nothing,
) -> Means:
    """Return the means that end processes at once; `wait` returns when they run again."""
    return Means(
        "the processes get SIGKILL",
        lambda strike: kill(pids(strike)),
        wait,
        remember=remember,
        machine=True,
    )


def frozen(
    pids: Pids,
    stopped: Pids,
    wait: Callable[[Strike], None],
    remember: Callable[[Strike], dict[str, str]] = nothing,
) -> Means:
    """Return the means that stop processes.

    `stopped` finds them again without the API server, which may be away; `wait` returns when they
    are ready again.
    """

    def go_on(strike: Strike) -> None:
        thaw(lambda: stopped(strike), strike.cluster)
        wait(strike)

    return Means(
        "the processes get SIGSTOP",
        lambda strike: freeze(pids(strike), strike.cluster),
        go_on,
        seen=lambda strike: is_frozen(stopped(strike)),
        remember=remember,
        machine=True,
    )


def kill(pids: Iterable[int]) -> None:
    """End processes at once; the kubelet starts their container again. Raises UserError."""
    ended = list(pids)
    _send(signal.SIGKILL, ended)
    what = f"processes {' '.join(map(str, ended))} have ended"
    until(lambda: all(processes.is_over(processes.status(pid)) for pid in ended), what, SECONDS)


def freeze(pids: Iterable[int], cluster: str) -> None:
    """Stop processes: they hold their connections and do nothing. Raises UserError."""
    stopped = list(pids)
    _send(signal.SIGSTOP, stopped)
    what = f"{len(stopped)} processes of {cluster} have stopped"
    until(lambda: all(processes.status(pid) in _NOT_RUNNING for pid in stopped), what, SECONDS)


def thaw(pids: Callable[[], Iterable[int]], cluster: str) -> None:
    """Let processes go on. Raises UserError."""
    _send(signal.SIGCONT, (pid for pid in pids() if processes.is_stopped(pid)))
    until(lambda: not is_frozen(pids()), f"the stopped processes of {cluster} go on", SECONDS)


def _send(number: signal.Signals, pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def is_frozen(pids: Iterable[int]) -> bool:
    """Check whether any of the processes is stopped."""
    return any(processes.is_stopped(pid) for pid in pids)


def _in_cgroup(strike: Strike, proc: Path) -> Iterator[tuple[int, list[str], str]]:
    """Return process id, command line and cgroups of all in the cluster's nodes, the oldest first.

    Those that only keep a pod's network are left out.
    """
    groups = [f"{node.cgroup}/" for node in strike.spec.members]
    for pid in sorted(int(entry.name) for entry in proc.iterdir() if entry.name.isdigit()):
        with contextlib.suppress(OSError):  # it has just ended
            group = (proc / str(pid) / "cgroup").read_text()
            if not any(path in group for path in groups):
                continue
            words = (proc / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if not words[0].endswith(_PAUSE):
                yield pid, words, group


def _is_gateway(words: Sequence[str], cluster: str) -> bool:
    if not words[0].endswith("envoy") or "--service-cluster" not in words:
        return False
    return words[words.index("--service-cluster") + 1] == cluster
