"""What the benchmark measures, and how: in a copy of the checkout, the way a user does it."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from localkube import cluster
from localkube.spec import ClusterSpec
from tests.benchmark import processor, pulumi_alone
from tests.support import lab
from tests.support.checkout import PORTS, Checkout, failure, free_run
from tests.support.traffic import answers_from
from toolchain import ambient, tools

POLL_SECONDS = 0.05
"""Pause between two tries of the client that waits for the first page."""

GIGABYTE = 1e9

CLUSTER = "localkube:Cluster"
_LINE = re.compile(r"^ [+~] +(?P<type>\S+) (?P<name>\S+) (?P<what>creating|created|updated) \(")


@dataclass(frozen=True)
class Line:
    """A line that `./demo up` printed, and when: seconds from the command's start."""

    at: float
    text: str


@dataclass
class Samples:
    """Values of each quantity, one a round; seconds, or gigabytes of memory."""

    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, name: str, value: float) -> None:
        """Takes up the value of one round."""
        self.values[name].append(value)

    @property
    def medians(self) -> dict[str, float]:
        """Return the median of all rounds, of each quantity that was measured."""
        return {name: statistics.median(values) for name, values in self.values.items()}


class FirstPage(threading.Thread):
    """A client that asks for the page from the start on; `at` is when it came."""

    def __init__(self, demo: Checkout) -> None:
        super().__init__(daemon=True)
        self.demo, self.at, self.enough = demo, 0.0, threading.Event()

    def run(self) -> None:
        """Asks until the page comes; the certificate is checked, once its authority is known."""
        authority = self.demo.private() / "ca.pem"
        url = f"https://127.0.0.1:{self.demo.ports['west']}/web-portal"
        while not self.enough.wait(POLL_SECONDS):
            if authority.exists():
                asked = {"url": url, "host": "127.0.0.1", "caCertificate": authority.read_text()}
                if answers_from(asked):
                    self.at = time.monotonic()
                    return

    def __enter__(self) -> FirstPage:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.enough.set()
        self.join()


def timed_lines(demo: Checkout, *command: str) -> list[Line]:
    """Runs a command to its end; gives what it printed. Raises CommandFailed if it fails."""
    demo.check_backends()
    begin = time.monotonic()
    lines = []
    with subprocess.Popen(
        command, cwd=demo.folder, env=demo.environment, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        assert process.stdout
        lines = [Line(time.monotonic() - begin, text.rstrip()) for text in process.stdout]
    if process.returncode:
        said = "\n".join(line.text for line in lines)
        raise failure(command, f"ended with {process.returncode}", said)
    return [*lines, Line(time.monotonic() - begin, "")]


def one_round(demo: Checkout, samples: Samples) -> None:
    """Measures every row once: from nothing, by way of both modes, to nothing."""
    demo.demo("pulumi", "stack", "select", "--create", "west")
    samples.add("preview", demo.demo("pulumi", "preview").seconds)
    demo.demo("pulumi", "stack", "rm", "--yes", "--preserve-config", "west")

    begin = time.monotonic()
    with FirstPage(demo) as page, processor.Watch() as watch:
        lines = timed_lines(demo, "./demo", "up")
    samples.add("up", page.at - begin)
    for name, seconds in steps(lines).items():
        samples.add(f"step: {name}", seconds)
    for name, used in processor.by_step(watch.looks, marks(lines)).items():
        for program, seconds in used.items():
            samples.add(f"processor: {name}: {program}", seconds)
    samples.add("clusters", last(lines, CLUSTER, "created") - first(lines, CLUSTER, "creating"))
    rss, pss = lab.memory(demo.lab())
    samples.add("memory (PSS)", pss / GIGABYTE)
    samples.add("memory (RSS)", rss / GIGABYTE)

    for mode in ("standby", "active"):
        demo.demo("pulumi", "config", "set", "lbMode", mode)
        samples.add(f"switch to {mode}", demo.demo("pulumi", "up", "--yes").seconds)
    samples.add("nothing to do", demo.demo("pulumi", "up", "--yes").seconds)
    samples.add("bare update", pulumi_alone.update_seconds(demo.private() / "kubeconfig"))
    samples.add("destroy", demo.demo("destroy").seconds)


def steps(lines: list[Line]) -> dict[str, float]:
    """Where the time of `./demo up` goes: consecutive steps, in seconds, that add up to it."""
    result, before = {}, 0.0
    for name, at in marks(lines).items():
        result[name] = max(0.0, at - before)
        before = max(before, at)
    return result


def marks(lines: list[Line]) -> dict[str, float]:
    """When each step of `./demo up` ends, in seconds from its start."""
    return {
        "launcher, stack, engine's start": first(lines, "pulumi:pulumi:Stack", "creating"),
        "program: settings, manifests, registration": first(lines, CLUSTER, "creating"),
        "clusters: control plane, nodes Ready": last(lines, CLUSTER, "created"),
        "namespaces, secrets, configuration": last(lines, "apps/v1:Deployment", "creating"),
        "pods: started, ready": last(lines, "apps/v1:Deployment", "created"),
        "answers: by this configuration": last(lines, "dynamic:Answer", "created"),
        "state, outputs, end": lines[-1].at,
    }


def first(lines: list[Line], kind: str, what: str) -> float:
    """When the first resource of a type got so far. Raises ValueError if none did."""
    return min(moments(lines, kind, what))


def last(lines: list[Line], kind: str, what: str) -> float:
    """When the last resource of a type got so far (each counts when it first did)."""
    return max(moments(lines, kind, what))


def moments(lines: list[Line], kind: str, what: str) -> list[float]:
    """When each resource of a type was first reported so."""
    found: dict[str, float] = {}
    for line in lines:
        match = _LINE.match(line.text)
        if match and match["type"].endswith(kind) and match["what"] == what:
            found.setdefault(match["name"], line.at)
    return list(found.values())


def baselines(samples: Samples) -> None:
    """What ratios are taken to: one bare cluster, three at once, an empty program's preview."""
    bare(samples, "bare cluster", 1)
    bare(samples, "three bare clusters", 3)
    samples.add("empty preview", pulumi_alone.preview_seconds())


def bare(samples: Samples, name: str, count: int) -> None:
    """Measures so many clusters without an application, all made at once."""
    with tempfile.TemporaryDirectory(prefix="demo-") as temporary:
        folder = Path(temporary).resolve() / "lab"
        port = free_run(PORTS)
        specs = [
            ClusterSpec(str(folder), f"bare-{index}", index, 1, port + index)
            for index in range(count)
        ]
        try:
            samples.add(name, seconds(lambda: created(specs)))
            rss, pss = lab.memory(folder)
            samples.add(f"{name} (PSS)", pss / GIGABYTE)
            samples.add(f"{name} (RSS)", rss / GIGABYTE)
        finally:
            for spec in specs:
                cluster.delete(spec)


def created(specs: list[ClusterSpec]) -> None:
    """Makes clusters at once and waits for the nodes of all."""
    with ThreadPoolExecutor(len(specs)) as threads:
        list(threads.map(lambda spec: cluster.create(spec, "benchmark"), specs))


def cold_tools(demo: Checkout) -> float:
    """Seconds for all tools from empty caches: nothing downloaded, nothing built.

    What `./demo` has built before is on PATH here and would be taken for the user's own.
    """
    path = ambient.folders(os.environ["PATH"], [tools.cache_dir()])
    with tempfile.TemporaryDirectory(prefix="demo-") as name:
        caches = {"XDG_CACHE_HOME": name, "GOMODCACHE": f"{name}/modules", "GOCACHE": f"{name}/go"}
        caches["PATH"] = os.pathsep.join(map(str, path))
        command = ["./demo", "setup"]
        env = {**demo.environment, **caches, "GOFLAGS": "-modcacherw"}
        return seconds(lambda: subprocess.run(command, cwd=demo.folder, env=env, check=True))


def seconds(action: Callable[[], object]) -> float:
    """How long an action takes."""
    begin = time.monotonic()
    action()
    return time.monotonic() - begin
