"""Packets that vanish: rules in the network namespaces of an embedded cluster's nodes.

Nothing appears on the host. The lab's bridge itself is spared, which is the operator's way in:
the API server of a region that is cut off can still be asked, as by a line of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from drills.faults.model import Means, Strike
from foundation import commands, packages, project
from foundation.errors import UserError, first_line
from localkube import machine
from localkube.machine import API_PORT, Node, node_range, pod_range

PREFIX = "DRILL-"
"""What the names of the drills' chains begin with."""

_MANGLE = ("iptables", "-w", "-t", "mangle")


@dataclass(frozen=True)
class Drops:
    """Which packets vanish on a node."""

    matches: Sequence[str]
    """What iptables is to match, a rule each."""
    hooks: Sequence[str]
    """Where packets are looked at: a built-in chain of the table mangle and what else must fit."""


def dropped(
    name: str, drops: Callable[[Strike], Drops], wait: Callable[[Strike], object] | None = None
) -> Means:
    """Return the means that drop packets by the rules `name`; `wait` ends their mending."""

    def allow(strike: Strike) -> None:
        mend(strike, name)
        if wait:
            wait(strike)

    return Means(
        "iptables drops packets on the nodes",
        lambda strike: apply(strike, name, drops(strike)),
        allow,
        seen=lambda strike: is_there(strike, name),
        machine=True,
    )


def rules(name: str, drops: Drops) -> str:
    """Return the text for iptables-restore by which these packets vanish."""
    chain = PREFIX + name
    lines = [f"-A {chain} {match} -j DROP" for match in drops.matches]
    jumps = [f"-I {hook} -j {chain}" for hook in drops.hooks]
    return "\n".join(["*mangle", f":{chain} - [0:0]", *lines, *jumps, "COMMIT", ""])


def between(strike: Strike, clusters: Iterable[str], share: float = 1.0) -> Drops:
    """Return the drops of all packets, or a share, between the struck cluster and others."""
    indexes = [strike.stack.spec(name).index for name in clusters if name != strike.cluster]
    others = [cidr for index in indexes for cidr in (node_range(index), pod_range(index))]
    some = "" if share >= 1 else f" -m statistic --mode random --probability {share}"
    matches = [f"{side} {cidr}{some}" for cidr in others for side in ("-s", "-d")]
    return Drops(matches, ("PREROUTING -i eth0", "POSTROUTING -o eth0"))


def to_api_server(strike: Strike) -> Drops:
    """Return the drops of all packets from the cluster's own nodes and pods to its API server."""
    index = strike.spec.index
    own = (node_range(index), pod_range(index))
    return Drops([f"-s {cidr} -p tcp --dport {API_PORT}" for cidr in own], ("INPUT",))


def apply(strike: Strike, name: str, drops: Drops) -> None:
    """Drop packets on all nodes of the struck cluster. Raises UserError."""
    mend(strike, name)
    for node in strike.spec.members:
        _inside(node, "iptables-restore", "--wait", "--noflush", text=rules(name, drops))
        if not has(node, name):
            raise UserError(f"{node.name}: the rules of {name} are not there")


def mend(strike: Strike, name: str) -> None:
    """Take the rules away; a node that is down has none."""
    chain = PREFIX + name
    for node in strike.spec.members:
        if not has(node, name):
            continue
        for rule in _inside(node, *_MANGLE, "-S").splitlines():
            if rule.endswith(f"-j {chain}"):
                _inside(node, *_MANGLE, *rule.replace("-A", "-D", 1).split())
        for action in ("-F", "-X"):
            _inside(node, *_MANGLE, action, chain)


def is_there(strike: Strike, name: str) -> bool:
    """Check whether any node of the cluster has the rules."""
    return any(has(node, name) for node in strike.spec.members)


def has(node: Node, name: str) -> bool:
    """Check whether the node runs and has the rules."""
    if machine.network(node) is None:
        return False
    try:
        _inside(node, *_MANGLE, "-L", PREFIX + name, "-n")
    except commands.Failed:
        return False
    return True


def _inside(node: Node, program: str, *arguments: str, text: str = "") -> str:
    """Return what a program prints that runs in the node's network. Raises UserError."""
    namespace = machine.network(node)
    if namespace is None:
        cluster = node.cluster
        fix = project.task("fix", cluster.stack, "cluster-power", "--cluster", cluster.name)
        raise UserError(f"{node.name} has no power; start it: {fix}")
    path = packages.which(program) or program
    command = ["nsenter", f"--net={namespace}", path, *arguments]
    try:
        return commands.output(command, stdin=text, apart=True)
    except OSError as error:
        raise UserError(f"{error.filename} is not there. Set the tools up: ./demo setup") from None
    except commands.Failed as error:
        said = first_line(error.said)
        raise commands.Failed(f"{node.name}: {program} {' '.join(arguments)}: {said}") from None
