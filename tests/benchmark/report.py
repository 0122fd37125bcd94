"""The benchmark's table, for people and for machines."""

from __future__ import annotations

import functools
import json
import os
import platform
import time
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from tests.benchmark import processor
from tests.benchmark.measure import Samples

STEP = "step: "
PROCESSOR = "processor: "


@dataclass(frozen=True)
class Row:
    """One quantity of the table "how fast, how small" and what it is compared with."""

    name: str
    """Name of the quantity in the samples."""
    what: str
    must: float | None
    """None where nothing is promised."""
    aim: float | None
    baseline: str
    """Name of the quantity that the ratio is taken to."""
    unit: str = "s"


ROWS = (
    Row("up", "./demo up to the first page", 25, 15, "three bare clusters"),
    Row("clusters", "three clusters, Ready", 10, 6, "three bare clusters"),
    Row("switch to standby", "pulumi up: to standby", 12, 6, "bare update"),
    Row("switch to active", "pulumi up: to active", 12, 6, "bare update"),
    Row("nothing to do", "pulumi up: nothing to do", 5, 3, "bare update"),
    Row("preview", "pulumi preview: from nothing", 5, 3, "empty preview"),
    Row("destroy", "./demo destroy", 8, 4, "empty preview"),
    Row("up, without root", "./demo up: without root", None, None, "up, as root"),
    Row("destroy, without root", "./demo destroy: without root", None, None, "destroy, as root"),
    Row("memory (PSS)", "memory, shared once (PSS)", 3.5, 2.8, "three bare clusters (PSS)", "GB"),
    Row("memory (RSS)", "memory, plain sum (RSS)", 3.5, 2.8, "three bare clusters (RSS)", "GB"),
    Row("further cluster", "each further cluster: time", 6, 4, "bare cluster"),
    Row("further cluster (PSS)", "each further cluster: PSS", 1, 0.8, "bare cluster (PSS)", "GB"),
    Row("event to picture", "event to live picture", 500, 250, "", "ms"),
    Row("event to picture, p95", "event to live picture, p95", 500, 250, "", "ms"),
    Row("picture server", "its server, 100/s: of a core", 5, 3, "", "%"),
    Row("picture server memory", "its server: memory", 80, 60, "", "MB"),
    Row("picture readers", "its kubectls: of a core", None, None, "", "%"),
    Row("picture readers memory", "its kubectls: memory (PSS)", None, None, "", "MB"),
    Row("picture page", "its page: of a core", 15, 10, "", "%"),
    Row("picture server growth", "its server: growth an hour", 2, 1, "", "MB"),
    Row("picture page growth", "its page: growth an hour", 2, 1, "", "MB"),
)
BASELINES = {
    "bare cluster": ("A", "one bare cluster", "s"),
    "bare cluster (PSS)": ("B", "its memory, PSS", "GB"),
    "bare cluster (RSS)": ("C", "its memory, RSS", "GB"),
    "three bare clusters": ("D", "three bare clusters, at once", "s"),
    "three bare clusters (PSS)": ("E", "their memory, PSS", "GB"),
    "three bare clusters (RSS)": ("F", "their memory, RSS", "GB"),
    "empty preview": ("G", "preview, no program", "s"),
    "bare update": ("H", "up, least program", "s"),
    "up, as root": ("I", "./demo up, as root", "s"),
    "destroy, as root": ("J", "./demo destroy, as root", "s"),
}
"""Letter by which a ratio names it, what it is, unit."""
TOOLS = Row("tools", "tools from empty caches", 18 * 60, 10 * 60, "")


def show(samples: Samples) -> None:
    """Prints the tables on the terminal."""
    console = Console()
    medians = samples.medians
    table = Table("what", title=f"Medians of {rounds(samples)} rounds; {machine()}")
    for column in ("median", "range", "must", "aim", "ratio"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in (*ROWS, TOOLS):
        if row.name not in medians:
            continue
        value, base = medians[row.name], medians.get(row.baseline)
        style = judged(value, row)
        ratio = f"{value / base:.1f} {BASELINES[row.baseline][0]}" if base else ""
        shown = f"[{style}]{value:.1f} {row.unit}[/]"
        limits = ["" if limit is None else f"{limit:g}" for limit in (row.must, row.aim)]
        table.add_row(row.what, shown, span(samples, row.name), *limits, ratio)
    table.add_section()
    for name, (letter, what, unit) in BASELINES.items():
        if name in medians:
            shown = f"{medians[name]:.1f} {unit}"
            table.add_row(f"baseline {letter}: {what}", shown, span(samples, name), "", "", "")
    console.print(table)
    if any(name.startswith(STEP) for name in medians):
        show_steps(console, medians)


def judged(value: float, row: Row) -> str:
    """Colour of a value: within what is aimed at, within what must be, or neither."""
    if row.must is None or row.aim is None:
        return "default"
    return "red" if value > row.must else "yellow" if value > row.aim else "green"


def show_steps(console: Console, medians: dict[str, float]) -> None:
    """Prints where the time of `./demo up` goes."""
    table = Table("step of ./demo up", title="Where the time goes (medians)")
    for column in ("seconds", "share", "so far"):
        table.add_column(column, justify="right")
    found = {n.removeprefix(STEP): v for n, v in medians.items() if n.startswith(STEP)}
    whole, sofar = sum(found.values()), 0.0
    for name, value in found.items():
        sofar += value
        table.add_row(name, f"{value:.2f}", f"{value / whole:.0%}", f"{sofar:.2f}")
    console.print(table)
    show_processor(console, medians, list(found))


def show_processor(console: Console, medians: dict[str, float], steps: list[str]) -> None:
    """Prints which programs used the processor in each step, the busiest first."""
    table = Table("program", title="Seconds of the processor in each step, by number (medians)")
    for number in (*range(1, len(steps) + 1), "all"):
        table.add_column(str(number), justify="right")
    names = dict.fromkeys([*processor.PROGRAMS.values(), processor.OTHERS])
    rows = {
        name: [medians.get(f"{PROCESSOR}{step}: {name}", 0.0) for step in steps] for name in names
    }
    rows["all programs"] = [sum(column) for column in zip(*rows.values(), strict=True)]
    for name, row in sorted(rows.items(), key=lambda row: -sum(row[1])):
        table.add_row(name, *(f"{seconds:.1f}" for seconds in (*row, sum(row))))
    console.print(table)


def span(samples: Samples, name: str) -> str:
    """Smallest and largest value."""
    values = samples.values[name]
    return f"{min(values):.1f} - {max(values):.1f}"


def rounds(samples: Samples) -> int:
    """How many rounds were measured."""
    return max((len(values) for values in samples.values.values()), default=0)


def machine() -> str:
    """What it was measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"{os.cpu_count()} processors, {memory:.0f} GB, Linux {platform.release()}, "
        f"fixed loop {loop_seconds():.2f} s (Python {platform.python_version()})"
    )


@functools.cache
def loop_seconds() -> float:
    """How long one processor takes for a fixed loop: the figure to compare two machines by.

    The best of three, so that what else runs does not count.
    """

    def once() -> float:
        begin, value = time.perf_counter(), 1
        for number in range(5_000_000):
            value = (value * 31 + number) & 0xFFFF
        return time.perf_counter() - begin

    return min(once() for _ in range(3))


def as_json(samples: Samples) -> str:
    """All samples and the table, for machines."""
    medians = samples.medians
    rows = [
        {
            "name": row.name,
            "what": row.what,
            "unit": row.unit,
            "median": medians[row.name],
            "must": row.must,
            "aim": row.aim,
            "baseline": row.baseline,
        }
        for row in (*ROWS, TOOLS)
        if row.name in medians
    ]
    load = os.getloadavg()[0]
    document = {
        "machine": machine(),
        "processors": os.cpu_count(),
        "loop_seconds": loop_seconds(),
        "load": load,
        "rows": rows,
        "samples": samples.values,
    }
    return json.dumps(document, indent=2)
