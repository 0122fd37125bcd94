"""What the proxies say, several times a second: by kubectl, and by bash in their pods.

kubectl reaches pods of every backend. In a pod nothing is needed but bash, and nothing stays in it:
the loop there ends with its standard input, which ends with this process, however that ends.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from drills.stack import EDGE, GATEWAY, GATEWAY_SELECTOR
from topology import admin
from topology.picture import Proxy

EDGE_PERIOD = 0.15
"""Seconds between two questions to an edge pod, by which a failover is seen first."""
GATEWAY_PERIOD = 0.25
"""Seconds between two questions to a gateway."""

_END = b"\x1e\n"
_AGAIN = 1.0
"""Seconds after which a command that has ended is started again."""

_LOOP = f"""
LC_ALL=C
period=$1
ask() {{
  exec 3<>/dev/tcp/127.0.0.1/9901 || return
  printf 'GET %s HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' "$1" >&3
  while IFS= read -r -N 65536 part <&3 || [ "$part" ]; do printf '%s' "$part"; done
  exec 3>&-
  printf '\\n\\x1e\\n'
}}
ask '{admin.RULES}'
count=0
while :; do
  ask '{admin.HOSTS}'
  [ $((count++ % 6)) -gt 0 ] || ask '{admin.LATENCIES}'
  IFS= read -rt "$period" _
  [ $? -gt 128 ] || exit 0
done
"""
"""Above 128 is a time-out of `read`; its standard input has ended otherwise.

Answers are read in blocks: by lines, bash asks for each byte, 18 ms of a core an answer.
"""


class Feed:
    """All proxies of a stack; threads keep them up to date until `stop`."""

    def __init__(self, kubeconfig: Path, clusters: Sequence[str]) -> None:
        self._kubectl = ["kubectl", f"--kubeconfig={kubeconfig}"]
        self._clusters = clusters
        self._proxies: dict[tuple[str, str], Proxy] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._heard = threading.Event()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._troubles: dict[str, str] = {}

    def start(self) -> None:
        """Begin to watch the pods of all clusters."""
        for cluster in self._clusters:
            self._spawn(self._watch, cluster)

    def stop(self) -> None:
        """End all commands."""
        self._stopped.set()
        with self._lock:
            for process in self._running:
                process.kill()

    def read(self, use: Callable[[list[Proxy]], Any]) -> Any:
        """Return what `use` makes of the proxies, while none of them changes."""
        with self._lock:
            return use(list(self._proxies.values()))

    def troubles(self) -> dict[str, str]:
        """Return what kubectl said last of each cluster where a command of it has failed."""
        with self._lock:
            return dict(self._troubles)

    def wait(self, seconds: float) -> None:
        """Return when a proxy or its pod has told something since the last call, or in time."""
        self._heard.wait(seconds)
        self._heard.clear()

    def _spawn(self, target: Callable[..., None], *arguments: Any) -> None:
        threading.Thread(target=target, args=arguments, daemon=True).start()

    def _watch(self, cluster: str) -> None:
        """Follow the proxies' pods of a cluster, and listen to each."""
        what = ("get", "pods", f"--namespace={GATEWAY.namespace}", f"--selector={GATEWAY_SELECTOR}")
        how = ("--watch", "--output-watch-events", "--output=json")
        while not self._stopped.is_set():
            with self._command(cluster, *what, *how) as output:
                for event in documents(output):
                    self._is_well(cluster)
                    self._note(cluster, event["type"], event["object"])
            self._stopped.wait(_AGAIN)

    def _note(self, cluster: str, kind: str, pod: dict[str, Any]) -> None:
        name = pod["metadata"]["name"]
        conditions = pod.get("status", {}).get("conditions") or []
        with self._lock:
            is_new = (cluster, name) not in self._proxies
            proxy = self._proxies.setdefault(
                (cluster, name), Proxy(name, cluster, is_edge=cluster == EDGE)
            )
            proxy.ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
            proxy.leaving = "deletionTimestamp" in pod["metadata"]
            if kind == "DELETED" and proxy.gone_at is None:
                proxy.gone_at = time.time()
        self._heard.set()
        if is_new:
            self._spawn(self._listen, proxy)

    def _listen(self, proxy: Proxy) -> None:
        """Take what a proxy says until its pod is gone."""
        where = (f"--namespace={GATEWAY.namespace}", proxy.name)
        while not self._stopped.is_set() and proxy.gone_at is None:
            period = EDGE_PERIOD if proxy.is_edge else GATEWAY_PERIOD
            command = ("exec", "-i", *where, "--", "bash", "-c", _LOOP, "topology", str(period))
            with self._command(proxy.cluster, *command) as output:
                for answer in answers(output):
                    self._is_well(proxy.cluster)
                    with contextlib.suppress(ValueError):  # cut off: the next one is not
                        text = admin.body(answer)
                        with self._lock:
                            take(proxy, text, time.time())
                        self._heard.set()
            self._stopped.wait(_AGAIN)

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


def take(proxy: Proxy, text: str, at: float) -> None:
    """Have a proxy know what its admin interface answered, to whichever question."""
    if rules := admin.rules(text):
        proxy.rules = rules
    elif text.startswith("cluster."):
        proxy.latencies = admin.latencies(text)
    elif "::" in text:
        proxy.hear(at, admin.hosts(text))


def answers(output: IO[bytes]) -> Iterator[bytes]:
    """Yield each answer of a proxy, as `_LOOP` prints them."""
    whole: list[bytes] = []
    for line in output:
        if line == _END:
            yield b"".join(whole)
            whole = []
        else:
            whole.append(line)


def documents(output: IO[bytes]) -> Iterator[Any]:
    """Yield the JSON documents of a watch, one a line; what is cut off at the end is none."""
    for line in output:
        if line.endswith(b"\n"):
            yield json.loads(line)
