"""When certificates are made anew, and what is kept."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pulumi.runtime import rpc

from components.tls.pki import _AuthorityProvider, _CertificateProvider
from foundation.certificates import LEAF_DAYS, KeyPair, authority, leaf, renewal

ISSUER = authority("test")
NEW = {"names": ["a.mesh"], "issuer": ISSUER.certificate, "issuerKey": ISSUER.key}


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return _CertificateProvider().create(dict(NEW)).outs or {}


def stated(pair: KeyPair) -> dict[str, str]:
    """A pair as the state has it."""
    due = renewal(pair.certificate).isoformat()
    return {"certificate": pair.certificate, "key": pair.key, "renewAt": due}


def changes(old: dict[str, Any], new: dict[str, Any]) -> bool | None:
    return _CertificateProvider().diff("id", old, new).changes


def test_a_certificate_keeps_its_inputs_beside_what_was_made(made: dict[str, Any]) -> None:
    assert NEW.items() <= made.items()
    assert made["certificate"].startswith("-----BEGIN CERTIFICATE")
    assert made["key"].startswith("-----BEGIN PRIVATE KEY")


def test_nothing_changes_in_the_first_half_of_a_certificates_life(made: dict[str, Any]) -> None:
    assert not changes(made, NEW)


def test_other_names_and_another_issuer_are_a_change(made: dict[str, Any]) -> None:
    assert changes(made, {**NEW, "names": ["a.mesh", "b.mesh"]})
    assert changes(made, {**NEW, "issuer": rpc.UNKNOWN})
    assert changes(made, {**NEW, "issuerKey": "other"})


def test_an_old_certificate_is_made_anew_with_a_new_key(made: dict[str, Any]) -> None:
    begin = datetime.now(UTC) - timedelta(days=LEAF_DAYS * 0.7)
    old = leaf(ISSUER, "a.mesh", ["a.mesh"], begin)
    olds = {**made, **stated(old)}
    assert changes(olds, NEW)
    renewed = _CertificateProvider().update("id", olds, dict(NEW)).outs or {}
    assert renewed["certificate"] != old.certificate and renewed["key"] != old.key
    assert not changes(renewed, NEW)


def test_an_authority_is_kept_while_it_is_young_and_called_the_same() -> None:
    provider = _AuthorityProvider()
    outs = provider.create({"commonName": "west"}).outs or {}
    assert not provider.diff("id", outs, {"commonName": "west"}).changes
    assert provider.diff("id", outs, {"commonName": "east"}).changes
    aged = authority("west", datetime.now(UTC) - timedelta(days=3000))
    assert provider.diff("id", {**outs, **stated(aged)}, {"commonName": "west"}).changes


def test_a_certificate_that_does_not_say_when_it_is_due_is_made_anew(made: dict[str, Any]) -> None:
    assert changes({key: value for key, value in made.items() if key != "renewAt"}, NEW)


def test_a_comparison_does_not_load_the_cryptography_library() -> None:
    """It takes longer to load than the rest of the comparison, twice in every `pulumi up`."""
    code = (
        "import sys; from components.tls.pki import _CertificateProvider as provider;"
        "props = {'names': ['a'], 'issuer': '', 'issuerKey': '', 'renewAt': '2000-01-01T00:00Z'};"
        "assert provider().diff('id', props, props).changes;"
        "sys.exit('cryptography' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
