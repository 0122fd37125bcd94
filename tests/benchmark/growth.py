"""How time, memory and processor grow with the number of application clusters."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence

import psutil
from rich.console import Console
from rich.table import Table

from tests.benchmark import further, pulumi_alone
from tests.benchmark.measure import GIGABYTE, FirstPage, Samples, timed_lines
from tests.benchmark.processor import machine_seconds
from tests.support import lab
from tests.support.checkout import Checkout

COUNTS = (2, 3, 5, 8, 13)
IDLE_SECONDS = 20
"""How long the clusters are watched at rest."""

COLUMNS = {
    "up": "up to the first page, s",
    "up, processor": "its processor, s",
    "memory": "memory (PSS), GB",
    "idle": "at rest, % of a core",
    "nothing to do": "pulumi up, nothing to do, s",
    "nothing to do, processor": "its processor, s",
    "alone": "Pulumi alone with as many objects, nothing to do, s",
    "destroy": "destroy, s",
    "steal": "taken by the host, % of a core",
}
"""What is measured of each number of clusters, and the head of its column."""


def one_round(demo: Checkout, samples: Samples, counts: Sequence[int]) -> None:
    """Bring the demo up with each of these numbers of clusters, measure, and take it down.

    The processor's time is the whole machine's. What was measured before a failure stays in
    `samples`, as the first thing that breaks is of interest too. Raises AssertionError.
    """
    for count in counts:
        print(f"{count} application clusters", file=sys.stderr)
        demo.demo("pulumi", "stack", "select", "--create", "west")
        demo.set_clusters(further.names(count - 2))
        try:
            _measure(demo, samples, count)
        finally:
            demo.demo("pulumi", "config", "rm", "clusters")  # while there is a stack to say it of
            begin = time.monotonic()
            demo.demo("destroy")
        samples.add(f"{count}: destroy", time.monotonic() - begin)
        print(", ".join(_told(samples, count)), file=sys.stderr)  # a later one may not end


def _measure(demo: Checkout, samples: Samples, count: int) -> None:
    begin, busy, steal = time.monotonic(), machine_seconds(), psutil.cpu_times().steal
    with FirstPage(demo) as page:
        timed_lines(demo, "./demo", "up")
    samples.add(f"{count}: up", page.at - begin)
    samples.add(f"{count}: up, processor", machine_seconds() - busy)
    samples.add(f"{count}: memory", lab.memory(demo.lab())[1] / GIGABYTE)
    busy = machine_seconds()
    time.sleep(IDLE_SECONDS)  # the length of what is measured
    samples.add(f"{count}: idle", (machine_seconds() - busy) / IDLE_SECONDS * 100)
    busy = machine_seconds()
    samples.add(f"{count}: nothing to do", demo.demo("pulumi", "up", "--yes").seconds)
    samples.add(f"{count}: nothing to do, processor", machine_seconds() - busy)
    state = demo.demo("pulumi", "stack", "export").output
    each = round(objects(state) / (count + 1))  # the edge has a cluster too
    alone = pulumi_alone.update_seconds(demo.private() / "kubeconfig", each)
    samples.add(f"{count}: alone", alone)
    passed = time.monotonic() - begin
    samples.add(f"{count}: steal", (psutil.cpu_times().steal - steal) / passed * 100)


def objects(state: str) -> int:
    """Return how many objects in clusters an exported state names."""
    resources = json.loads(state)["deployment"]["resources"]
    return sum(each["type"].startswith("kubernetes:") for each in resources)


def _told(samples: Samples, count: int) -> Iterator[str]:
    medians = samples.medians
    for name in COLUMNS:
        yield f"{name} {medians[f'{count}: {name}']:.1f}"


def show(samples: Samples) -> None:
    """Print a line for each number of clusters, with its ratio to the least number."""
    counts = sorted({int(name.split(":")[0]) for name in samples.values})
    table = Table(title="By the number of application clusters (ratio to the first line)")
    table.add_column("clusters", justify="right")
    for head in COLUMNS.values():
        table.add_column(head, justify="right")
    for count in counts:
        table.add_row(str(count), *(_cell(samples, count, counts[0], name) for name in COLUMNS))
    Console(width=170).print(table)


def _cell(samples: Samples, count: int, least: int, name: str) -> str:
    medians = samples.medians
    value, base = medians.get(f"{count}: {name}"), medians.get(f"{least}: {name}")
    if value is None:
        return "failed"
    return f"{value:.1f} ({value / base:.1f})" if base else f"{value:.1f}"
