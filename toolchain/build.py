"""Builds what is missing in the store, from the pinned modules, one after another."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from foundation import commands, run
from foundation.errors import UserError
from toolchain import golang, pins, tools

_LAST_LINES = 15


class Progress(Protocol):
    """What a build tells while it goes on."""

    def start(self, module: pins.Module) -> None:
        """Tell that the build of `module` begins."""

    def line(self, module: pins.Module, text: str) -> None:
        """Go printed `text`: the name of a package that it compiles, or what it downloads."""

    def done(self, module: pins.Module) -> None:
        """Tell that the products of `module` are in the store."""


class Builder:
    """Builds modules with one Go toolchain; `stop` ends what is under way."""

    def __init__(self, go: golang.Go, progress: Progress) -> None:
        self._go = go
        self._env = golang.environment(go)
        self._progress = progress
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False
        self._guard = threading.Lock()

    def build(self, work: Sequence[tuple[pins.Module, list[str]]]) -> None:
        """Build the named products of each module, one after another; the first failure ends it.

        Go compiles as many packages at once as there are processors. Two builds side by side would
        compile what they share twice. Meanwhile the sources of later ones are fetched.
        """
        with ThreadPoolExecutor(1) as fetching:
            for module, _ in work[1:]:
                fetching.submit(self._fetch, module)
            try:
                for module, products in work:
                    self._build(module, products)
            except BaseException:
                self.stop()
                raise

    def stop(self) -> None:
        """End the builds under way; Go's build cache keeps what they have compiled."""
        with self._guard:
            self._stopped = True
            for process in self._running:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)

    def _build(self, module: pins.Module, products: list[str]) -> None:
        self._progress.start(module)
        store = tools.store_dir(module)
        with _workshop(module) as folder:
            out = folder / "out"
            out.mkdir()
            if module.embeds:
                self._take(module, module.embeds, folder)
            packages = [b.package for b in module.binaries if b.name in products]
            for thin in module.thins:
                self._thin(module, thin, folder)
            if packages:
                self._compile(module, packages, folder, out)
            if module.copies:
                self._take(module, module.copies, out)
            store.mkdir(parents=True, exist_ok=True)
            for name in products:
                (out / name).chmod(0o755)
                (out / name).replace(store / name)
        self._progress.done(module)

    def _compile(self, module: pins.Module, packages: list[str], folder: Path, out: Path) -> None:
        flags = ["-s", "-w", *(f"-X {value}" for value in module.linker_values)]
        if module.cgo:  # a machine that a bundle is taken to may lack the library
            flags.append("-extldflags=-static")
        # with a single package -o names the file, for its default name need not be the product's
        target = out / module.binaries[0].name if len(module.binaries) == 1 else f"{out}{os.sep}"
        command = [
            "build",
            "-v",
            "-mod=readonly",
            "-buildvcs=false",
            "-trimpath",
            f"-tags={','.join(module.tags)}",
            f"-ldflags={' '.join(flags)}",
            "-gcflags=all=-dwarf=false",  # the linker would throw it away: a tenth of the time
            f"-o={target}",
            *packages,
        ]
        self._run(module, command, folder)

    def _fetch(self, module: pins.Module) -> None:
        packages = [b.package for b in module.binaries]
        # whatever goes wrong here goes wrong in the build, which says so
        with (
            contextlib.suppress(UserError),
            self._go_command(
                module, ["list", "-mod=readonly", "-e", "-deps", *packages], module.folder
            ) as process,
        ):
            process.communicate()

    def _run(self, module: pins.Module, arguments: list[str], folder: Path) -> None:
        said: list[str] = []
        with self._go_command(module, arguments, folder) as process:
            for line in process.stdout or ():
                said = [*said[1 - _LAST_LINES :], line.rstrip()]
                self._progress.line(module, line.strip())
        if process.returncode != 0:
            raise UserError(
                f"{module.name} {module.version} could not be built:\n"
                + "\n".join(f"  {line}" for line in said)
                + "\nWhat is built so far is kept; go on by running the same command again"
            )

    @contextlib.contextmanager
    def _go_command(
        self, module: pins.Module, arguments: list[str], folder: Path
    ) -> Iterator[subprocess.Popen[str]]:
        """Run `go` such that `stop` ends it, as whatever is raised here does; wait for its end.

        What it compiles is in its workshop, which goes; killed, it would leave GBs in /tmp.
        """
        env = self._env | {"CGO_ENABLED": "1" if module.cgo else "0"}
        if folder != module.folder:
            temporary = folder / "tmp"  # in a folder of that name itself Go takes no go.mod
            temporary.mkdir(exist_ok=True)
            env |= {"GOTMPDIR": str(temporary), "TMPDIR": str(temporary)}
        with self._guard:
            if self._stopped:
                raise UserError("stopped")
            process = subprocess.Popen(
                run.tied([str(self._go.command), *arguments]),
                cwd=folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                process_group=0,  # so that `stop` reaches the compilers too
            )
            self._running.add(process)
        try:
            with process:
                try:
                    yield process
                except BaseException:  # Ctrl-C, which does not reach a process group of its own
                    self.stop()
                    raise
        finally:
            with self._guard:
                self._running.discard(process)

    def _take(self, module: pins.Module, files: pins.Files, target: Path) -> None:
        """Copy `files` to `target` from the module cache, where go.sum vouches for them."""
        source = self._source(pins.module(files.via) if files.via else module, files.source)
        for file in files.files:
            copy = target / Path(file).name
            shutil.copyfile(source / file, copy)

    def _thin(self, module: pins.Module, thin: pins.Thin, folder: Path) -> None:
        """Put a part of a required module beside the module's main, and has it built from that."""
        source, target = self._source(module, thin.source), folder / "thin" / thin.source
        for part in (".", *thin.folders):
            (target / part).mkdir(parents=True, exist_ok=True)
            for file in (source / part).iterdir():
                if file.name == "go.mod" or (part != "." and file.suffix == ".go"):
                    shutil.copyfile(file, target / part / file.name)
        for theirs, ours in thin.ours:
            (target / theirs).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / ours, target / theirs)
        with (folder / "go.mod").open("a") as pinned:
            pinned.write(f"\nreplace {thin.source} => ./thin/{thin.source}\n")

    def _source(self, module: pins.Module, source: str) -> Path:
        """Return where the Go module `source` is, as `module` pins it."""
        command = [str(self._go.command), "mod", "download", "-json", source]
        try:
            said = commands.output(command, folder=module.folder, env=self._env)
        except commands.Failed as error:
            raise UserError(f"{source} could not be downloaded: {error.said.strip()}") from None
        return Path(json.loads(said)["Dir"])


@contextlib.contextmanager
def _workshop(module: pins.Module) -> Iterator[Path]:
    """Yield a copy of the module's folder below the cache: nothing is written into the checkout."""
    folder = workshops() / f"{pins.key(module)}.{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(module.folder, folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def workshops() -> Path:
    """Return where builds under way have their folders; empty while nobody builds."""
    return tools.cache_dir() / "building"
