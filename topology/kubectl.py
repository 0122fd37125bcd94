"""What kubectl says as it goes on: commands that run until they are stopped, and why they fail."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from topology.proxies import Proxy

AGAIN = 1.0
"""Seconds after which a command that has ended is started again."""


class Source(ABC):
    """What the live picture is made from; threads keep it up to date until `stop`."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubectl = ["kubectl", f"--kubeconfig={kubeconfig}"]
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._heard = threading.Event()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._troubles: dict[str, str] = {}

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
            return dict(self._troubles)

    def wait(self, seconds: float) -> None:
        """Return when somebody has told something since the last call, or in time."""
        self._heard.wait(seconds)
        self._heard.clear()

    def _spawn(self, target: Callable[..., None], *arguments: Any) -> None:
        threading.Thread(target=target, args=arguments, daemon=True).start()

    def _watch(self, cluster: str, namespace: str, selector: str) -> None:
        """Follow the pods of a selector in a cluster."""
        what = ("get", "pods", f"--namespace={namespace}", f"--selector={selector}")
        how = ("--watch", "--output-watch-events", "--output=json")
        while not self._stopped.is_set():
            with self._command(cluster, *what, *how) as output:
                for event in documents(output):
                    self._is_well(cluster)
                    self._note(cluster, event["type"], event["object"])
                    self._heard.set()
            self._stopped.wait(AGAIN)

    @abstractmethod
    def _note(self, cluster: str, kind: str, pod: dict[str, Any]) -> None:
        """Take what a watch says of a pod."""

    @contextlib.contextmanager
    def _command(self, cluster: str, *arguments: str) -> Iterator[IO[bytes]]:
        """Run kubectl and give its output; it ends with the block, or with `stop`."""
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(
                [*self._kubectl, f"--context={cluster}", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
            )
            assert process.stdout and process.stdin
            with self._lock:
                self._running.add(process)
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
                        self._troubles[cluster] = lines[-1]

    def _is_well(self, cluster: str) -> None:
        with self._lock:
            self._troubles.pop(cluster, None)


def is_ready(pod: dict[str, Any]) -> bool:
    """Check whether a pod's condition says so."""
    conditions = pod.get("status", {}).get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def documents(output: IO[bytes]) -> Iterator[Any]:
    """Yield the JSON documents of a watch, one a line; what is cut off at the end is none."""
    for line in output:
        if line.endswith(b"\n"):
            yield json.loads(line)
