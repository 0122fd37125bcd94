"""Brings the tools of this checkout into being: from PATH, the store, publishers, or by a build."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from foundation import files, packages
from foundation.errors import UserError
from toolchain import pins, store, tools

if TYPE_CHECKING:
    from toolchain.ambient import Found


def ensure() -> None:
    """Provide all that the demo's commands need; that costs milliseconds where it is there."""
    if os.geteuid() == 0:  # a cache of tools may have come to a machine that lacks the packages
        packages.install(packages.missing_to_run())
    if tools.missing():
        provide()


def provide(again: bool = False, build: bool = False, alone: bool = False) -> None:
    """Resolve the tools: fetch what is missing, and build what cannot be fetched.

    `again` looks at PATH anew though nothing is missing; `build` fetches nothing, and builds what
    was fetched before; `alone` takes nothing from PATH.
    """
    # here and not above, for a warm start needs none of them
    from toolchain import ambient, estimate

    with exclusive():
        tools.manifest.cache_clear()
        if not (again or build or alone) and not tools.missing():
            return  # whoever had the lock before has built them
        for need in [*packages.missing_to_run(), *_to_compile()]:
            print(f"Note: {need.what} is missing; {need.reason} (package {need.package}).")
        own = [tools.cache_dir(), Path(os.environ.get("VIRTUAL_ENV", "/nonexistent"))]
        path = "" if alone else os.environ.get("PATH", os.defpath)
        found = ambient.choose(pins.modules(), ambient.folders(path, own), own)
        lacking = to_build(set(found), build)
        work = lacking if build else _fetch(lacking)
        if work:
            estimate.announce([module for module, _ in work])
            build_modules(work)
        _link(found)
        tools.manifest.cache_clear()
        estimate.free_build_cache()
        if lacking:
            estimate.account()


def _to_compile() -> list[packages.Need]:
    """Return what is missing to compile C programs; root has it installed."""
    needs = packages.missing_to_compile(seccomp=False)
    if needs and os.geteuid() == 0:
        packages.install(needs)
        return []
    return needs


def to_build(found: set[str], anew: bool = False) -> list[tuple[pins.Module, list[str]]]:
    """Return what each module still has to yield when the tools `found` come from PATH.

    `anew`: what was not built here has to be.
    """
    work = []
    origins = (store.BUILT,) if anew else ()
    for module in pins.modules():
        if module.replaced_by in found:
            continue
        products = [
            p for p in module.products if p not in found and not store.kept(module, p, origins)
        ]
        if products:
            work.append((module, products))
    return work


def _fetch(work: list[tuple[pins.Module, list[str]]]) -> list[tuple[pins.Module, list[str]]]:
    """Fetch what is published; return what is left to be built."""
    from toolchain import fetch, progress, published

    mirror = published.mirror(os.environ)
    wanted = [(module, products) for module, products in work if published.of(module)]
    if not wanted:
        return work
    began = time.monotonic()
    with progress.Screen([module for module, _ in wanted], doing="fetching") as screen:
        fetcher = fetch.Fetcher(screen, mirror)
        fetcher.fetch(fetcher.reachable(wanted))
    if fetcher.reasons:
        print(fetch.instead(fetcher.reasons, [module for module, _ in wanted]), flush=True)
    if len(fetcher.reasons) < len(wanted):
        print(f"Tools fetched in {progress.clock(time.monotonic() - began)}.", flush=True)
    kept = {module.name for module, _ in wanted} - fetcher.reasons.keys()
    return [(module, products) for module, products in work if module.name not in kept]


def build_modules(work: list[tuple[pins.Module, list[str]]]) -> None:
    """Build products of modules into the store. Raises UserError.

    For who holds the lock of `exclusive`.
    """
    from toolchain import build, golang, progress

    if any(module.cgo for module, _ in work):
        packages.install(packages.missing_to_compile())
    go = golang.find()
    shutil.rmtree(build.workshops(), ignore_errors=True)  # left by a build that was killed
    began = time.monotonic()
    for module, _ in work:
        (tools.store_dir(module) / store.MARK).unlink(missing_ok=True)
    with progress.Screen([module for module, _ in work]) as screen:
        build.Builder(go, screen).build(work)
    shutil.rmtree(build.workshops(), ignore_errors=True)
    print(f"Tools built in {progress.clock(time.monotonic() - began)} (go {go.version}).")


def _link(found: Mapping[str, Found]) -> None:
    """Fill bin_dir(): each link is replaced in one step, and the manifest is written last."""
    folder = tools.bin_dir()
    folder.mkdir(parents=True, exist_ok=True)
    manifest: dict[str, dict[str, str]] = {}
    for module in pins.modules():
        if module.replaced_by in found:
            continue
        for name in module.products:
            hit = found.get(name)
            kept = None if hit else store.kept(module, name)
            if hit:
                source, version, origin = hit.path, hit.version, str(hit.path)
            elif kept:
                source, version, origin = kept.path, kept.version, kept.origin
            else:
                raise UserError(f"{name} is gone from the cache. Bring it back: ./demo setup")
            path = folder / name if module.on_path else source
            manifest[name] = {"path": str(path), "version": version, "from": origin}
            if path is not source:
                # Hard for what was built: Pulumi looks for its language host beside its own
                # executable, as the kernel names it, and that is to be this folder.
                files.link(path, source, hard=hit is None)
    for entry in folder.iterdir():
        if entry.name not in manifest and entry != tools.manifest_path():
            entry.unlink()
    files.replace(tools.manifest_path(), json.dumps(manifest, indent=1) + "\n", mode=0o644)


@contextlib.contextmanager
def exclusive() -> Iterator[None]:
    """Let one process of this user at a time in; the others say for whom they wait."""
    folder = tools.cache_dir()
    path = folder / "tools.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = path.open("a+")
    except OSError as error:
        # another user's, or the disk is full; not Path.exists, which fails in a home of another's
        if os.access(folder, os.F_OK) and error.errno != errno.EROFS:
            raise
        raise UserError(
            f"{folder}, where the tools go, cannot be written: {error.strerror}.\n"
            "Name another folder: export XDG_CACHE_HOME=/a/local/folder"
        ) from None
    with lock as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            print(
                f"Another run of ./demo (process {file.read().strip() or '?'}) is setting up"
                " or packing the tools; waiting for it.",
                flush=True,
            )
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            raise UserError(
                f"{path} cannot be locked: {error.strerror}.\n"
                "Name a local folder: export XDG_CACHE_HOME=/a/local/folder"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
