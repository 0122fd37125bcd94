"""Which addresses the way out of a lab may lead to; nothing is connected to."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localkube.inside.egress_addresses import (
    HOSTS_ONLY,
    NAT64,
    NOT_UNICAST,
    UNICAST_6,
    Address,
    Network,
    allowed,
    embedded,
    is_localhost,
    literal,
)
from localkube.spec import BRIDGE_ADDRESS, MAX_CLUSTERS, is_node_address, node_range, pod_range

MAPPED = IPv6Network("::ffff:0:0/96")
TRANSLATED = (MAPPED, NAT64)
ipv4 = st.ip_addresses(v=4).map(lambda each: IPv4Address(each))
ipv6 = st.ip_addresses(v=6).map(lambda each: IPv6Address(each))
own_ranges = st.lists(
    st.one_of(
        st.tuples(ipv4, st.integers(8, 32)), st.tuples(ipv6, st.integers(16, 128))
    ).map(lambda pair: ip_network(pair, strict=False)),
    max_size=3,
)  # fmt: skip


def within(network: Network) -> st.SearchStrategy[Address]:
    """Addresses of a network."""
    return st.integers(0, network.num_addresses - 1).map(lambda nth: network[nth])


def inside_6(prefix: IPv6Network, address: IPv4Address) -> IPv6Address:
    """The IPv6 address that has an IPv4 address in its last bits."""
    return IPv6Address(int(prefix.network_address) | int(address))


@pytest.mark.parametrize(
    "address",
    ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "10.1.2.3", "fd12:3456::1"],
)
def test_other_machines_public_and_private_are_allowed(address: str) -> None:
    assert allowed(ip_address(address), [])


@pytest.mark.parametrize("network", [*NOT_UNICAST, *HOSTS_ONLY], ids=str)
def test_what_is_listed_is_refused_from_the_first_address_to_the_last(network: Network) -> None:
    assert not allowed(network[0], []) and not allowed(network[-1], [])


@given(st.one_of(*map(within, [*NOT_UNICAST, *HOSTS_ONLY])), own_ranges)
def test_what_is_listed_is_refused_whatever_the_host_has(
    address: Address, own: list[Network]
) -> None:
    assert not allowed(address, own)


@given(st.one_of(ipv4, ipv6), own_ranges)
def test_what_the_host_has_itself_is_refused_in_every_form(
    address: Address, own: list[Network]
) -> None:
    assert not allowed(address, [*own, ip_network(address)])
    if isinstance(address, IPv4Address):
        for prefix in TRANSLATED:
            assert not allowed(inside_6(prefix, address), [*own, ip_network(address)])


@given(ipv4, own_ranges)
def test_a_translated_address_is_judged_as_the_one_that_it_leads_to(
    address: IPv4Address, own: list[Network]
) -> None:
    for prefix in TRANSLATED:
        other = inside_6(prefix, address)
        assert embedded(other) == address
        if not any(other in network for network in own):
            assert allowed(other, own) == allowed(address, own)


@pytest.mark.parametrize(
    "prefix",
    [
        "::/96",  # IPv4-compatible (RFC 4291, deprecated)
        "::ffff:0:0:0/96",  # IPv4-translated (RFC 2765)
        "64:ff9b:1::/96",  # translators of a network's own (RFC 8215)
    ],
)
@given(ipv4)
def test_other_forms_with_an_ipv4_address_inside_are_refused(
    prefix: str, address: IPv4Address
) -> None:
    assert not allowed(inside_6(IPv6Network(prefix), address), [])


@given(ipv4, st.integers(0, 2**64 - 1))
def test_tunnels_are_refused_whatever_is_inside(address: IPv4Address, rest: int) -> None:
    six_to_four = IPv6Address(0x2002 << 112 | int(address) << 80 | rest)
    teredo = IPv6Address(0x20010000 << 96 | int(address) << 64 | rest)
    assert six_to_four.sixtofour == address and teredo.teredo
    assert not allowed(six_to_four, []) and not allowed(teredo, [])


@given(ipv6, own_ranges)
def test_of_ipv6_only_unicast_is_allowed(address: IPv6Address, own: list[Network]) -> None:
    if allowed(address, own) and embedded(address) is None:
        assert any(address in network for network in UNICAST_6)
        assert not (address.is_loopback or address.is_link_local or address.is_multicast)


@given(ipv4, own_ranges)
def test_an_allowed_ipv4_address_is_no_special_one(
    address: IPv4Address, own: list[Network]
) -> None:
    if allowed(address, own):
        assert not (address.is_loopback or address.is_link_local or address.is_multicast)
        assert not (address.is_unspecified or address.is_reserved)


@given(st.one_of(ipv4, ipv6))
def test_more_addresses_of_the_host_never_open_anything(address: Address) -> None:
    assert allowed(address, []) or not allowed(address, [ip_network("192.0.2.0/24")])


@pytest.mark.parametrize("text", ["127.1", "0x7f000001", "2130706433", "0177.0.0.1", "127.0.0.1."])
def test_an_address_is_known_in_every_spelling_that_resolvers_take(text: str) -> None:
    assert literal(text) == ip_address("127.0.0.1")


@given(st.one_of(ipv4, ipv6))
def test_an_address_as_text_is_itself(address: Address) -> None:
    assert literal(str(address)) == address


@pytest.mark.parametrize(
    "text", ["registry.example", "127.0.0.1.example", "cafe", "a1", "1.2.3.4.5"]
)
def test_a_name_is_no_address(text: str) -> None:
    assert literal(text) is None


def test_names_that_mean_the_machine_itself() -> None:
    assert all(map(is_localhost, ("localhost", "LOCALHOST.", "registry.localhost")))
    assert not any(map(is_localhost, ("localhost.example", "notlocalhost", "registry.example")))


@given(st.integers(0, MAX_CLUSTERS - 1), st.data())
def test_a_node_is_told_from_a_pod_by_its_address(index: int, data: st.DataObject) -> None:
    assert is_node_address(str(data.draw(within(IPv4Network(node_range(index))))))
    assert not is_node_address(str(data.draw(within(IPv4Network(pod_range(index))))))
    assert not is_node_address(BRIDGE_ADDRESS)
