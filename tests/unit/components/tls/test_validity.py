"""A certificate that people bring is looked at before clients see it."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from components.tls import validity
from foundation import certificates
from foundation.errors import UserError

AUTHORITY = certificates.authority("own")
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def secret(*names: str) -> dict[str, Any]:
    pair = certificates.leaf(AUTHORITY, names[0], names, NOW)
    text = f"subject=CN = {names[0]}\n{pair.certificate}{AUTHORITY.certificate}"
    data = {"tls.crt": b64encode(text.encode()).decode()}
    return {"metadata": {"name": "shop-certs"}, "data": data}


def test_a_certificate_in_its_time_is_taken() -> None:
    validity.check(secret("shop.example.com"), "own.yaml", NOW + timedelta(days=364))


@pytest.mark.parametrize("days", [-1, 366])
def test_a_certificate_out_of_its_time_is_refused(days: int) -> None:
    with pytest.raises(UserError, match=r"own\.yaml: the certificate of Secret shop-certs is good"):
        validity.check(secret("shop.example.com"), "own.yaml", NOW + timedelta(days=days))


def test_hosts_that_it_does_not_cover_are_named() -> None:
    hosts = ("shop.example.com", "a.b.example.com", "other.example.org")
    found = list(validity.lines(secret("*.example.com", "Shop.Example.com"), "own.yaml", hosts))
    assert [line.partition(" does not cover ")[2].partition(",")[0] for line in found] == [
        "a.b.example.com",
        "other.example.org",
    ]
    assert found[0].endswith("it covers *.example.com, shop.example.com")


def test_an_address_is_no_host() -> None:
    (line,) = validity.lines(secret("192.0.2.1"), "own.yaml", ["shop.example.com"])
    assert line.endswith("it covers no host by a subject alternative name")
