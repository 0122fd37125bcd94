"""The first process of a node: sets the machine up, then becomes its supervisord.

Runs as process 1 of new PID, mount, network, UTS and IPC namespaces. When it ends, the kernel ends
all that runs on the node, as if the power had gone.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from foundation import project
from localkube import cgroups, network, programs
from localkube.diagnosis import memory
from localkube.inside import volumes
from localkube.mounts import cover, mount
from localkube.spec import ClusterSpec, Node
from localkube.supervisord_config import Program, python, supervisord
from toolchain import tools

KEPT = {
    "etcd": "/var/lib/etcd",
    "containerd": "/var/lib/containerd",
    "kubelet": "/var/lib/kubelet",
    "pods": "/var/log/pods",
    "volumes": volumes.FOLDER,
}
"""Folders of the node's state -> where each is on any Kubernetes node. All else there is private
and gone when the node stops, as nothing may be left on the host."""


def program(node: Node) -> Program:
    """Return the node as a program of the lab's supervisord."""
    # those that a pod may share with its node, by hostNetwork (of which the host name is a part),
    # hostIPC and hostPID: an ordinary user's may not enter the machine's own
    namespaces = ["--mount", "--pid", "--net", "--uts", "--ipc", "--mount-proc"]
    start = python("localkube.inside.node", str(node.cluster.folder), str(node.ordinal))
    return Program(node.name, ["unshare", *namespaces, "--fork", "--kill-child", *start], kill=True)


def config_file(node: Node) -> Path:
    """Return the configuration of the node's supervisord."""
    return node.folder / "supervisord.conf"


def needed() -> list[Path]:
    """Return what a lab and its nodes use of the host, wherever it lies."""
    resolver = Path("/etc/resolv.conf").resolve().parent
    return [project.ROOT, tools.cache_dir(), Path(sys.prefix), Path(sys.base_prefix), resolver]


def main(folder: Path, ordinal: int) -> None:
    """Set up cgroup, network and mount, then run supervisord in this process' place."""
    node = ClusterSpec.load(folder).members[ordinal - 1]
    # left by a power cut: a kubelet asks for each container in it that is no more, 3 s for each,
    # before it starts the first pod (measured)
    cgroups.clear(node.cgroup)
    cgroups.create(node.cgroup)
    programs.set_cgroup(node)
    socket.sethostname(node.name)
    memory.note(node.folder)
    network.attach(node)
    cover(["/run", "/var/lib", "/var/log"], [Path(node.cluster.lab), *needed()])
    for name, target in KEPT.items():
        (node.folder / name).mkdir(mode=0o700, exist_ok=True)  # an older version's has not all
        Path(target).mkdir(parents=True, exist_ok=True)
        mount("--bind", str(node.folder / name), target)
    mount("--make-rshared", "/")  # the kubelet hands mounts on to pods
    command = supervisord(config_file(node))
    os.execv(command[0], command)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
