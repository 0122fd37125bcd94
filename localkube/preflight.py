"""What this machine must offer before a lab can start; asked before anything is changed."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from foundation import commands, disk, memory, packages, processes, project
from localkube import LocalKubeError, cgroups, kernel, supervisord_config
from localkube.diagnosis import Finding, clock, gone
from toolchain import tools

DISK_BYTES = 2_000_000_000
"""Free disk that three clusters may fill with logs and etcd's data; the start takes 0.3 GB."""

STATE_BYTES = 100_000_000
"""Free disk for what Pulumi writes in an update: its state, the copy of it, and logs."""

IMAGES_BYTES = 500_000_000
"""Free disk of the cache for the images of the clusters, where they are not yet made."""

TEMPORARY_BYTES = 50_000_000
"""Free disk for files that are gone after a command."""

MEMORY_BYTES = 600_000_000
"""Memory that a cluster takes at least, with the demo in it: three of one node take 2.3 GB, each
further one 0.7 GB (docs/benchmark.md)."""

FREE_SOME = "free some, or clone the project to another disk"

PROGRAMS = {**packages.TO_RUN, "mount": "mount", "gcc": "gcc libc6-dev"}
"""Programs of the system that are needed, and the Debian packages that hold them."""


_RELAY = "localkube.inside.relay"


def check(ports: Sequence[int], servers: Sequence[int], folder: Path) -> None:
    """Raise `LocalKubeError`, one line with its remedy, unless a lab in `folder` can start.

    `ports`, and `servers` for the API server of each cluster: what it will open on 127.0.0.1. Those
    that the lab itself holds are fine.
    """
    if os.geteuid() != 0:
        raise LocalKubeError(
            "the embedded clusters need root, or the namespaces that ./demo makes for a user: run"
            f" ./demo up {folder.parent.name}, which says what is missing"
        )
    check_paths(project.ROOT, tools.cache_dir())
    path = packages.search_path(os.environ.get("PATH", ""))
    if missing := [name for name in PROGRAMS if not shutil.which(name, path=path)]:
        needed = " ".join(dict.fromkeys(PROGRAMS[name] for name in missing))
        raise LocalKubeError(f"not found: {', '.join(missing)}; run: apt-get install {needed}")
    held = relayed(folder)
    if not held:  # a lab that runs has them
        check_namespaces()
    kernel.check()
    if not cgroups.hierarchies():
        raise LocalKubeError(f"no cgroups at {cgroups.ROOT}: mount them, as systemd does")
    if missing := cgroups.withheld():
        raise LocalKubeError(
            f"this container's processes are in its topmost cgroup, so nodes cannot have"
            f" {', '.join(missing)}: start the container with --privileged --cgroupns=host"
        )
    check_memory(sum(port not in held for port in servers))
    check_disk(space(folder))
    check_clock(folder)
    refuse(gone.look(folder))
    check_images()
    wanted = [port for port in (*ports, *servers) if port not in held]
    ending = check_relays(wanted, folder)
    for port in wanted:
        if port not in ending:
            check_port(port)


def check_paths(checkout: Path, cache: Path) -> None:
    """Raise `LocalKubeError` for a path that the clusters' supervisord would misread."""
    for path, remedy in (
        (checkout, "move the checkout to another folder"),
        (cache, "export XDG_CACHE_HOME=FOLDER with another one"),
    ):
        if sign := supervisord_config.misread(path):
            raise LocalKubeError(
                f"{str(path)!r} has {sign!r} in it, which supervisord takes for something else:"
                f" {remedy}"
            )


def check_relays(ports: Sequence[int], folder: Path) -> set[int]:
    """Raise `LocalKubeError` where another lab than that in `folder` holds a port.

    That may be this stack's own under its former name: `pulumi stack rename` moves the settings.
    Return the ports of labs whose folder is gone: they end when a cluster starts.
    """
    ending: set[int] = set()
    if not ports:  # a lab that runs has them all
        return ending
    for lab, taken in sorted(relays().items()):
        port = next((port for port in ports if port in taken), None)
        if port is None or lab == folder:
            continue
        from localkube.lab import abandoned  # not for a warm start

        if lab in abandoned():
            ending |= taken
            continue
        other, own, checkout = lab.parent.name, folder.parent.name, lab.parent.parent.parent
        ports_here = "./demo pulumi config set localPort PORT"
        if lab.parent.parent == folder.parent.parent:
            holder = f"stack {other} of this checkout"
            remedy = (
                f"take that down (./demo destroy {other}), choose other ports ({ports_here}), or,"
                f" if {other} was renamed to {own}: pulumi stack rename {other}"
            )
        else:
            holder = f"stack {other} of the checkout {checkout}"
            remedy = (
                f"take that down there (./demo destroy {other}), or choose others: {ports_here}"
            )
        raise LocalKubeError(f"port {port} of 127.0.0.1 is held by {holder}: {remedy}")
    return ending


def relays() -> dict[Path, set[int]]:
    """Return lab -> the ports on 127.0.0.1 at which its relays listen.

    The process table is asked, not a file: a relay may outlive the files of its cluster.
    """
    found: dict[Path, set[int]] = {}
    for pid, words in processes.command_lines():
        if _RELAY in words[:-1]:
            cluster = Path(words[words.index(_RELAY) + 1])
            found.setdefault(cluster.parent.parent, set()).update(processes.listening(pid))
    return found


def relayed(folder: Path) -> set[int]:
    """Return the ports on 127.0.0.1 at which the relays of a lab listen."""
    return relays().get(folder, set())


def check_namespaces() -> None:
    """Raise `LocalKubeError` where the kernel or a container's limits forbid namespaces."""
    command = ["unshare", "--mount", "--pid", "--net", "--fork", "--mount-proc", "true"]
    try:
        commands.output(command)
    except commands.Failed as reason:
        raise LocalKubeError(
            f"this machine does not allow new namespaces ({reason}): use a virtual machine, or a "
            "container with --privileged"
        ) from None


def space(folder: Path) -> dict[Path, float]:
    """Return folder -> bytes that a lab, and the update that makes it, need on its disk."""
    images = tools.cache_dir() / "images"
    temporary = Path(os.environ.get("TMPDIR") or "/tmp")  # noqa: S108  nothing is written there
    return {
        folder: DISK_BYTES,
        project.state_folder(): STATE_BYTES,
        images: 0 if images.exists() else IMAGES_BYTES,
        temporary: TEMPORARY_BYTES,
    }


def check_memory(clusters: int) -> None:
    """Raise `LocalKubeError` where so many clusters more would have the OOM killer strike."""
    free, needed = memory.available(), clusters * MEMORY_BYTES
    if not clusters or free.amount >= needed:
        return
    there = f"{disk.size(max(free.amount, 0))} of memory is free"
    if free.limit:
        there += f" below the limit in {free.limit.file}"
        remedy = "raise that limit, or have fewer clusters (setting `clusters`)"
    else:
        there += ", swap included"
        remedy = "end other programs, add memory or swap, or have fewer clusters (`clusters`)"
    what = "a cluster that does" if clusters == 1 else f"{clusters} clusters that do"
    raise LocalKubeError(f"{there}, and {what} not run yet take {disk.size(needed)}: {remedy}")


def check_disk(needed: Mapping[Path, float]) -> None:
    """Raise `LocalKubeError` where a file system is too full for the bytes that a folder needs."""
    for short in disk.shortages(needed):
        raise LocalKubeError(f"{short}: {FREE_SOME}")


def check_clock(folder: Path) -> None:
    """Raise `LocalKubeError` where the clusters' certificates are not valid by the clock."""
    refuse(clock.look(folder))


def refuse(found: Finding | None) -> None:
    """Raise `LocalKubeError` for a finding, unless it has passed."""
    if found and not found.is_over:
        raise LocalKubeError(f"{found.text}: {found.remedy}")


def check_images() -> None:
    """Raise `LocalKubeError` where an image that was loaded is damaged."""
    if (project.PRIVATE / "images").exists():
        from localkube import own_images  # nobody else waits for it

        own_images.kept()


def check_port(port: int) -> None:
    """Raise `LocalKubeError` where somebody listens on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise LocalKubeError(
                f"port {port} of 127.0.0.1 is in use ({error.strerror}): end what listens there "
                f"(ss -ltnp 'sport = :{port}'), or choose other ports with "
                "`./demo pulumi config set localPort PORT`"
            ) from error
