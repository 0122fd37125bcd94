"""Brings the tools of this checkout into being: from PATH, from the store, or by building them."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from foundation import packages
from foundation.errors import UserError
from toolchain import pins, tools

if TYPE_CHECKING:
    from toolchain.ambient import Found


def ensure() -> None:
    """Everything that the demo's commands need; costs a few milliseconds where all is there."""
    if os.geteuid() == 0:  # a cache of tools may have come to a machine that lacks the packages
        packages.install(packages.missing_to_run())
    if tools.missing():
        provide()


def provide(again: bool = False) -> None:
    """Resolves and builds the tools. `again`: looks at PATH anew though nothing is missing."""
    # here and not above, for a warm start needs none of them
    from toolchain import ambient, estimate

    with exclusive("tools"):
        tools.manifest.cache_clear()
        if not again and not tools.missing():
            return  # whoever had the lock before has built them
        for need in packages.missing_to_run():
            print(f"Note: {need.what} is missing; {need.reason} (package {need.package}).")
        own = [tools.cache_dir(), Path(os.environ.get("VIRTUAL_ENV", "/nonexistent"))]
        found = ambient.choose(
            pins.modules(), ambient.folders(os.environ.get("PATH", os.defpath), own), own
        )
        work = to_build(set(found))
        if work:
            estimate.announce([module for module, _ in work])
            _build(work)
        _link(found)
        tools.manifest.cache_clear()
        estimate.free_build_cache()
        if work:
            estimate.account()


def to_build(found: set[str]) -> list[tuple[pins.Module, list[str]]]:
    """What each module still has to yield when the tools `found` come from PATH."""
    work = []
    for module in pins.modules():
        if module.replaced_by in found:
            continue
        store = tools.store_dir(module)
        products = [p for p in module.products if p not in found and not (store / p).exists()]
        if products:
            work.append((module, products))
    return work


def provide_for_tests(name: str) -> Path:
    """Return the store's folder with the products of a module of `pins.for_tests`.

    Builds what is missing, which takes as long as `tools.toml` says, from nothing.
    """
    from toolchain import estimate

    module = pins.module(name)
    store = tools.store_dir(module)
    with exclusive("tools"):
        if missing := [p for p in module.products if not (store / p).exists()]:
            estimate.announce([module])
            _build([(module, missing)])
            estimate.free_build_cache()
    return store


def _build(work: list[tuple[pins.Module, list[str]]]) -> None:
    from toolchain import build, golang, progress

    if any(module.cgo for module, _ in work):
        packages.install(packages.missing_to_compile())
    go = golang.find()
    shutil.rmtree(build.workshops(), ignore_errors=True)  # left by a build that was killed
    began = time.monotonic()
    with progress.Screen([module for module, _ in work]) as screen:
        build.Builder(go, screen).build(work)
    shutil.rmtree(build.workshops(), ignore_errors=True)
    print(f"Tools built in {progress.clock(time.monotonic() - began)} (go {go.version}).")


def _link(found: Mapping[str, Found]) -> None:
    """Fills bin_dir(): each link is replaced in one step, and the manifest is written last."""
    folder = tools.bin_dir()
    folder.mkdir(parents=True, exist_ok=True)
    manifest: dict[str, dict[str, str]] = {}
    for module in pins.modules():
        if module.replaced_by in found:
            continue
        for name in module.products:
            hit = found.get(name)
            source = hit.path if hit else tools.store_dir(module) / name
            version = hit.version if hit else module.version
            place = folder / name if module.on_path else source
            manifest[name] = {
                "path": str(place),
                "version": version,
                "from": str(hit.path) if hit else "built",
            }
            if place is not source:
                _place(source, place, hard=hit is None)
    for entry in folder.iterdir():
        if entry.name not in manifest and entry != tools.manifest_path():
            entry.unlink()
    arriving = folder / f".manifest.{os.getpid()}"
    arriving.write_text(json.dumps(manifest, indent=1) + "\n")
    arriving.replace(tools.manifest_path())


def _place(source: Path, place: Path, hard: bool) -> None:
    """Makes `place` a link to `source`.

    Hard for what was built: Pulumi looks for its language host beside its own executable, as the
    kernel names it, and that is to be this folder.
    """
    arriving = place.with_name(f".{place.name}.{os.getpid()}")
    arriving.unlink(missing_ok=True)
    if hard:
        os.link(source, arriving)
    else:
        arriving.symlink_to(source)
    arriving.replace(place)
    # replacing a hard link by another one to the same file leaves both
    arriving.unlink(missing_ok=True)


@contextlib.contextmanager
def exclusive(name: str) -> Iterator[None]:
    """Lets one process of this user at a time in; the others say for whom they wait."""
    folder = tools.cache_dir()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{name}.lock"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            print(
                f"Another run of ./demo (process {file.read().strip() or '?'}) is setting up"
                " the tools; waiting for it.",
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
