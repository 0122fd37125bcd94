"""Which addresses the way out of a lab may lead to. Pure.

The rule lists what is allowed and not what is known to be dangerous: an address belongs to another
machine, and is one that routers carry. What only the host may ask, such as a cloud's metadata
service, is refused by name where the rule does not cover it.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

NOT_UNICAST = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",  # this host (RFC 1122): Linux connects 0.0.0.0 to loopback
            "127.0.0.0/8",
            "169.254.0.0/16",  # link-local: most clouds' metadata services
            "192.0.0.0/24",  # IETF protocol assignments (RFC 6890); Oracle Cloud's older metadata
            "192.88.99.0/24",  # relays of 6to4 (RFC 7526)
            "224.0.0.0/4",
            "240.0.0.0/4",  # reserved, and broadcast
            "2001::/23",  # IETF protocol assignments (RFC 2928), Teredo among them
            "2002::/16",  # 6to4: an IPv4 address inside, and no registry behind it
        ),
    )
)
"""Ranges without machines of others in them, or with another address inside."""

UNICAST_6 = (ip_network("2000::/3"), ip_network("fc00::/7"))
"""Where IPv6 has machines: global unicast (RFC 4291) and unique-local addresses (RFC 4193).

All else is refused: loopback, link-local, site-local, multicast, and the forms that embed IPv4.
"""

HOSTS_ONLY = tuple(
    map(
        ip_network,
        (
            "100.100.100.100/32",  # Tailscale: the host's own daemon answers
            "100.100.100.200/32",  # Alibaba Cloud
            "168.63.129.16/32",  # Azure's WireServer
            "fd00:42::/32",  # Scaleway
            "fd00:100::/32",  # Alibaba Cloud
            "fd00:a9fe::/32",  # Akamai (Linode)
            "fd00:c1::/32",  # Oracle Cloud
            "fd00:ec2::/32",  # AWS: metadata, pod identity, DNS, time
            "fd20:ce::/32",  # Google Cloud
        ),
    )
)
"""Services that only the host may ask, as the clouds document them: metadata, with credentials.

Those at link-local addresses need no entry. Private and unique-local ranges are allowed otherwise,
because a company's registry is in one.
"""

NAT64 = IPv6Network("64:ff9b::/96")
"""Well-known prefix of translators (RFC 6052): they lead to the IPv4 address in its last bits."""


def allowed(address: Address, own: Iterable[Network]) -> bool:
    """Return whether the way out may connect to this address.

    `own`: addresses and ranges that the host itself answers at, now.
    """
    own = tuple(own)
    if any(address in network for network in (*NOT_UNICAST, *HOSTS_ONLY, *own)):
        return False
    if isinstance(address, IPv4Address):
        return True
    if (inner := embedded(address)) is not None:
        return allowed(inner, own)
    return any(address in network for network in UNICAST_6)


def embedded(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that a connection to this one reaches; None if it is IPv6 proper."""
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped


def literal(host: str) -> Address | None:
    """Return the address that a host is written as; None if it is a name.

    Resolvers take more than the dotted form: ``127.1``, ``0x7f000001`` and ``2130706433`` are all
    one address (inet_aton(3)).
    """
    host = host.rstrip(".")
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def is_localhost(host: str) -> bool:
    """Return whether a name means the machine that resolves it (RFC 6761, section 6.3)."""
    return host.rstrip(".").lower().rpartition(".")[2] == "localhost"
