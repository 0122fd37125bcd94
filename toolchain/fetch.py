"""Fetches what projects publish ready-made into the store; tells what has to be built after all.

Only the standard library is used, but by `check`: downloads begin before the virtual environment
exists.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import shutil
import signal
import tarfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from foundation.errors import UserError
from toolchain import download, pins, published, store, tools

AT_ONCE = 6
Work = list[tuple[pins.Module, list[str]]]

_SAID = 3
"""So many reasons are told before "and others"."""


def arriving() -> Path:
    """Return the folder of unfinished downloads; a later run goes on with them."""
    return tools.cache_dir() / "arriving"


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
        answers: queue.SimpleQueue[tuple[str, bool]] = queue.SimpleQueue()

        def probe(name: str, url: str) -> None:
            answers.put((name, download.answers(url, self._patience)))

        end = time.monotonic() + self._patience.reach
        _daemons([lambda name=n, url=u: probe(name, url) for n, u in probes.items()])  # type: ignore[misc]
        there: set[str] = set()
        with contextlib.suppress(queue.Empty):
            for _ in probes:
                name, answered = answers.get(timeout=max(0.001, end - time.monotonic()))
                there |= {name} if answered else set()
        kept = []
        for module, products in work:
            hosts = {host(s.url) for s in self._sources(module, products)}
            if hosts and hosts <= there:
                kept.append((module, products))
                continue
            lost = ", ".join(sorted(hosts - there))
            machine = os.uname().machine
            reason = f"{lost} cannot be reached" if lost else f"not published for {machine}"
            self.reasons[module.name] = reason
        return kept

    def fetch(self, work: Work) -> None:
        """Bring the products of `work` into the store, several files at once.

        What fails is told by `reasons` and leaves nothing in the store. After Ctrl-C the unfinished
        downloads stay, and the next run goes on with them.
        """
        jobs: queue.SimpleQueue[tuple[_Module, published.Source]] = queue.SimpleQueue()
        ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        count = 0
        for module, products in work:
            one = _Module(module, products, self._sources(module, products))
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
        if not self.reasons and not self._load_only:
            shutil.rmtree(arriving(), ignore_errors=True)

    def _job(self, one: _Module, source: published.Source) -> None:
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

    def _failed(self, one: _Module, reason: str) -> None:
        self.reasons.setdefault(one.module.name, reason)
        self._screen.failed(one.module)
        shutil.rmtree(one.folder, ignore_errors=True)

    def _sources(self, module: pins.Module, products: Sequence[str]) -> list[published.Source]:
        return published.sources(module, products, os.uname().machine, self._mirror)

    def _source(self, one: _Module, source: published.Source) -> None:
        """Download one file and put its products, executable, into the module's folder."""
        if one.begins():
            self._screen.start(one.module)
        part = arriving() / f"{hashlib.sha256(source.url.encode()).hexdigest()[:16]}-{source.name}"

        def told(have: int, total: int) -> None:
            self._screen.tell(one.module, one.loaded(source.url, have, total))

        one.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sha256 = source.sha256 or download.listed(source.checksums, source.name, self._patience)
        with self._shared.setdefault(source.url, threading.Lock()):  # two modules of one archive
            download.fetch(source.url, part, sha256, self._patience, told, self._stopped)
            if not self._load_only:
                unpack(part, source, one.folder)

    def _keep(self, one: _Module) -> None:
        """Move the products of a module into the store, if they are what they should be."""
        check(one.module, one.folder, one.products)
        target = store.fetched_dir(one.module)
        target.mkdir(parents=True, exist_ok=True)
        for name in one.products:
            (one.folder / name).replace(target / name)
        shutil.rmtree(one.folder, ignore_errors=True)
        self._screen.done(one.module)


class _Module:
    """A module on its way: which of its files have come, and how much of each."""

    def __init__(
        self, module: pins.Module, products: list[str], sources: list[published.Source]
    ) -> None:
        self.module, self.products, self.sources = module, products, sources
        self.folder = arriving() / published.key(module)
        shutil.rmtree(self.folder, ignore_errors=True)  # left by a run that was killed
        self._guard = threading.Lock()
        self._begun = False
        self._left = len(sources)
        self._bytes: dict[str, tuple[int, int]] = {}

    def begins(self) -> bool:
        """Return whether this is the first file of the module."""
        with self._guard:
            first, self._begun = not self._begun, True
            return first

    def ended(self) -> bool:
        """Return whether this was the last file of the module."""
        with self._guard:
            self._left -= 1
            return self._left == 0

    def loaded(self, url: str, have: int, total: int) -> str:
        """Take how much of one file is there; return it for the whole module, for people."""
        with self._guard:
            self._bytes[url] = (have, total)
            sums = [sum(column) / 1e6 for column in zip(*self._bytes.values(), strict=True)]
        files = f" in {len(self.sources)} files" if len(self.sources) > 1 else ""
        return f"{sums[0]:.0f} of {sums[1]:.0f} MB{files}" if sums[1] else f"{sums[0]:.0f} MB"


def host(url: str) -> str:
    """Return the host and port of an address."""
    return urlsplit(url).netloc.rsplit("@", 1)[-1]


def unpack(part: Path, source: published.Source, folder: Path) -> None:
    """Copy the products of a downloaded file into `folder`, as executables. Raises Refused.

    Nothing else of an archive is written, and nothing where the archive would have it.
    """
    for product, inside in source.products:
        target = folder / product
        if not inside:
            shutil.copyfile(part, target)
        else:
            _member(part, inside, target, source.url)
        target.chmod(0o755)


def _member(archive: Path, inside: str, target: Path, url: str) -> None:
    try:
        with tarfile.open(archive) as tar:
            names = set(tar.getnames())
            found = next((n for n in (inside, f"./{inside}") if n in names), None)
            stream = tar.extractfile(found) if found else None
            if stream is None:
                raise download.Refused(f"{url} has no file {inside}")
            with stream, target.open("wb") as file:
                shutil.copyfileobj(stream, file)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise download.Refused(f"{url} is no archive: {error}") from None


def check(module: pins.Module, folder: Path, products: Iterable[str]) -> None:
    """Refuse products in `folder` that do not tell the published version, or do not run here."""
    from toolchain import ambient  # it needs a package

    place = published.of(module)
    wanted = (place.version if place else module.version).removeprefix("v")
    for name in products:
        question = published.question(module, name)
        if question is None:
            continue  # it tells no version: the checksum has to do
        answer = ambient.ask([str(folder / name), *question])
        version = ambient.version_in(answer)
        if version is None:
            raise download.Refused(f"{name} as published does not run on this machine")
        if version != wanted:
            raise download.Refused(f"{name} as published is {version}, but {wanted} is expected")
        says = next((b.says for b in module.binaries if b.name == name), "")
        if says not in answer:
            raise download.Refused(f"{name} as published comes without {says}")


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
