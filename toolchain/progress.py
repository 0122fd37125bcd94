"""How the progress of builds is shown: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.table import Table

from toolchain import estimate, pins, published

_PLAIN_EVERY = 30.0  # seconds between two lines on one build where there is no terminal


def clock(seconds: float) -> str:
    """Return elapsed time for people: "0:07", "12:05"."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"


@dataclass
class _Row:
    products: str
    began: float | None = None
    ended: float | None = None
    packages: int = 0
    now: str = ""
    failed: bool = False
    told: float = field(default_factory=time.monotonic)

    def elapsed(self) -> str:
        if self.began is None:
            return ""
        return clock((self.ended or time.monotonic()) - self.began)

    def state(self) -> str:
        if self.began is None:
            return "waiting"
        if self.ended is not None:
            return "not to be had" if self.failed else "done"
        return f"{self.packages} packages  {self.now}" if self.packages else self.now or "starting"


class Screen:
    """Shows builds, or downloads; use as a context manager. Several threads may call its methods.

    `doing` is what is done with each module, "building" or "fetching".
    """

    def __init__(
        self, modules: list[pins.Module], console: Console | None = None, doing: str = "building"
    ) -> None:
        self._doing = doing
        self._modules = modules
        self._console = console or Console()
        self._rows = {m.name: _Row(", ".join(b.name for b in m.binaries)) for m in modules}
        self._guard = threading.Lock()
        self._live: Live | None = None
        if self._console.is_terminal:
            self._live = Live(
                console=self._console, get_renderable=self._table, refresh_per_second=4
            )

    def __enter__(self) -> Screen:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def start(self, module: pins.Module) -> None:
        """Tell that the build of `module` begins."""
        with self._guard:
            self._rows[module.name].began = time.monotonic()
        release = published.of(module) if self._doing == "fetching" else None
        version = release.version if release else module.version
        products = self._rows[module.name].products
        self._say(f"{module.name} {version}: {self._doing} {products}")

    def line(self, module: pins.Module, text: str) -> None:
        """Take a line of Go's output: a package's name, or "go: downloading ..."."""
        self._show(module, text.removeprefix("go: "), packages=not text.startswith("go: "))

    def tell(self, module: pins.Module, text: str) -> None:
        """Take what is to be shown of `module`, e.g. how much of it is downloaded."""
        self._show(module, text)

    def _show(self, module: pins.Module, text: str, packages: int = 0) -> None:
        with self._guard:
            row = self._rows[module.name]
            row.now = text
            row.packages += packages
            due = time.monotonic() - row.told >= _PLAIN_EVERY
            if due:
                row.told = time.monotonic()
        if due:
            self._say(f"{module.name}: {row.elapsed()}  {row.state()}{self.left()}")

    def done(self, module: pins.Module) -> None:
        """Tell that the products of `module` are in the store."""
        with self._guard:
            row = self._rows[module.name]
            row.ended = time.monotonic()
            left = "" if all(r.ended for r in self._rows.values()) else self.left()
        self._say(f"{module.name}: done in {row.elapsed()}{left}")

    def failed(self, module: pins.Module) -> None:
        """Tell that `module` could not be had; whoever called says why."""
        with self._guard:
            row = self._rows[module.name]
            row.began = row.began or time.monotonic()
            row.ended, row.failed = time.monotonic(), True

    def left(self) -> str:
        """Return about how long the builds still take, as "  (about 7 min left)"; "" without one.

        From the times that `tools.toml` tells, stretched as this machine has stretched those of
        what is done. What is under way may say that it is slower still, but not that it is faster.
        """
        now = time.monotonic()
        seconds = estimate.together([m.seconds for m in self._modules])
        rows = [(told, self._rows[m.name]) for told, m in zip(seconds, self._modules, strict=True)]
        begun = any(row.began for _, row in rows) and any(told for told, _ in rows)
        if self._doing != "building" or not begun:
            return ""
        took = [(told, row.ended - row.began) for told, row in rows if row.ended and row.began]
        expected = sum(told for told, _ in took)
        stretch = sum(seconds for _, seconds in took) / expected if expected else 1.0
        left = []
        for told, row in rows:
            if row.ended:
                continue
            passed = now - row.began if row.began else 0.0
            stretch = max(stretch, passed / told if told else 0.0)
            left.append((told, passed))
        waits = [max(0.0, told * stretch - passed) for told, passed in left]
        minutes = max(sum(waits), 60) / 60
        return f"  (about {minutes:.0f} min left)"

    def _say(self, text: str) -> None:
        if self._live is None:
            self._console.print(text, highlight=False, soft_wrap=True)

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, expand=False)
        table.add_column("tools", max_width=44, no_wrap=True, overflow="ellipsis")
        table.add_column("elapsed", justify="right")
        table.add_column("", no_wrap=True, overflow="ellipsis")
        with self._guard:
            for row in self._rows.values():
                style = "green" if row.ended else ("" if row.began else "dim")
                style = "yellow" if row.failed else style
                table.add_row(row.products, row.elapsed(), row.state(), style=style)
            table.caption = self.left().strip("( )") or None
        return table
