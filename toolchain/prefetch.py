"""Begins with the downloads of tools while pip makes the Python environment: both are waiting.

Only the standard library is used. Whatever fails here is told by the set-up that follows, which
goes on with what has arrived.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

from foundation import packages, project, run
from toolchain import pins, published, setup, tools, venv


@contextlib.contextmanager
def meanwhile() -> Iterator[None]:
    """Download missing tools in another process until the block ends; what has come stays."""
    if not tools.missing() or venv.wheels().is_dir():  # all is there, or comes from a bundle
        yield
        return
    quiet = subprocess.DEVNULL
    command = run.tied([sys.executable, "-m", "toolchain.prefetch"])
    with subprocess.Popen(
        command, cwd=project.ROOT, stdin=quiet, stdout=quiet, stderr=quiet
    ) as process:
        try:
            yield
        finally:
            process.terminate()


def main() -> None:
    """Download what no command on PATH replaces by its name alone."""
    from toolchain import fetch

    found = {p for m in pins.modules() for p in m.products if packages.which(p)}
    with setup.exclusive():
        work = [(m, products) for m, products in setup.to_build(found) if published.of(m)]
        fetcher = fetch.Fetcher(fetch.Silent(), published.mirror(os.environ), load_only=True)
        fetcher.fetch(fetcher.reachable(work))


if __name__ == "__main__":
    main()
