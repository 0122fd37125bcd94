"""The presenter's hand: what may be done from the page, by the same commands as on a terminal."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drills import guard, prediction
from drills.arguments import MODES
from drills.faults import FAULTS, named
from drills.journal import Journal
from drills.stack import EDGE, Stack
from foundation import project
from foundation.errors import UserError

_DEMO = str(project.ROOT / "demo")
_KEPT = 4000
"""Characters of what a command said last."""


class Refused(UserError):
    """Something cannot be done now, or not at all."""


@dataclass
class _Running:
    """Commands that follow one another, and what came of them."""

    lines: Sequence[Sequence[str]]
    wanted: Mapping[str, Any]
    """What the page has asked for."""
    said: str = ""
    code: int | None = None

    @property
    def line(self) -> str:
        return " && ".join(shlex.join(["./demo", *line]) for line in self.lines)


class Hand:
    """Runs one command at a time, and traffic beside it; mends at the end what it has broken.

    Killed, it leaves that to guards, as drills do.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._lock = threading.Lock()
        self._running: _Running | None = None
        self._traffic: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._broken: dict[tuple[str, str], contextlib.ExitStack] = {}
        """What the page has broken, each with its guard: it mends that if this process is killed.
        """

    def offers(self) -> dict[str, Any]:
        """Return faults with what is predicted of each in each cluster, and the modes."""
        return {
            "modes": list(MODES),
            "faults": {
                fault.name: {
                    "what": fault.what,
                    "in": {name: self._predicted(fault, name) for name in self._strikes(fault)},
                }
                for fault in FAULTS
                if not fault.unavailable(self._stack)
            },
        }

    def _strikes(self, fault: Any) -> Sequence[str]:
        return (EDGE,) if fault.edge else self._stack.application_clusters

    def _predicted(self, fault: Any, cluster: str) -> str:
        if self._stack.platform != "envoy":
            return f"{fault.what} What follows is up to platform {self._stack.platform}."
        text = prediction.of(fault, cluster, self._stack).text
        return f"{fault.what} Predicted: {text}"

    def do(self, wanted: Any) -> None:
        """Begin what the page asks for. Raises Refused, and UserError."""
        if not isinstance(wanted, Mapping):
            raise Refused("What is wanted is not said.")
        if wanted.get("what") == "traffic":
            return self._turn_traffic()
        lines = self.commands(wanted)
        with self._lock:
            if self._running and self._running.code is None:
                raise Refused(f"Still running: {self._running.line}")
            guards = []
            if wanted["what"] == "break" and _struck(wanted) not in self._in_force():
                guards.append(self._guard(*_struck(wanted)))
            self._running = running = _Running(lines, wanted)
        self._thread = threading.Thread(target=self._run, args=(running, guards), daemon=True)
        self._thread.start()

    def _guard(self, fault: str, cluster: str) -> int:
        """Have a guard for a fault; return the descriptor by which it waits."""
        if former := self._broken.pop((fault, cluster), None):
            former.close()  # somebody else has mended it meanwhile
        ends = contextlib.ExitStack()
        descriptor = ends.enter_context(guard.standing(self._stack, named(fault), cluster))
        self._broken[fault, cluster] = ends
        return descriptor

    def commands(self, wanted: Mapping[str, Any]) -> list[list[str]]:
        """Return the arguments of `./demo`, command by command. Raises Refused."""
        stack = self._stack.name
        there = ["--stack", stack] + ["--elsewhere"] * self._stack.elsewhere
        match wanted:
            case {"what": "break" | "fix" as what, "fault": str(name), "cluster": str(cluster)}:
                fault = next((each for each in FAULTS if each.name == name), None)
                if fault is None or cluster not in self._strikes(fault):
                    raise Refused(f"There is no fault {name!r} for {cluster!r}.")
                return [["task", what, "--", name, "--cluster", cluster, *there]]
            case {"what": "heal-all"}:
                return [["task", "heal-all", "--", *there]]
            case {"what": "switch", "mode": str(mode)} if mode in MODES:
                setting = ["pulumi", "config", "set", "lbMode", mode, "--stack", stack]
                return [setting, ["up", stack]]
        raise Refused("This cannot be done from the page.")

    def state(self) -> dict[str, Any]:
        """Return what the page shows of the command that runs, or ran last."""
        with self._lock:
            now = self._running
            return {
                "line": now.line if now else "",
                "output": now.said if now else "",
                "running": now is not None and now.code is None,
                "code": now.code if now else None,
                "traffic": self._sending() is not None,
            }

    def end(self) -> None:
        """Stop the traffic, wait for the command that runs, and mend what the page has broken."""
        traffic = self._stop_traffic()
        if self._thread:
            self._thread.join()
        known = self._in_force()
        for name, cluster in self._broken:
            if (name, cluster) in known:
                wanted = {"what": "fix", "fault": name, "cluster": cluster}
                print(f"Mending {name} in {cluster}, which the page has broken.", flush=True)
                for line in self.commands(wanted):
                    subprocess.run([_DEMO, *line], check=False)
        self._forget(list(self._broken))
        if traffic:
            traffic.wait()  # hours of requests take their time to count

    def _run(self, running: _Running, guards: Sequence[int]) -> None:
        """Run the commands, which `guards` wait for too, should this process be killed."""
        code = 1
        try:
            code = self._carry_out(running, guards)
            self._settle(running.wanted, code)
        finally:
            with self._lock:
                running.code = code

    def _carry_out(self, running: _Running, guards: Sequence[int]) -> int:
        code = 0
        for line in running.lines:
            with subprocess.Popen(
                [_DEMO, *line],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                pass_fds=guards,
            ) as process:
                assert process.stdout
                for said in process.stdout:
                    with self._lock:
                        running.said = (running.said + said)[-_KEPT:]
            if code := process.returncode:
                break
        return code

    def _settle(self, wanted: Mapping[str, Any], code: int) -> None:
        """Forget what is mended, and what was refused."""
        struck = _struck(wanted)
        match wanted["what"]:
            case "heal-all" if not code:
                self._forget(list(self._broken))
            case "fix" if not code:
                self._forget([struck])
            case "break" if code:
                with contextlib.suppress(UserError):  # what is in force is not known
                    if struck not in self._in_force():  # refused
                        self._forget([struck])

    def _forget(self, faults: Iterable[tuple[str, str]]) -> None:
        """Mend these no more: should one come into force again, somebody else has made it."""
        for each in faults:
            with self._lock:
                ends = self._broken.pop(each, None)
            if ends:
                ends.close()

    def _in_force(self) -> set[tuple[str, str]]:
        """Return the faults that are written down, each with its cluster. Raises UserError."""
        entries = Journal(self._stack.folder).entries()
        return {(entry.fault, entry.cluster) for entry in entries}

    def _sending(self) -> subprocess.Popen[bytes] | None:
        """Return the process that sends traffic; None without one that runs."""
        return self._traffic if self._traffic and self._traffic.poll() is None else None

    def _stop_traffic(self) -> subprocess.Popen[bytes] | None:
        """Tell the traffic to end, which it does with its ledger; return what still runs of it."""
        with self._lock:
            if running := self._sending():
                os.killpg(running.pid, signal.SIGINT)
            self._traffic = None
            return running

    def _turn_traffic(self) -> None:
        if self._stop_traffic():
            return
        with self._lock:
            line = ["task", "generate-traffic", "--", "--stack", self._stack.name, "--json"]
            self._traffic = subprocess.Popen(
                [_DEMO, *line],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,  # by which it ends if this process is killed
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            threading.Thread(target=_drain, args=(self._traffic,), daemon=True).start()


def _drain(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout
    with process.stdout:
        for _ in process.stdout:
            pass


def _struck(wanted: Mapping[str, Any]) -> tuple[str, str]:
    """Return the fault that the page speaks of, and where; empty where it names none."""
    return str(wanted.get("fault", "")), str(wanted.get("cluster", ""))
