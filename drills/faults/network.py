"""Packets that vanish: rules in the network namespaces of an embedded cluster's nodes.

Nothing appears on the host. The lab's bridge itself is spared, which is the operator's way in:
the API server of a region that is cut off can still be asked, as by a line of its own.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from drills.faults.model import Place
from localkube.node import config_file
from localkube.spec import Node, node_range, pod_range
from localkube.supervision import find
from toolchain import packages
from toolchain.errors import UserError

PREFIX = "DRILL-"
"""What the names of the drills' chains begin with."""

_HOOKS = (("PREROUTING", "-i"), ("POSTROUTING", "-o"))


def rules(name: str, others: Sequence[str], share: float = 1.0) -> str:
    """Text for iptables-restore: packets from and to `others` (CIDRs) vanish, or a share does."""
    chain = PREFIX + name
    some = "" if share >= 1 else f" -m statistic --mode random --probability {share}"
    drops = [f"-A {chain} {side} {cidr}{some} -j DROP" for cidr in others for side in ("-s", "-d")]
    jumps = [f"-I {hook} {side} eth0 -j {chain}" for hook, side in _HOOKS]
    return "\n".join(["*mangle", f":{chain} - [0:0]", *drops, *jumps, "COMMIT", ""])


def ranges(place: Place, clusters: Sequence[str]) -> list[str]:
    """The addresses of these clusters' nodes and pods, as CIDRs; not those of the struck one."""
    indexes = [place.site.spec(name).index for name in clusters if name != place.cluster]
    return [cidr for index in indexes for cidr in (node_range(index), pod_range(index))]


def drop(place: Place, name: str, clusters: Sequence[str], share: float = 1.0) -> None:
    """Lets packets between the struck cluster and others vanish, on all its nodes."""
    mend(place, name)
    text = rules(name, ranges(place, clusters), share)
    for node in place.spec.members:
        _inside(node, "iptables-restore", "--wait", "--noflush", text=text)
        if not has(node, name):
            raise UserError(f"{node.name}: the rules of {name} are not there")


def mend(place: Place, name: str) -> None:
    """Takes the rules away; a node that is down has none."""
    chain = PREFIX + name
    for node in place.spec.members:
        if not has(node, name):
            continue
        for hook, side in _HOOKS:
            rule = (hook, side, "eth0", "-j", chain)
            while _inside(node, "iptables", "-w", "-t", "mangle", "-C", *rule, check=False):
                _inside(node, "iptables", "-w", "-t", "mangle", "-D", *rule)
        for action in ("-F", "-X"):
            _inside(node, "iptables", "-w", "-t", "mangle", action, chain)


def is_there(place: Place, name: str) -> bool:
    """Whether any node of the cluster has the rules."""
    return any(has(node, name) for node in place.spec.members)


def has(node: Node, name: str) -> bool:
    """Whether the node runs and has the rules."""
    if find(config_file(node)) is None:
        return False
    return _inside(node, "iptables", "-w", "-t", "mangle", "-L", PREFIX + name, "-n", check=False)


def _inside(node: Node, program: str, *arguments: str, text: str = "", check: bool = True) -> bool:
    """Runs a program in the node's network; gives whether it succeeded. Raises UserError."""
    pid = find(config_file(node))
    if pid is None:
        raise UserError(f"{node.name} has no power; start it: `task fix -- cluster-power`")
    path = packages.which(program) or program
    command = ["nsenter", f"--net=/proc/{pid}/ns/net", path, *arguments]
    try:
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, check=False, start_new_session=True
        )
    except OSError as error:
        raise UserError(f"{error.filename} is not there. Set the tools up: ./demo setup") from None
    if done.returncode and check:
        said = (done.stderr.strip().splitlines() or ["no message"])[0]
        raise UserError(f"{node.name}: {program} {' '.join(arguments)}: {said}")
    return done.returncode == 0
