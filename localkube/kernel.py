"""What the clusters need of the machine's kernel, and what they change in it."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from foundation import commands, files, packages
from localkube import LocalKubeError, rootless

SYSCTL = Path("/proc/sys")

INOTIFY_LIMIT = "fs/inotify/max_user_instances"

INOTIFY_INSTANCES = 1024
"""A cluster takes 20 of them (measured: controller-manager 7, API server 6, kubelet 6, containerd
2, an Envoy 1). The kernel's default of 128 a user ends two stacks at once: the kubelet that comes
last fails. The limit is raised, never lowered, and stays until the machine restarts."""

BRIDGE_FILTER = "net/bridge/bridge-nf-call-iptables"
"""It is there once the module is. Without it a pod's answer through a Service to a pod of the same
node, CoreDNS' for one, crosses their bridge with the wrong address and is dropped."""

MODULE = "br_netfilter"

LOAD = f"echo {MODULE} | sudo tee /etc/modules-load.d/{MODULE}.conf; sudo modprobe {MODULE}"
"""Shell command that loads it, now and after each boot."""

OF_KUBELET = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1000000,
    "kernel/keys/root_maxbytes": 25000000,
}
"""What each kubelet sets as it starts (setupKernelTunables in Kubernetes 1.37.2). They are the
machine's, whichever namespaces it runs in."""


_FILE = "sysctl.json"
"""Name of the note in a lab's folder: parameter -> value before."""


def check() -> None:
    """Raise `LocalKubeError` where the kernel lacks what a lab needs and cannot give itself."""
    if rootless.is_inside():  # only the machine's root may change it: see rootless.requirements
        if not (SYSCTL / BRIDGE_FILTER).exists():
            raise LocalKubeError(f"the kernel's module {MODULE} is not loaded; on the host: {LOAD}")
        return
    file = SYSCTL / INOTIFY_LIMIT
    limit = int(file.read_text())
    if limit < INOTIFY_INSTANCES and not os.access(file, os.W_OK):
        raise LocalKubeError(
            f"fs.inotify.max_user_instances is {limit}, too low for several clusters; run on the "
            f"host: sysctl -w fs.inotify.max_user_instances={INOTIFY_INSTANCES}"
        )
    if not (SYSCTL / BRIDGE_FILTER).exists():
        _load("--dry-run")


def prepare(lab: Path) -> None:
    """Give the kernel what a lab needs; note in its folder what its kubelets are going to change.

    Raises `LocalKubeError`.
    """
    if rootless.is_inside():
        return
    file = SYSCTL / INOTIFY_LIMIT
    if int(file.read_text()) < INOTIFY_INSTANCES:
        file.write_text(str(INOTIFY_INSTANCES))
    if not (SYSCTL / BRIDGE_FILTER).exists():
        _load()
    # what another lab's kubelets have set already is noted in that lab
    values = {name: _value(name) for name in OF_KUBELET}
    changes = {
        name: now for name, now in values.items() if now is not None and now != OF_KUBELET[name]
    }
    if changes:
        _note(lab, changes)


def restore(lab: Path, other: Path | None = None) -> None:
    """Set back what the lab's kubelets have changed, unless somebody has changed it since.

    While an `other` lab runs its kubelets need it so: what is to be set back is noted there.
    """
    changes = _noted(lab)
    if other and changes:
        _note(other, changes)
        return
    for name, before in changes.items():
        if _value(name) == OF_KUBELET.get(name):
            with contextlib.suppress(OSError):
                (SYSCTL / name).write_text(str(before))


def filter_bridges() -> None:
    """Have what crosses a bridge of this network namespace go through iptables."""
    (SYSCTL / BRIDGE_FILTER).write_text("1")


def _note(lab: Path, changes: Mapping[str, int]) -> None:
    """Add to what is noted; the first note of a parameter counts."""
    files.replace(lab / _FILE, json.dumps({**changes, **_noted(lab)}))


def _noted(lab: Path) -> dict[str, int]:
    try:
        return dict(json.loads((lab / _FILE).read_text()))
    except (OSError, ValueError):
        return {}


def _value(name: str) -> int | None:
    try:
        return int((SYSCTL / name).read_text())
    except (OSError, ValueError):
        return None


def _load(*options: str) -> None:
    path = packages.search_path(os.environ.get("PATH", ""))
    try:
        commands.output(["modprobe", *options, MODULE], env={**os.environ, "PATH": path})
    except (OSError, commands.Failed) as reason:
        raise LocalKubeError(
            f"the kernel's module {MODULE} is not loaded and cannot be ({reason}), and without it"
            f" pods do not reach the Services of their own node; run on the host: modprobe {MODULE}"
        ) from None
