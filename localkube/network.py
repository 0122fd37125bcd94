"""The lab's bridge and each node's link to it, by netlink.

The bridge lives in a network namespace of its own, so that no interface, address or route appears
on the host. It routes between the pods of all nodes: a node needs no more than a default route.
"""

from __future__ import annotations

import os
from pathlib import Path

from localkube.namespaces import BRIDGE, inside
from localkube.spec import BRIDGE_ADDRESS, Node

BRIDGE_MAC = "02:00:0a:59:00:01"
"""Without an address of its own a bridge takes the lowest of its ports': a node that starts or
stops may change it, and the others then send to nobody until they ask anew, 8 s later."""


def create_bridge() -> None:
    """Makes the bridge's namespace and the bridge; called once, by the lab's first process."""
    # Here and not above: it takes 0.2 s, and whoever only looks for a lab comes by this module.
    from pyroute2 import IPRoute, netns

    netns.create(str(BRIDGE))
    with IPRoute(netns=str(BRIDGE)) as link:
        link.link("set", ifname="lo", state="up")
        link.link("add", ifname="br0", kind="bridge", br_forward_delay=0, address=BRIDGE_MAC)
        bridge = link.link_lookup(ifname="br0")[0]
        link.addr("add", index=bridge, address=BRIDGE_ADDRESS, prefixlen=24)
        link.link("set", index=bridge, state="up")
    with inside(BRIDGE):
        set_kernel("net/ipv4/ip_forward", "1")


def attach(node: Node) -> None:
    """Gives the calling process' network namespace the node's address, link and routes.

    A node that starts again finds the bridge's end of its former link still there when the kernel
    has not yet removed the old namespace; that end is deleted first.
    """
    from pyroute2 import IPRoute

    name = port_name(node)
    descriptor = os.open("/proc/self/ns/net", os.O_RDONLY)
    with IPRoute(netns=str(BRIDGE)) as bridge:
        for index in bridge.link_lookup(ifname=name):
            bridge.link("del", index=index)
        peer = {"ifname": "eth0", "net_ns_fd": descriptor}
        bridge.link("add", ifname=name, kind="veth", peer=peer)
        master = bridge.link_lookup(ifname="br0")[0]
        bridge.link("set", index=bridge.link_lookup(ifname=name)[0], master=master, state="up")
        bridge.route("replace", dst=node.pod_range, gateway=node.address)
    with IPRoute() as link:
        link.link("set", index=link.link_lookup(ifname="lo")[0], state="up")
        uplink = link.link_lookup(ifname="eth0")[0]
        link.addr("add", index=uplink, address=node.address, prefixlen=24)
        link.link("set", index=uplink, state="up")
        link.route("add", dst="default", gateway=BRIDGE_ADDRESS)
    os.close(descriptor)
    set_kernel("net/ipv4/ip_forward", "1")


def port_name(node: Node) -> str:
    """Name of the bridge's end of a node's link (an interface name has 15 characters at most)."""
    return f"n{node.cluster.index}-{node.ordinal}"


def set_kernel(key: str, value: str) -> None:
    """Sets a kernel parameter of the calling process' network namespace."""
    Path("/proc/sys", key).write_text(value)
