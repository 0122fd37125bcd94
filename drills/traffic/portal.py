"""What pods executed, from access logs: the only place where a second execution shows.

The portal logs what it executed. For another application, each gateway logs a line for each try
that it sends to a pod of its own cluster (`upstream_log` in `components/envoy/http.py`).

Logs are followed while traffic runs, for those of a pod that is gone are gone with it.
"""

from __future__ import annotations

import collections
import datetime
import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from drills.traffic.model import Execution, Sample
from foundation import run
from foundation.contract import GATEWAY_NAMESPACE, GATEWAY_SELECTOR
from foundation.errors import ToolMissing


@dataclass(frozen=True)
class Source:
    """The pods whose logs say what was executed."""

    namespace: str
    selector: str


PORTAL = Source("transaction-service", "app=web-portal")
GATEWAYS = Source(GATEWAY_NAMESPACE, GATEWAY_SELECTOR)


def source_for(is_portal: bool) -> Source:
    """Return where executions are logged, for the demo's own portal or another application."""
    return PORTAL if is_portal else GATEWAYS


# seconds until what has ended is asked for again; longer where nothing came, for each try costs
_AGAIN, _LONGEST = 0.5, 8.0
_REMEMBERED = 10_000  # requests that `settle` can find
_CHANGES = ("ADDED", "MODIFIED")
_PODS = (
    "{.type} {.object.metadata.name}"
    ' {.object.status.containerStatuses[0].state.running.startedAt}{"\\n"}'
)


def _instant(stamp: str) -> tuple[int, int]:
    """Return seconds since the epoch and nanoseconds of a line's time: its zone is its node's."""
    whole = datetime.datetime.fromisoformat(stamp)
    fraction = re.search(r"\.(\d+)", stamp)
    return int(whole.timestamp()), int(fraction[1].ljust(9, "0") if fraction else 0)


def execution(line: str, cluster: str, pod: str) -> Execution | None:
    """Return what one line of a log says; None if it speaks of no execution of a request of ours.

    A gateway's line of a try names the pod's address in `tried`; to another region's gateway it is
    no execution, nor if no byte went there.
    """
    try:
        fields: Any = json.loads(line)
        if "tried" in fields:
            if fields["tried_cluster"] != cluster or fields["sent"] in ("0", "-", 0, None):
                return None
            pod = str(fields["tried"])
        request = fields["demo_request"]
        at = datetime.datetime.fromisoformat(fields["time"]).timestamp()
        status = int(fields["status"] or 0)
    except (ValueError, KeyError, TypeError):
        return None
    if not request or request == "-":
        return None
    return Execution(at, str(request), cluster, pod, str(fields.get("method") or ""), status)


class PortalLogs:
    """Follows the logs of every portal, old and new, in every application cluster.

    A cluster whose API server goes away is asked again, from where its answer ended: nothing is
    missed unless the pod is gone by then. In a with-statement it starts and stops by itself.
    """

    def __init__(
        self,
        kubeconfig: Path,
        clusters: Iterable[str],
        found: Callable[[Execution], None],
        source: Source = PORTAL,
    ) -> None:
        """`clusters` are contexts of the kubeconfig; `found` is called from several threads."""
        self._kubeconfig = kubeconfig
        self._clusters = list(clusters)
        self._found = found
        self._source = source
        self._latest: collections.deque[str] = collections.deque(maxlen=_REMEMBERED)
        self._over = threading.Event()
        self._guard = threading.Lock()
        self._processes: set[subprocess.Popen[str]] = set()
        self._threads: list[threading.Thread] = []
        self._gone: set[str] = set()
        self._since = ""

    def start(self) -> None:
        """Begin to follow, from now on. Raises ToolMissing without a kubectl on PATH."""
        if shutil.which("kubectl") is None:
            raise ToolMissing("kubectl is not on PATH. Run this by: ./demo task ...")
        self._since = datetime.datetime.fromtimestamp(time.time(), datetime.UTC).isoformat()
        for cluster in self._clusters:
            self._begin(self._watch, cluster)

    def settle(self, requests: Iterable[str], seconds: float = 3.0) -> bool:
        """Wait until the given requests were seen, at most so long; whether they were."""
        wanted = set(requests)
        end = time.monotonic() + seconds
        while not wanted <= set(self._latest.copy()):
            if time.monotonic() > end:
                return False
            self._over.wait(0.05)
        return True

    def settle_answered(self, samples: Iterable[Sample]) -> None:
        """Wait until the last good answer of each pod was seen."""
        self.settle({s.pod: s.id for s in samples if not s.lost}.values())

    def stop(self) -> None:
        """End following; stopping twice is no error."""
        with self._guard:
            self._over.set()
            for process in self._processes:
                process.terminate()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _begin(self, work: Callable[..., None], *arguments: str) -> None:
        with self._guard:
            if self._over.is_set():
                return
            thread = threading.Thread(target=work, args=arguments, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _watch(self, cluster: str) -> None:
        """Have each portal's log followed, as soon as its container runs."""
        which = ["pods", "--selector", self._source.selector]
        how = ["--watch", "--output-watch-events", "--output", f"jsonpath={_PODS}"]
        command = ["get", *which, *how]
        followed: set[str] = set()
        pause = _AGAIN
        while not self._over.is_set():
            pause = min(2 * pause, _LONGEST)
            for line in self._printed(cluster, command):
                change, pod, started = (*line.split(), "", "", "")[:3]
                if change == "DELETED":
                    self._gone.add(pod)
                elif change in _CHANGES and started and pod not in followed:
                    followed.add(pod)
                    self._begin(self._follow, cluster, pod)
                if change in _CHANGES:
                    pause = _AGAIN
            self._over.wait(pause)

    def _follow(self, cluster: str, pod: str) -> None:
        """Read a pod's log until the pod is gone.

        An answer may end for many reasons (a restarted container, an API server that went away, a
        kubelet that has no more file watches to give, which kubectl takes for a good end), so the
        log is asked for again, from the last line on, as long as there is a pod.
        """
        since, pause = self._since, _AGAIN
        last = _instant(since)
        while not self._over.is_set():
            command = ["logs", pod, "--follow", "--timestamps", "--since-time", since]
            pause = min(2 * pause, _LONGEST)
            for line in self._printed(cluster, command):
                if line.startswith("Error") and "NotFound" in line:
                    self._gone.add(pod)
                stamp, _, text = line.partition(" ")
                entry = self.entry(text, cluster, pod)
                if entry is None or (now := _instant(stamp)) <= last:
                    continue
                since, last, pause = stamp, now, _AGAIN
                self._latest.append(entry.id)
                self._found(entry)
            if pod in self._gone:
                return
            self._over.wait(pause)

    def entry(self, text: str, cluster: str, pod: str) -> Execution | None:
        """Return what a line of a log says; None if it is of no interest."""
        return execution(text, cluster, pod)

    def _printed(self, cluster: str, arguments: Iterable[str]) -> Iterator[str]:
        """Yield what kubectl prints, line by line; nothing once following is over."""
        context = ["--kubeconfig", str(self._kubeconfig), "--context", cluster]
        with self._guard:
            if self._over.is_set():
                return
            process = subprocess.Popen(
                run.tied(["kubectl", *context, "--namespace", self._source.namespace, *arguments]),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,  # Ctrl-C is for the program that reads here
            )
            self._processes.add(process)
        assert process.stdout
        with process:
            yield from (line.rstrip("\n") for line in process.stdout)
        with self._guard:
            self._processes.discard(process)
