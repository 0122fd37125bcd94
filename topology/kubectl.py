"""What kubectl says as it goes on: commands that run until they are stopped, and why they fail."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from foundation import run
from toolchain import patience
from topology.proxies import Proxy

AGAIN = 1.0
"""Seconds after which a command that has ended is started again."""

GONE = 8
"""So many pods of a cluster that are gone stay in the picture."""

_LIST_SECONDS = 10
"""How long an API server may take to list its pods."""

_SILENCE = 5
"""Seconds after which kubectl asks a silent API server for a sign of life, and waits for it.

A watch of one that was stopped ends after 7 s; by kubectl's own 30 and 15 s, after 37 (1.37.2).
"""

_OF_PODS = ("ADDED", "MODIFIED", "DELETED")
"""What a watch says of pods; else it says that it has failed, or how far it has come."""


class Source(ABC):
    """What the live picture is made from; threads keep it up to date until `stop`."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubectl = ["kubectl", f"--kubeconfig={kubeconfig}"]
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._heard = threading.Event()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._troubles: dict[tuple[str, str], str] = {}
        """What kubectl said last, by cluster and its own command, where that has failed."""
        self._unwatched: dict[str, float] = {}
        """Since when nobody follows a cluster's pods, by `time.monotonic`."""

    @abstractmethod
    def start(self) -> None:
        """Begin to ask."""

    @abstractmethod
    def picture(self, now: float) -> dict[str, Any]:
        """Return the picture of this moment, as `picture.picture` describes it."""

    def proxies(self) -> list[Proxy]:
        """Return the proxies that are asked."""
        return []

    def stop(self) -> None:
        """End all commands."""
        self._stopped.set()
        with self._lock:
            for process in self._running:
                process.kill()

    def troubles(self) -> dict[str, str]:
        """Return what kubectl said last of each cluster where a command of it has failed."""
        with self._lock:
            return {cluster: why for (cluster, _), why in sorted(self._troubles.items())}

    def unwatched(self) -> dict[str, float]:
        """Return for how many seconds nobody has followed the pods of clusters, where that is so.

        What the picture says of Kubernetes' view of them is so old.
        """
        now = time.monotonic()
        with self._lock:
            return {cluster: now - since for cluster, since in self._unwatched.items()}

    def wait(self, seconds: float) -> None:
        """Return when somebody has told something since the last call, or in time."""
        self._heard.wait(seconds)
        self._heard.clear()

    def _spawn(self, target: Callable[..., None], *arguments: Any) -> None:
        threading.Thread(target=target, args=arguments, daemon=True).start()

    def _watch(self, cluster: str, namespace: str, selector: str) -> None:
        """Follow the pods of a selector in a cluster."""
        where = (f"--namespace={namespace}", f"--selector={selector}")
        which = ("get", "pods", *where, "--output=json")
        again = False
        while not self._stopped.is_set():
            with self._tried(cluster, which[0]):
                self._follow(cluster, which, again)
            with self._lock:
                self._unwatched.setdefault(cluster, time.monotonic())
            again = True
            self._stopped.wait(AGAIN)

    def _follow(self, cluster: str, which: Sequence[str], again: bool) -> None:
        """Take what one watch says of a cluster's pods; `again`: after one that has ended."""
        if again and not self._list(cluster, which):
            return
        with self._command(cluster, *which, "--watch", "--output-watch-events") as output:
            for number, event in enumerate(documents(output)):
                self._is_well(cluster, which[0])
                if not number and self._known(cluster):  # what went after the list, before this
                    self._list(cluster, which)
                if event["type"] not in _OF_PODS:
                    continue
                self._note(cluster, event["type"], event["object"])
                self._heard.set()

    def _list(self, cluster: str, which: Sequence[str]) -> bool:
        """Take a cluster's pods as they are now, and for gone those that it has no more.

        Returns whether that is known.
        """
        known = self._known(cluster)
        with self._command(cluster, *which, patience.of_requests(_LIST_SECONDS)) as output:
            try:
                items = json.load(output)["items"]
            except (ValueError, KeyError):  # it does not answer
                return False
        for pod in items:
            self._note(cluster, "MODIFIED", pod)
        for name in known - {pod["metadata"]["name"] for pod in items}:
            self._note(cluster, "DELETED", {"metadata": {"name": name}})
        self._is_well(cluster, which[0])
        with self._lock:
            self._unwatched.pop(cluster, None)
        self._heard.set()
        return True

    @abstractmethod
    def _known(self, cluster: str) -> set[str]:
        """Return the names of a cluster's pods that are not gone, as far as is known."""

    @abstractmethod
    def _note(self, cluster: str, kind: str, pod: dict[str, Any]) -> None:
        """Take what a watch says of a pod."""

    @contextlib.contextmanager
    def _command(self, cluster: str, *arguments: str) -> Iterator[IO[bytes]]:
        """Run kubectl and give its output; it ends with the block, or with `stop`."""
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(
                run.tied([*self._kubectl, f"--context={cluster}", *arguments]),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                env=os.environ | patience.of_connections(_SILENCE, _SILENCE),
            )
            assert process.stdout and process.stdin
            with self._lock:
                self._running.add(process)
                if self._stopped.is_set():  # which `stop` did not see
                    process.kill()
            try:
                yield process.stdout
            finally:
                process.kill()
                process.wait()
                process.stdout.close()
                process.stdin.close()
                said.seek(0)
                lines = said.read().decode(errors="replace").strip().splitlines()
                with self._lock:
                    self._running.discard(process)
                    if lines:
                        self._troubles[cluster, arguments[0]] = lines[-1]

    @contextlib.contextmanager
    def _tried(self, cluster: str, command: str) -> Iterator[None]:
        """Keep any error for the page: a thread that ended by it would leave all as it looks."""
        try:
            yield
        except Exception as error:
            with self._lock:
                self._troubles[cluster, command] = str(error) or type(error).__name__

    def _is_well(self, cluster: str, command: str) -> None:
        with self._lock:
            self._troubles.pop((cluster, command), None)


def is_ready(pod: dict[str, Any]) -> bool:
    """Check whether a pod's condition says so."""
    conditions = pod.get("status", {}).get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def documents(output: IO[bytes]) -> Iterator[Any]:
    """Yield the JSON documents of a watch, one a line; what is cut off at the end is none."""
    for line in output:
        if line.endswith(b"\n"):
            yield json.loads(line)
