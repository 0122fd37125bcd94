"""One download: cut off and resumed, through a proxy, from a host that cannot be reached."""

from __future__ import annotations

import ssl
import stat
import threading
from email.message import Message
from io import BytesIO
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.published_modules import PATIENT, SECOND
from tests.support.publisher import Publisher, serving, sha256
from toolchain import download

pytestmark = pytest.mark.usefixtures("published_modules")


def test_what_an_interrupted_run_has_left_is_not_loaded_again(tmp_path: Path) -> None:
    part = tmp_path / "part"
    part.write_bytes(SECOND[:5_000])
    with serving(Publisher({"/second": SECOND})) as publisher:
        load(publisher, part, sha256(SECOND))
        load(publisher, part, sha256(SECOND))  # it is whole: nobody is asked
    assert publisher.asked == [("/second", "bytes=5000-")]
    assert part.read_bytes() == SECOND


def test_a_damaged_rest_of_an_interrupted_run_is_loaded_anew(tmp_path: Path) -> None:
    part = tmp_path / "part"
    part.write_bytes(b"x" * 200_000)
    with serving(Publisher({"/second": SECOND})) as publisher:
        load(publisher, part, sha256(SECOND))
    assert part.read_bytes() == SECOND


def load(publisher: Publisher, part: Path, digest: str) -> None:
    """Fetch the file /second."""
    url, stopped = f"{publisher.address}/second", threading.Event()
    download.fetch(url, part, digest, PATIENT, lambda have, total: None, stopped)


@settings(max_examples=25, deadline=None)
@given(
    content=st.binary(min_size=1, max_size=300),
    cuts=st.lists(st.integers(1, 100), max_size=6),
    left=st.integers(0, 400),
)
def test_however_often_it_is_cut_a_download_is_whole(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, cuts: list[int], left: int
) -> None:
    part = tmp_path_factory.mktemp("law") / "part"
    part.write_bytes(content[:left])
    with serving(Publisher({"/second": content}, cuts=cuts)) as publisher:
        load(publisher, part, sha256(content))
    assert part.read_bytes() == content and stat.S_IMODE(part.stat().st_mode) & 0o111 == 0


def test_an_unfinished_download_is_its_owners_alone(tmp_path: Path) -> None:
    with serving(Publisher({"/second": SECOND})) as publisher:
        load(publisher, tmp_path / "part", sha256(SECOND))
    assert stat.S_IMODE((tmp_path / "part").stat().st_mode) == 0o600


def test_a_proxy_that_refuses_counts_as_unreachable() -> None:
    with serving(Publisher(status=407)) as publisher:
        assert download.unreachable(f"{publisher.address}/second", PATIENT).startswith("407 ")
        publisher.status = 403  # of a host that shows no lists
        assert not download.unreachable(f"{publisher.address}/second", PATIENT)


def test_a_redirection_away_from_https_is_not_followed() -> None:
    handler = download._NotToPlain()
    request = Request("https://publisher.test/a")
    arguments = (BytesIO(), 302, "Found", Message())
    with pytest.raises(download.Refused, match="not https"):
        handler.redirect_request(request, *arguments, "http://publisher.test/a")
    assert handler.redirect_request(request, *arguments, "https://other.test/a")


def test_a_host_that_leads_to_plain_http_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise download.Refused("not https")

    monkeypatch.setattr(download, "_open", refuse)
    assert download.unreachable("https://publisher.test/a", PATIENT) == "not https"


def test_an_authority_that_is_not_known_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise URLError(ssl.SSLCertVerificationError(1, "certificate verify failed"))

    monkeypatch.setattr(download, "_open", refuse)
    assert "SSL_CERT_FILE" in download.unreachable("https://publisher.test/a", PATIENT)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z0-9._-]{1,20}", fullmatch=True), st.binary(max_size=4), min_size=2
    ),
    st.sampled_from(["  ", " *", "  release/", "\t./"]),
)
def test_a_checksum_is_found_by_its_files_name(entries: dict[str, bytes], mark: str) -> None:
    text = "-----BEGIN PGP SIGNED MESSAGE-----\n" + "".join(
        f"{sha256(content)}{mark}{name}\n" for name, content in entries.items()
    )
    for name, content in entries.items():
        assert download.checksum_in(text, name) == sha256(content)
    assert download.checksum_in(text, "absent~") == ""
