"""Fetches what projects publish ready-made into the store; tells what has to be built after all.

Only the standard library is used, but by `unpacking.check`: downloads begin before the virtual
environment exists.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import queue
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from foundation.errors import UserError
from toolchain import download, pins, published, store, unpacking
from toolchain.incoming import Incoming, arriving

AT_ONCE = 6
Work = list[tuple[pins.Module, list[str]]]

_SAID = 3
"""So many reasons are told before "and others"."""


class Screen(Protocol):
    """What is told while modules are fetched."""

    def start(self, module: pins.Module) -> None:
        """Tell that the first file of `module` is asked for."""

    def tell(self, module: pins.Module, text: str) -> None:
        """Tell how much of `module` is there."""

    def done(self, module: pins.Module) -> None:
        """Tell that the products of `module` are in the store."""

    def failed(self, module: pins.Module) -> None:
        """Tell that `module` could not be had."""


class Silent:
    """A screen that shows nothing."""

    def start(self, module: pins.Module) -> None:
        """Show nothing."""

    done = failed = start

    def tell(self, module: pins.Module, text: str) -> None:
        """Show nothing."""


class Fetcher:
    """Fetches modules from one mirror, or from the publishers themselves.

    `load_only`: the files stay unpacked where they arrive, for another run to take.
    """

    def __init__(
        self,
        screen: Screen,
        mirror: str = "",
        patience: download.Patience | None = None,
        load_only: bool = False,
    ) -> None:
        self._load_only = load_only
        self._screen = screen
        self._mirror = mirror
        self._patience = patience or download.Patience()
        self._stopped = threading.Event()
        self._shared: dict[str, threading.Lock] = {}
        self.reasons: dict[str, str] = {}
        """Module -> why it was not fetched."""

    def reachable(self, work: Work) -> Work:
        """Return the part of `work` whose hosts answer; costs at most `patience.reach` in all."""
        probes: dict[str, str] = {}
        for module, products in work:
            for source in self._sources(module, products):
                probes.setdefault(host(source.url), source.checksums)
        answers: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()

        def probe(name: str, url: str) -> None:
            answers.put((name, download.unreachable(url, self._patience)))

        end = time.monotonic() + self._patience.reach
        _daemons([functools.partial(probe, name, url) for name, url in probes.items()])
        away = dict.fromkeys(probes, download.NO_ANSWER)
        with contextlib.suppress(queue.Empty):
            for _ in probes:
                name, reason = answers.get(timeout=max(0.001, end - time.monotonic()))
                away[name] = reason
        kept = []
        for module, products in work:
            hosts = {host(s.url) for s in self._sources(module, products)}
            lost = [f"{name} cannot be reached: {away[name]}" for name in hosts if away[name]]
            if hosts and not lost:
                kept.append((module, products))
                continue
            self.reasons[module.name] = ", ".join(sorted(lost)) or (
                f"not published for {os.uname().machine}"
            )
        return kept

    def fetch(self, work: Work) -> None:
        """Bring the products of `work` into the store, several files at once.

        What fails is told by `reasons` and leaves nothing in the store. After Ctrl-C the unfinished
        downloads stay, and the next run goes on with them.
        """
        jobs: queue.SimpleQueue[tuple[Incoming, published.Source]] = queue.SimpleQueue()
        ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        count, every = 0, []
        for module, products in work:
            one = Incoming(module, products, self._sources(module, products))
            every.append(one)
            for source in one.sources:
                jobs.put((one, source))
                count += 1

        def labour() -> None:
            with contextlib.suppress(queue.Empty):
                while True:
                    one, source = jobs.get_nowait()
                    try:
                        self._job(one, source)
                        ended.put(None)
                    except BaseException as error:  # the main thread raises it
                        ended.put(error)

        _daemons([labour] * min(AT_ONCE, count))
        try:
            for _ in range(count):
                if error := ended.get():
                    raise error
        finally:
            self._stopped.set()
        if not self._load_only:
            self._forget(every)

    def _forget(self, every: Sequence[Incoming]) -> None:
        """Remove the files of modules that are in the store; others go on with theirs."""
        if not self.reasons:
            shutil.rmtree(arriving(), ignore_errors=True)
        missing = {s.url for one in every if one.module.name in self.reasons for s in one.sources}
        for source in (source for one in every for source in one.sources):
            if source.url not in missing:
                _part(source).unlink(missing_ok=True)

    def _job(self, one: Incoming, source: published.Source) -> None:
        """Download one file; the last file of a module brings the module into the store."""
        name = one.module.name
        try:
            try:
                if name not in self.reasons:
                    self._source(one, source)
            finally:
                last = one.ended()
            if last and name not in self.reasons and not self._load_only:
                self._keep(one)
        except OSError as error:
            self._failed(one, f"{error.filename or name}: {error.strerror}")
        except UserError as error:
            self._failed(one, str(error))

    def _failed(self, one: Incoming, reason: str) -> None:
        self.reasons.setdefault(one.module.name, reason)
        self._screen.failed(one.module)
        shutil.rmtree(one.folder, ignore_errors=True)

    def _sources(self, module: pins.Module, products: Sequence[str]) -> list[published.Source]:
        return published.sources(module, products, os.uname().machine, self._mirror)

    def _source(self, one: Incoming, source: published.Source) -> None:
        """Download one file and put its products, executable, into the module's folder."""
        if one.begins():
            self._screen.start(one.module)
        part = _part(source)

        def told(have: int, total: int) -> None:
            self._screen.tell(one.module, one.loaded(source.url, have, total))

        one.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sha256 = source.sha256 or download.listed(source.checksums, source.name, self._patience)
        with self._shared.setdefault(source.url, threading.Lock()):  # two modules of one archive
            download.fetch(source.url, part, sha256, self._patience, told, self._stopped)
            if not self._load_only:
                unpacking.unpack(part, source, one.folder)

    def _keep(self, one: Incoming) -> None:
        """Move the products of a module into the store, if they are what they should be."""
        unpacking.check(one.module, one.folder, one.products)
        target = store.fetched_dir(one.module)
        target.mkdir(parents=True, exist_ok=True)
        for name in one.products:
            (one.folder / name).replace(target / name)
        shutil.rmtree(one.folder, ignore_errors=True)
        self._screen.done(one.module)


def _part(source: published.Source) -> Path:
    """Return where a file arrives."""
    return arriving() / f"{hashlib.sha256(source.url.encode()).hexdigest()[:16]}-{source.name}"


def host(url: str) -> str:
    """Return the host and port of an address."""
    return urlsplit(url).netloc.rsplit("@", 1)[-1]


def instead(reasons: dict[str, str], modules: Iterable[pins.Module]) -> str:
    """Return the line that says what is built, because it could not be fetched."""
    names = ", ".join(m.name for m in modules if m.name in reasons)
    different = list(dict.fromkeys(reasons.values()))
    why = "; ".join(different[:_SAID]) + ("; and others" if len(different) > _SAID else "")
    return (
        f"Not fetched, hence built here: {names} ({why})."
        f" A mirror is named by {published.MIRROR}: see docs/machines.md"
    )


def _daemons(tasks: Sequence[Callable[[], None]]) -> None:
    """Start a thread for each task that takes no signals and does not hold the process's end."""
    # a thread that still asks a name server must not take the signals that ./demo waits for later
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        for task in tasks:
            threading.Thread(target=task, daemon=True).start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
