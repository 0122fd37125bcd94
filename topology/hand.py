"""The presenter's hand: what may be done from the page, by the same commands as on a terminal."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drills import prediction
from drills.arguments import MODES
from drills.faults import FAULTS
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
    """Runs one command at a time, and traffic beside it; mends at the end what it has broken."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._lock = threading.Lock()
        self._running: _Running | None = None
        self._traffic: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._broken: list[tuple[str, str]] = []

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
            if wanted["what"] == "break" and _struck(wanted) not in self._in_force():
                self._broken.append(_struck(wanted))
            self._running = running = _Running(lines, wanted)
        self._thread = threading.Thread(target=self._run, args=(running,), daemon=True)
        self._thread.start()

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
        if traffic:
            traffic.wait()  # hours of requests take their time to count

    def _run(self, running: _Running) -> None:
        code = 0
        for line in running.lines:
            with subprocess.Popen(
                [_DEMO, *line],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            ) as process:
                assert process.stdout
                for said in process.stdout:
                    with self._lock:
                        running.said = (running.said + said)[-_KEPT:]
            if code := process.returncode:
                break
        with self._lock:
            running.code = code
            if not code and running.wanted["what"] in ("fix", "heal-all"):
                mended = _struck(running.wanted)  # who breaks it again, mends it
                every = running.wanted["what"] == "heal-all"
                self._broken = [each for each in self._broken if not every and each != mended]
        if code and running.wanted["what"] == "break":
            self._forget_refused(_struck(running.wanted))

    def _forget_refused(self, struck: tuple[str, str]) -> None:
        """Mend no fault that was refused: should it come into force, somebody else has made it."""
        with contextlib.suppress(UserError):  # what is in force is not known
            if struck not in self._in_force():
                with self._lock:
                    self._broken = [each for each in self._broken if each != struck]

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
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )


def _struck(wanted: Mapping[str, Any]) -> tuple[str, str]:
    """Return the fault that the page speaks of, and where; empty where it names none."""
    return str(wanted.get("fault", "")), str(wanted.get("cluster", ""))
