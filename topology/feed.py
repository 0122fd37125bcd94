"""What the proxies say, several times a second: by kubectl, and by bash in their pods.

kubectl reaches pods of every backend. In a pod nothing is needed but bash, and nothing stays in it:
the loop there ends with its standard input, which ends with this process, however that ends.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from drills.stack import EDGE
from foundation import envoy_admin
from foundation.contract import GATEWAY_NAMESPACE, GATEWAY_SELECTOR
from topology import admin
from topology.kubectl import AGAIN, GONE, Source, is_ready
from topology.picture import picture
from topology.proxies import Proxy

EDGE_PERIOD = 0.15
"""Seconds between two questions to an edge pod, by which a failover is seen first."""
GATEWAY_PERIOD = 0.25
"""Seconds between two questions to a gateway."""

_RULES_EACH = 60
"""After how many questions for hosts the rules are asked for again: an update may load others."""

_END = b"\x1e\n"
_LOOP = f"""
{envoy_admin.request()}
LC_ALL=C
period=$1
ask() {{
  request GET "$1" || return
  while IFS= read -r -N 65536 part <&3 || [ "$part" ]; do printf '%s' "$part"; done
  exec 3>&-
  printf '\\n\\x1e\\n'
}}
ask '{admin.RULES}'
count=0
while :; do
  ask '{admin.HOSTS}'
  [ $((count % {_RULES_EACH})) -gt 0 ] || ask '{admin.LOADED_RULES}'
  [ $((count++ % 6)) -gt 0 ] || ask '{admin.LATENCIES}'
  IFS= read -rt "$period" _
  [ $? -gt 128 ] || exit 0
done
"""
"""Above 128 is a time-out of `read`; its standard input has ended otherwise.

Answers are read in blocks: by lines, bash asks for each byte, 18 ms of a core an answer.
"""


_clock = time.monotonic
"""What seconds are counted by: as Envoy's do, they stand still while the machine is suspended."""


class Feed(Source):
    """All proxies of a stack."""

    def __init__(
        self, kubeconfig: Path, clusters: Sequence[str], expected: Mapping[str, float] | None = None
    ) -> None:
        """`expected` is as in `picture`: clusters are there before anybody is heard."""
        super().__init__(kubeconfig)
        self._clusters, self._expected = clusters, expected
        self._proxies: dict[tuple[str, str], Proxy] = {}

    def start(self) -> None:
        """Begin to watch the pods of all clusters."""
        for cluster in self._clusters:
            self._spawn(self._watch, cluster, GATEWAY_NAMESPACE, GATEWAY_SELECTOR)

    def picture(self, now: float) -> dict[str, Any]:
        """Return what the proxies have said, as a picture."""
        with self._lock:
            return picture(self._proxies.values(), _clock(), self._expected, now)

    def proxies(self) -> list[Proxy]:
        """Return the proxies that are known."""
        with self._lock:
            return list(self._proxies.values())

    def _known(self, cluster: str) -> set[str]:
        alive = [proxy for proxy in self.proxies() if proxy.gone_at is None]
        return {proxy.name for proxy in alive if proxy.cluster == cluster}

    def _note(self, cluster: str, kind: str, pod: dict[str, Any]) -> None:
        name = pod["metadata"]["name"]
        with self._lock:
            is_new = (cluster, name) not in self._proxies
            proxy = self._proxies.setdefault(
                (cluster, name), Proxy(name, cluster, is_edge=cluster == EDGE)
            )
            proxy.ready = is_ready(pod)
            proxy.leaving = "deletionTimestamp" in pod["metadata"]
            if kind == "DELETED" and proxy.gone_at is None:
                proxy.gone_at = _clock()
                self._forget(cluster)
        if is_new:
            self._spawn(self._listen, proxy)

    def _forget(self, cluster: str) -> None:
        """Keep those of a cluster's proxies that went last: every picture holds all."""
        gone = [p for p in self._proxies.values() if p.cluster == cluster and p.gone_at is not None]
        for proxy in sorted(gone, key=lambda each: each.gone_at or 0.0)[:-GONE]:
            del self._proxies[cluster, proxy.name]

    def _listen(self, proxy: Proxy) -> None:
        """Take what a proxy says until its pod is gone."""
        where = (f"--namespace={GATEWAY_NAMESPACE}", proxy.name)
        while not self._stopped.is_set() and proxy.gone_at is None:
            period = EDGE_PERIOD if proxy.is_edge else GATEWAY_PERIOD
            command = ("exec", "-i", *where, "--", "bash", "-c", _LOOP, "topology", str(period))
            with (
                self._tried(proxy.cluster, command[0]),
                self._command(proxy.cluster, *command) as output,
            ):
                for answer in answers(output):
                    self._is_well(proxy.cluster, command[0])
                    with contextlib.suppress(ValueError):  # cut off: the next one is not
                        text = admin.body(answer)
                        with self._lock:
                            take(proxy, text, _clock())
                        self._heard.set()
            self._stopped.wait(AGAIN)


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
