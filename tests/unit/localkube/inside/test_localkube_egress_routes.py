"""By which way a request leaves the lab: the host's variables, read as curl reads them."""

from __future__ import annotations

import os
import urllib.request
from base64 import b64decode
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localkube.inside.egress_routes import Proxy, Refused, is_exempt, parse, route_for, target

HOST = "registry.example"
labels = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
names = st.lists(labels, min_size=1, max_size=4).map(".".join)


def by(value: str) -> Proxy:
    proxy = route_for(HOST, 443, {"HTTPS_PROXY": value})
    assert proxy
    return proxy


def test_a_registrys_ports_are_open() -> None:
    assert target(b"CONNECT images.example:443 HTTP/1.1\r\n\r\n") == ("images.example", 443)
    assert target(b"CONNECT [2001:db8::1]:80 HTTP/1.1\r\n\r\n") == ("2001:db8::1", 80)


@pytest.mark.parametrize(
    "head",
    [
        b"GET http://images.example/ HTTP/1.1\r\n\r\n",
        b"CONNECT images.example:22 HTTP/1.1\r\n\r\n",
        b"CONNECT images.example:65979 HTTP/1.1\r\n\r\n",
        b"CONNECT :443 HTTP/1.1\r\n\r\n",
        b"CONNECT images.example:https HTTP/1.1\r\n\r\n",
        b"CONNECT images.example\r\nProxy-Authorization: x:443 HTTP/1.1\r\n\r\n",
        b"CONNECT images.ex\xc3\xa4mple:443 HTTP/1.1\r\n\r\n",
        b"\r\n\r\n",
    ],
)
def test_every_other_request_is_refused(head: bytes) -> None:
    with pytest.raises(Refused):
        target(head)


@given(st.binary(max_size=80))
def test_what_is_served_can_be_handed_on_to_a_proxy_as_one_line(rest: bytes) -> None:
    try:
        host, port = target(b"CONNECT " + rest + b":443 HTTP/1.1\r\n\r\n")
    except Refused:
        return
    lines = Proxy("http", "proxy.example", 80).request(host, port).split(b"\r\n")
    assert len(lines) == 4 and target(b"\r\n".join(lines)) == (host, port)


def test_without_variables_the_way_is_direct() -> None:
    assert route_for(HOST, 443, {}) is None
    assert route_for(HOST, 443, {"HTTPS_PROXY": "", "all_proxy": ""}) is None


@pytest.mark.parametrize(
    ("value", "scheme", "host", "port"),
    [
        ("http://proxy.example:8080", "http", "proxy.example", 8080),
        ("proxy.example:8080", "http", "proxy.example", 8080),
        ("proxy.example", "http", "proxy.example", 80),
        ("http://proxy.example/", "http", "proxy.example", 80),
        ("https://proxy.example", "https", "proxy.example", 443),
        ("HTTPS://proxy.example:3129", "https", "proxy.example", 3129),
        ("http://[2001:db8::1]:3128", "http", "2001:db8::1", 3128),
    ],
)
def test_a_proxy_is_read_from_its_url(value: str, scheme: str, host: str, port: int) -> None:
    proxy = by(value)
    assert (proxy.scheme, proxy.host, proxy.port) == (scheme, host, port)
    assert proxy.authorization == ""


@given(st.text(max_size=12), st.text(max_size=12))
def test_user_and_password_reach_the_proxy_whatever_is_in_them(user: str, password: str) -> None:
    proxy = by(f"http://{quote(user, safe='')}:{quote(password, safe='')}@proxy.example:8080")
    kind, _, pair = proxy.authorization.partition(" ")
    assert (kind, b64decode(pair).decode()) == ("Basic", f"{user}:{password}")
    line = f"Proxy-Authorization: {proxy.authorization}".encode()
    assert line in proxy.request(HOST, 443).split(b"\r\n")


def test_a_user_without_password() -> None:
    assert b64decode(by("http://me@proxy.example").authorization[6:]) == b"me:"


@pytest.mark.parametrize(
    "value",
    ["socks5://me:secret@proxy.example", "http://me:secret@", "http://me:secret@proxy.example:x"],
)
def test_a_variable_of_no_use_is_named_and_its_password_is_not(value: str) -> None:
    with pytest.raises(Refused, match="HTTPS_PROXY") as refused:
        by(value)
    assert "secret" not in str(refused.value)


def test_a_proxy_does_not_show_its_password() -> None:
    proxy = by("http://me:secret@proxy.example")
    assert proxy.authorization not in repr(proxy)


@pytest.mark.parametrize(
    ("environment", "port", "chosen"),
    [
        ({"HTTPS_PROXY": "upper", "https_proxy": "lower"}, 443, "lower"),
        ({"HTTPS_PROXY": "upper", "https_proxy": ""}, 443, "upper"),
        ({"ALL_PROXY": "all", "HTTPS_PROXY": "own"}, 443, "own"),
        ({"all_proxy": "all", "HTTP_PROXY": "other"}, 443, "all"),
        ({"ALL_PROXY": "all", "https_proxy": "other"}, 80, "all"),
        ({"HTTP_PROXY": "own", "HTTPS_PROXY": "other"}, 80, "own"),
        ({"HTTP_PROXY": "other"}, 443, None),
    ],
)
def test_the_variable_that_counts(
    environment: dict[str, str], port: int, chosen: str | None
) -> None:
    proxy = route_for(HOST, port, environment)
    assert (proxy and proxy.host) == chosen


@pytest.mark.parametrize(
    ("host", "exceptions"),
    [
        (HOST, "*"),
        (HOST, "example"),
        (HOST, "other.example, .EXAMPLE"),
        (HOST, "other.example registry.example."),
        (HOST, "registry.example:443"),
        (f"{HOST}.", HOST),
        ("REGISTRY.example", "registry.EXAMPLE"),
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7", "localhost,192.0.2.0/24"),
        ("192.0.2.7", "192.0.2.7:443"),
        ("2001:db8::7", "2001:db8::/32"),
        ("2001:db8::7", "[2001:db8::7]"),
    ],
)
def test_exempt_hosts_are_reached_directly(host: str, exceptions: str) -> None:
    environment = {"https_proxy": "proxy.example", "NO_PROXY": exceptions}
    assert route_for(host, 443, environment) is None
    assert route_for(host, 443, {**environment, "no_proxy": "other.invalid"})


@pytest.mark.parametrize(
    ("host", "exceptions"),
    [
        (HOST, ""),
        (HOST, ","),
        (HOST, "ample"),
        (HOST, "registry.example:80"),
        (HOST, "192.0.2.0/24"),
        ("192.0.2.7", "2.7"),
        ("192.0.2.7", "198.51.100.0/24"),
        ("2001:db8::7", "192.0.2.0/24"),
    ],
)
def test_all_others_are_not(host: str, exceptions: str) -> None:
    assert not is_exempt(host, 443, exceptions)


@given(names, st.lists(st.one_of(names, names.map(".{}".format), st.just("*")), max_size=4))
def test_names_are_exempt_as_pythons_own_library_has_it(host: str, entries: list[str]) -> None:
    exceptions = ", ".join(entries)
    theirs = urllib.request.proxy_bypass_environment(  # type: ignore[attr-defined]
        f"{host}:443", {"no": exceptions}
    )
    assert is_exempt(host, 443, exceptions) == bool(theirs)


@given(st.dictionaries(
    st.sampled_from(["https_proxy", "HTTPS_PROXY"]), st.sampled_from(["one", "two"])
))  # fmt: skip
def test_the_variable_is_the_one_that_pythons_own_library_takes(
    environment: dict[str, str],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "environ", environment)
        theirs = urllib.request.getproxies_environment().get("https")
    assert route_for(HOST, 443, environment) == (parse(theirs, "") if theirs else None)
