"""A user namespace as an ordinary user's is, made by root without an account for it.

Its root is the machine's root as far as files go, and has none of its rights.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from foundation import project
from localkube import cgroups
from localkube.rootless import keeper
from localkube.supervisord_config import python
from tests.support.checkout import Checkout
from tests.support.waiting import eventually

NAME = "demo-rootless"
"""The cgroup that such a user has been given."""

_CLONE_NEWUSER = 0x10000000
_MAP = f"0 0 1\n1 100000 {(1 << 16) - 1}\n"


class Entered(Checkout):
    """A copy whose commands run in the namespaces of a keeper."""

    keeper: int

    def start(self, *command: str, log: Path, **environment: str) -> subprocess.Popen[bytes]:
        """Starts a command in there. Raises ForeignBackend."""
        inside = keeper.entering(self.keeper, self.folder, command)
        return super().start(*inside, log=log, **environment)


@contextlib.contextmanager
def entered(copy: Checkout) -> Iterator[Entered]:
    """The same copy, its commands run in a user namespace; then the namespace ends."""
    other = Entered(copy.folder, copy.ports)
    with subprocess.Popen(
        python("tests.support.user_namespace"),
        cwd=project.ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin and process.stdout
        process.stdout.readline()  # it has left
        for which in ("uid_map", "gid_map"):
            Path(f"/proc/{process.pid}/{which}").write_text(_MAP)
        process.stdin.close()
        eventually(lambda: keeper.of_user(0) == process.pid, "the keeper is ready")
        other.keeper = process.pid
        try:
            yield other
        finally:
            process.kill()
    for _, folder in own().items():
        for name in (keeper.CGROUP, keeper.COMMANDS, "."):
            (folder / NAME / name).resolve().rmdir()


def own() -> Mapping[Path, Path]:
    """Hierarchy -> this process' cgroup in it."""
    return keeper.own_cgroups()


def main() -> None:
    """Become the keeper of a user namespace, once the parent has mapped its ids."""
    for hierarchy, folder in own().items():
        here = cgroups.child(hierarchy, folder, NAME)
        (here / "cgroup.procs").write_text("0")
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "unshare failed")
    print(flush=True)
    sys.stdin.read()
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    command = ["unshare", "--mount", "--propagation", "slave", *python(keeper.MODULE)]
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
