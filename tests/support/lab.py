"""What a lab is made of, as the host's kernel sees it: processes, namespaces, sockets, memory."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections import defaultdict
from collections.abc import Iterable
from ipaddress import IPv4Address
from pathlib import Path

from localkube.machine import first_process

NAMESPACES = ("net", "mnt", "pid")
LISTENING = "0A"
"""State of a listening socket in /proc/net/tcp."""


def programs(cluster: str) -> dict[str, tuple[str, ...]]:
    """Programs of a cluster with one node, and words of the command line of each."""
    return {
        "kube-apiserver": ("kube-apiserver", f"{cluster}/pki"),
        "etcd": ("etcd", f"--name={cluster}-1"),
        "kubelet": ("/kubelet", "--node-ip=", f"--hostname-override={cluster}-1"),
        "relay": ("localkube.inside.relay", cluster),
        "kube-controller-manager": ("kube-controller-manager", f"{cluster}/kubeconfigs"),
        "kube-scheduler": ("kube-scheduler", f"{cluster}/kubeconfigs"),
        "kube-proxy": ("kube-proxy", f"--hostname-override={cluster}-1"),
        "controllers": ("localkube.inside.controllers", cluster),
        "containerd": ("/containerd", "--config", f"{cluster}/nodes"),
    }


def processes(lab: Path) -> list[int]:
    """All processes of a lab, its pods' too: the first one and what descends from it."""
    first = first_process(lab)
    if first is None:
        return []
    children = defaultdict(list)
    for process in running():
        with contextlib.suppress(OSError):
            children[parent(process)].append(process)
    found = [first]
    for process in found:  # grows while it is read
        found.extend(children[process])
    return found


def running() -> list[int]:
    """All processes of the machine."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def parent(process: int) -> int:
    """Process id of the parent. Raises OSError when the process has ended."""
    stat = Path(f"/proc/{process}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


def command_line(process: int) -> str:
    """Command line, empty when the process has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    return ""


def namespaces(members: Iterable[int]) -> set[str]:
    """Namespaces of some processes that are not this process' own."""
    return {name for process in members for name in namespaces_of(process)} - namespaces_of("self")


def namespaces_of(process: int | str) -> set[str]:
    """Namespaces of one process; none when it has ended."""
    found = set()
    for kind in NAMESPACES:
        with contextlib.suppress(OSError):
            found.add(str(Path(f"/proc/{process}/ns/{kind}").readlink()))
    return found


def named(lab: Path, *words: str) -> list[int]:
    """The lab's processes whose command line has all these words."""
    lines = {process: command_line(process) for process in processes(lab)}
    return [process for process, line in lines.items() if all(word in line for word in words)]


def run_inside(lab: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Runs a command where the relays are: on the bridge that leads to all nodes and pods."""
    relay = named(lab, "localkube.inside.relay")[0]
    entered = ["nsenter", f"--net=/proc/{relay}/ns/net", *command]
    return subprocess.run(entered, capture_output=True, text=True, timeout=30, check=False)


def listening_on_host(lab: Path) -> set[tuple[str, int]]:
    """Addresses and ports on which processes of a lab listen in the host's network."""
    sockets = set()
    for process in processes(lab):
        with contextlib.suppress(OSError):
            for descriptor in Path(f"/proc/{process}/fd").iterdir():
                with contextlib.suppress(OSError):
                    sockets.add(str(descriptor.readlink()))
    found = set()
    for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == LISTENING and f"socket:[{fields[9]}]" in sockets:
            address, port = fields[1].split(":")
            octets = bytes.fromhex(address)[::-1]
            found.add((str(IPv4Address(octets)), int(port, 16)))
    for line in Path("/proc/self/net/tcp6").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == LISTENING and f"socket:[{fields[9]}]" in sockets:
            found.add((fields[1], 0))
    return found


def memory(lab: Path) -> tuple[int, int]:
    """Resident memory of all the lab's processes in bytes: RSS and PSS.

    RSS counts what processes share (programs, libraries) once for each, PSS once in all.
    """
    rss = pss = 0
    for process in processes(lab):
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{process}/smaps_rollup").read_text()
            rss += kilobytes(text, "Rss")
            pss += kilobytes(text, "Pss")
    return rss * 1024, pss * 1024


def kilobytes(text: str, key: str) -> int:
    """A figure of /proc/<pid>/smaps_rollup."""
    match = re.search(rf"^{key}:\s+(\d+) kB$", text, re.MULTILINE)
    return int(match.group(1)) if match else 0


def cut_power(lab: Path) -> None:
    """Ends the whole lab at once, as a reboot would."""
    first = first_process(lab)
    assert first is not None, f"no lab runs in {lab}"
    os.kill(first, signal.SIGKILL)
