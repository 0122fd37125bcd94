"""A process that outlives a killed drill and mends what it has broken.

Ctrl-C, a signal and a closed terminal are for the drill itself to handle. Against SIGKILL and
crashes stands this one: it waits for the drill's word that all is over, and mends when the drill is
gone without it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

from drills import action
from drills.book import Book
from drills.faults import Fault, named
from drills.site import Site
from toolchain import environment
from toolchain.errors import UserError

_OVER = "over"


@contextlib.contextmanager
def standing(site: Site, fault: Fault, cluster: str) -> Iterator[None]:
    """Has a fault mended even if this process is killed inside the block."""
    command = [sys.executable, "-m", "drills.guard", site.stack, fault.name, cluster]
    with subprocess.Popen(
        [*command, "elsewhere"] if site.elsewhere else command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=environment.PROJECT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdin
        try:
            yield
        finally:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(_OVER)
                process.stdin.close()


def main(stack: str, fault: str, cluster: str, *elsewhere: str) -> int:
    """Waits for the end of standard input; mends unless it brought the word."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if sys.stdin.read() == _OVER:
        return 0
    if "TMPDIR" in os.environ and not os.path.isdir(os.environ["TMPDIR"]):  # noqa: PTH112
        del os.environ["TMPDIR"]  # it was the killed command's
    site = Site.selected(stack, bool(elsewhere))
    known = [(entry.fault, entry.cluster) for entry in Book(site.folder).entries()]
    if (fault, cluster) not in known:
        return 0
    try:
        action.mend(site, named(fault), cluster, action.announcer(site))
    except UserError:
        return 1  # it stays written down, for `status` and `heal-all`
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
