"""A clock that has jumped is known by the certificates and by files of the future."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from localkube import LocalKubeError, preflight
from localkube.diagnosis import clock
from localkube.diagnosis.clock import Times, judge

MADE = datetime(2026, 5, 4, 12, tzinfo=UTC)
DAY = 86400.0
VALID = Times(MADE.timestamp() - 300, MADE.timestamp() + 365 * DAY, MADE.timestamp())


def at(**since: float) -> float:
    """A time after the lab was made."""
    return (MADE + timedelta(**since)).timestamp()


@pytest.mark.parametrize("now", [at(), at(days=364), at(seconds=-59)])
def test_while_the_certificates_are_valid_nothing_is_wrong(now: float) -> None:
    assert judge(VALID, now, "west") is None


def test_a_clock_before_the_certificates_is_named_with_both_times_and_the_remedy() -> None:
    found = judge(VALID, at(days=-2), "west")
    assert found and not found.is_over
    assert found.text == (
        "the clock went back by 2 days, 0:00:00 or more: certificates of the clusters are valid"
        " from 2026-05-04 11:55:00 UTC, and now is 2026-05-02 12:00:00 UTC"
    )
    assert "set the clock" in found.remedy
    assert "./demo destroy west and ./demo up west" in found.remedy


def test_a_clock_behind_the_certificates_is_named() -> None:
    found = judge(VALID, at(days=366), "west")
    assert found and not found.is_over
    assert "were valid until 2027-05-04" in found.text


def test_files_of_the_future_are_named_and_stop_nothing() -> None:
    found = judge(VALID, at(minutes=-3), "west")
    assert found and found.is_over
    assert "went back by 0:03:00" in found.text


def certificate(file: Path, begin: datetime, end: datetime) -> None:
    """Writes a certificate that is valid from `begin`, when it was written, to `end`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, begin, end)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(made)
    os.utime(file, (begin.timestamp(),) * 2)


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A lab with certificates of two days: the newest is that of etcd."""
    pki = tmp_path / "west" / "lab" / "clusters" / "east-cluster" / "pki"
    certificate(pki / "ca.crt", MADE - timedelta(days=1), MADE + timedelta(days=300))
    certificate(pki / "etcd" / "ca.crt", MADE, MADE + timedelta(days=400))
    (pki / "damaged.crt").write_text("none")
    return tmp_path / "west" / "lab"


def test_the_newest_certificate_begins_and_the_first_one_ends_the_time(lab: Path) -> None:
    found = clock.read(lab.glob("clusters/*/pki/**/*.crt"))
    made = MADE.timestamp()
    assert found == Times(made, made + 300 * DAY, made)
    assert clock.look(lab, at(days=1)) is None
    assert clock.look(lab, at(hours=-1)) is not None


def test_without_a_lab_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert clock.look(tmp_path, 0.0) is None


def test_up_refuses_by_the_certificates_alone(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock.time, "time", lambda: at(seconds=1))
    preflight.check_clock(lab)
    monkeypatch.setattr(clock.time, "time", lambda: at(hours=-1))
    with pytest.raises(LocalKubeError, match="the clock went back by 1:00:00"):
        preflight.check_clock(lab)
