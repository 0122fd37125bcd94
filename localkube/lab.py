"""The lab: one process tree that holds the bridge, the nodes and the way in from the host.

Its first process lives in PID and mount namespaces of its own but stays in the host's network
namespace, where the relays open their ports on 127.0.0.1.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from foundation import files, project
from foundation.pulumi_process import GO_SETTINGS
from localkube import LocalKubeError, cgroups, delegation, folders, kernel, network
from localkube.diagnosis import memory
from localkube.inside.node import needed
from localkube.mounts import USUAL_UMASK, cover, mount
from localkube.spec import LAB_RANGES, lab_cgroup, lab_id
from localkube.supervisord_config import (
    Program,
    configuration,
    find,
    log_line,
    python,
    supervisord,
    supervisords,
)
from toolchain import patience, tools

if TYPE_CHECKING:
    from localkube.supervisord_client import Supervisor

_OF_COMMAND = ("TMPDIR", *GO_SETTINGS)
"""Variables that go with the command that starts the lab, as does its temporary folder."""

OPEN_FILES = 1 << 20
"""What units of container runtimes commonly set."""

START_SECONDS = 20
"""How long a lab's supervisord may take to answer."""

TURN_SECONDS = 5
"""How long a lab's lock is waited for in silence: clusters of one `up` take turns at it."""


@contextlib.contextmanager
def locked(lab: Path) -> Iterator[None]:
    """Keep others from changing the lab meanwhile; a lock dies with its process."""
    lab.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

    def waiting() -> None:
        print(f"waiting for another command or cluster that changes {lab}", flush=True)

    with files.locked(lab.parent, waiting, silent=patience.scaled(TURN_SECONDS)):
        yield


def config_file(lab: Path) -> Path:
    """Return the configuration of the lab's supervisord."""
    return lab / "supervisord.conf"


def group_file(lab: Path, cluster: str) -> Path:
    """Return the configuration of a cluster's programs in the lab's supervisord."""
    return lab / "groups" / f"{cluster}.conf"


def supervisor(lab: Path) -> Supervisor | None:
    """Return the lab's supervisord, none if the lab is not running."""
    from localkube import supervisord_client  # the lab's first process does not talk to itself

    return supervisord_client.running(config_file(lab))


def ensure(lab: Path) -> Supervisor:
    """Start the lab unless it runs. Call it under `locked`."""
    for other in end_abandoned():  # first, for it sets back what `prepare` is going to note
        print(f"ended the clusters of {other}, which is gone", flush=True)
    for name in ("groups", "log"):
        (lab / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    kernel.prepare(lab)
    running = supervisor(lab)
    if running and running.is_up():
        return running
    kill(lab)
    if problem := delegation.start(lab_id(lab), f"Pods of {lab}"):
        print(f"systemd delegates no cgroup, so the lab's is at the root: {problem}", flush=True)
    egress = Program("egress", python("localkube.inside.egress"))
    forget_moved(lab)
    text = configuration(lab / "log", [egress], include="groups/*.conf")
    config_file(lab).write_text(text)
    namespaces = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    with (lab / "log" / "lab.log").open("w") as log:
        process = subprocess.Popen(
            ["unshare", *namespaces, *python("localkube.lab", str(lab))],
            cwd=project.ROOT,
            env=environment(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    until = time.monotonic() + patience.scaled(START_SECONDS)
    while time.monotonic() < until and process.poll() is None:
        running = supervisor(lab)
        if running and running.is_up():
            return running
        time.sleep(0.02)
    process.kill()
    last = (lab / "log" / "lab.log").read_text().strip().splitlines()[-1:] or ["it was too slow"]
    raise LocalKubeError(f"the lab did not start: {last[0]} (log: {lab / 'log' / 'lab.log'})")


def forget_moved(lab: Path) -> None:
    """Remove the groups of programs that a checkout had before it was moved: all in them is gone.

    An empty one holds the place of a cluster that is being made.
    """
    for group in (lab / "groups").glob("*.conf"):
        text = group.read_text()
        if text and log_line(lab / "log") not in text:
            group.unlink()


def environment(base: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of all that runs in a lab.

    A proxy of the machine's is for what is outside: nodes reach each other without it.
    """
    env = {name: value for name, value in base.items() if name not in _OF_COMMAND}
    named = (env.get("no_proxy") or env.get("NO_PROXY") or "").strip()
    inside = ",".join([*([named] if named else []), *LAB_RANGES, "127.0.0.0/8", "localhost"])
    if named == "*":  # no proxy at all, if it stands alone
        inside = named
    return {**env, "NO_PROXY": inside, "no_proxy": inside}


def kill(lab: Path, deadline: float = 10.0) -> None:
    """End everything in the lab, and wait up to `deadline` seconds for the end."""
    deadline = patience.scaled(deadline)
    until = time.monotonic() + deadline
    while (pid := find(config_file(lab))) is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        if time.monotonic() > until:
            raise LocalKubeError(
                f"process {pid} of the lab {lab} did not end within {deadline:.0f} s of being "
                "killed: wait until it is gone, then run the same command again"
            )
        time.sleep(0.02)


def destroy(lab: Path) -> None:
    """End the lab and remove all that is left of it, whatever state it is in."""
    kill(lab)
    labs = (config.parent for _, config in supervisords())
    others = (o for o in labs if o != lab and _exists(o / "groups", hidden=False))
    kernel.restore(lab, next(others, None))
    cgroup = lab_cgroup(lab)
    delegation.stop(lab_id(lab))
    cgroups.remove(cgroup)
    folders.remove(lab)


def abandoned() -> list[Path]:
    """Return the folders of labs that run and whose folder is gone.

    That is what stays when somebody removes or moves a checkout while its clusters run. The cgroup
    tells a lab's first process from any other supervisord. A lab that another mount namespace can
    still see is left alone.
    """
    return [
        config.parent
        for pid, config in supervisords()
        if config == config_file(config.parent)
        and not _exists(Path(f"/proc/{pid}/root{config}"), hidden=True)
        and not _exists(config, hidden=True)
        and cgroups.exists(lab_cgroup(config.parent))
    ]


def _exists(path: Path, *, hidden: bool) -> bool:
    """Check whether a path is there; `hidden` is the answer where only another user may look."""
    try:
        path.stat()
    except PermissionError:
        return hidden
    except OSError:
        return False
    return True


def end_abandoned() -> list[Path]:
    """End labs whose folder is gone, with all that is left of them; return these folders."""
    if not abandoned():
        return []
    with _gone():
        found = abandoned()
        for lab in found:
            destroy(lab)
    return found


def destroy_gone(lab: Path) -> None:
    """End a lab whose folder is gone, as `destroy` does."""
    with _gone():
        destroy(lab)


@contextlib.contextmanager
def _gone() -> Iterator[None]:
    """Keep others of this user from ending labs that have no folder to lock."""
    folder = tools.cache_dir()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with files.locked(folder):
        yield


def raise_open_files() -> None:
    """Let what runs here open as many files as the services of a common machine may.

    Shells allow 1,024, and a relayed connection takes two.
    """
    least, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if least < (wanted := min(most, OPEN_FILES)):
        # refused where fs.nr_open was lowered since: what there is will do
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def main(lab: Path) -> None:
    """Make the bridge and turn into the lab's supervisord."""
    os.umask(USUAL_UMASK)
    raise_open_files()
    memory.note(lab)
    cover(["/run"], [lab, *needed()])
    network.create_bridge()
    mount("--make-rprivate", "/")
    command = supervisord(config_file(lab))
    os.execv(command[0], command)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
