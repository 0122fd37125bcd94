"""The lab's bridge and each node's link to it, by ip(8).

The bridge lives in a network namespace of its own, so that no interface, address or route appears
on the host. It routes between the pods of all nodes: a node needs no more than a default route.
"""

from __future__ import annotations

import os
import subprocess
from ipaddress import IPv4Address
from pathlib import Path

from foundation import packages
from localkube import kernel
from localkube.namespaces import BRIDGE, inside
from localkube.spec import BRIDGE_ADDRESS, EGRESS_PORT, Node

POD_BRIDGE = "cni0"
"""Name of a node's bridge for its pods (see programs.cni_config)."""

WAY_OUT = f"to {BRIDGE_ADDRESS} ipproto tcp dport {EGRESS_PORT}"
"""Packets to the proxy of localkube.inside.egress, as ip-rule(8) selects them."""


def create_bridge() -> None:
    """Make the bridge's namespace and the bridge; called once, by the lab's first process."""
    BRIDGE.parent.mkdir()
    BRIDGE.touch()
    # `ip netns add` goes back to the namespace it came from, which an ordinary user may not
    subprocess.run(["unshare", f"--net={BRIDGE}", "true"], check=True)
    inside(BRIDGE, _make_bridge)


def _make_bridge() -> None:
    ip(
        "link set lo up",
        f"link add br0 address {mac(BRIDGE_ADDRESS)} type bridge forward_delay 0",
        f"address add {BRIDGE_ADDRESS}/24 dev br0",
        "link set br0 up",
    )
    forward_packets()


def attach(node: Node) -> None:
    """Give the calling process' network namespace the node's address, link and routes.

    What the node forwards, which is its pods' or came through one of its Services, gets no route to
    the way out: kube-proxy may have given such packets the node's address. The rule is asked after
    the destination was translated. Answers to the relay, at the same address, have other ports.

    A node that starts again finds the bridge's end of its former link still there when the kernel
    has not yet removed the old namespace; that end is deleted first.
    """
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    inside(BRIDGE, lambda: _plug_in(node, f"/proc/{os.getpid()}/fd/{own}"))
    os.close(own)
    ip(
        "link set lo up",
        f"address add {node.address}/24 dev eth0",
        "link set eth0 up",
        f"route add default via {BRIDGE_ADDRESS}",
        *(f"rule add iif {link} {WAY_OUT} prohibit" for link in ("eth0", POD_BRIDGE)),
    )
    forward_packets()


def _plug_in(node: Node, there: str) -> None:
    """Link the node's network namespace, by its file, to the bridge."""
    name = port_name(node)
    if Path("/proc/sys/net/ipv4/conf", name).exists():
        ip(f"link delete {name}")
    ip(
        f"link add {name} type veth peer name eth0 address {mac(node.address)} netns {there}",
        f"link set {name} master br0 up",
        f"route replace {node.pod_range} via {node.address}",
    )


def cut(process: int) -> None:
    """Take the link from the node that a process belongs to; one that has ended is passed over."""
    where = f"--net=/proc/{process}/ns/net"
    nsenter, ip = (packages.which(name) or name for name in ("nsenter", "ip"))
    command = [nsenter, where, ip, "link", "set", "eth0", "down"]
    subprocess.run(command, capture_output=True, check=False)


def is_cut(process: int) -> bool:
    """Check whether the node that a process belongs to has lost its link, and so its routes."""
    try:
        return "eth0" not in Path(f"/proc/{process}/net/route").read_text()
    except OSError:  # it has ended
        return False


def ip(*commands: str) -> None:
    """Run commands of ip(8) in the caller's network namespace.

    Raises `subprocess.CalledProcessError`, its message on standard error. A netlink library for
    Python takes longer to import than all of these commands take to run.
    """
    subprocess.run(["ip", "-batch", "-"], input="\n".join(commands), text=True, check=True)


def port_name(node: Node) -> str:
    """Name of the bridge's end of a node's link (an interface name has 15 characters at most)."""
    return f"n{node.cluster.index}-{node.ordinal}"


def mac(address: str) -> str:
    """Return the link address of what has this IPv4 address: the same whenever it starts.

    With another one, the others would send to nobody until they ask anew: 8 s later, or up to 45 s
    where they had not sent anything meanwhile (measured; neighbour entries of arp(7) become stale).
    """
    return ":".join(f"{byte:02x}" for byte in b"\x02\x00" + IPv4Address(address).packed)


def forward_packets() -> None:
    """Have the calling process' network namespace route and filter between its links."""
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    kernel.filter_bridges()
