"""When the edge knew: how many gateways each of its Envoys takes for healthy, as it says itself."""

from __future__ import annotations

import contextlib
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self

from drills.faults import Fault
from drills.stack import EDGE, Stack
from drills.traffic import Event, EventKind
from foundation import envoy_admin
from foundation.contract import GATEWAY_NAMESPACE, GATEWAY_SELECTOR
from foundation.errors import UserError

SECONDS = 0.2
"""Time between two looks."""

_HEALTHY = re.compile(r"^cluster\.regions_\S+\.membership_healthy: (\d+)")

# Runs inside the edge's pod, and ends with its standard input.
_LOOK = f"""
{envoy_admin.request()}
trap '' PIPE
while :; do
  read -r -t "$0" _
  [ $? -gt 128 ] || exit  # not the time that was up, but the input
  request GET '/stats?filter=^cluster%5C.regions_.*membership_healthy$' || exit
  while read -r line <&3; do case $line in cluster.*) echo "$line" || exit;; esac; done
  exec 3>&-
done
"""


def changes(lines: Iterable[str], clock: Callable[[], float]) -> Iterator[tuple[float, int, int]]:
    """Yield each change of the count of healthy gateways: when, before, after.

    `lines` are those of Envoy's statistics; with several Services the first one tells.
    """
    known: dict[str, int] = {}
    for line in lines:
        if match := _HEALTHY.match(line):
            name, count = line.partition(":")[0], int(match[1])
            before = known.get(name, count)
            known[name] = count
            if before != count and name == next(iter(known)):
                yield clock(), before, count


class Observer:
    """Watches the edge's pods while a drill runs and tells of each change as an event."""

    def __init__(
        self, stack: Stack, fault: Fault, cluster: str, tell: Callable[[Event], None]
    ) -> None:
        """Nothing happens yet. `cluster` is the struck one, which the events are told of."""
        self._stack, self._fault, self._cluster, self._tell = stack, fault, cluster, tell
        self._processes: list[subprocess.Popen[str]] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        """Begins; an edge that is struck itself, or does not answer, is not watched."""
        if not self._fault.edge:
            with contextlib.suppress(UserError):
                for pod in self._pods():
                    self._watch(pod)
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
        for thread in self._threads:
            thread.join()

    def _pods(self) -> list[str]:
        which = ("--namespace", GATEWAY_NAMESPACE, f"--selector={GATEWAY_SELECTOR}")
        items: list[dict[str, Any]] = self._stack.get(EDGE, "pods", *which)["items"]
        return [pod["metadata"]["name"] for pod in items if pod["status"]["phase"] == "Running"]

    def _watch(self, pod: str) -> None:
        where = ("--namespace", GATEWAY_NAMESPACE, "exec", "--stdin", pod)
        look = ("--", "/bin/bash", "-c", _LOOK, str(SECONDS))
        process = subprocess.Popen(
            self._stack.kubectl_command(EDGE, *where, *look),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self._processes.append(process)
        thread = threading.Thread(target=self._read, args=(process, pod), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _read(self, process: subprocess.Popen[str], pod: str) -> None:
        assert process.stdout
        with process:
            for at, before, after in changes(process.stdout, time.time):
                name = "ejected" if after < before else "healthy again"
                text = f"healthy gateways, as {pod} sees them: {after}, {before} before"
                self._tell(Event(at, EventKind.OBSERVED, name, self._cluster, text))
