"""What publishers have ready-made: fetched whole and checked, or refused."""

from __future__ import annotations

import dataclasses
import os
import re
import socket
import stat
import threading

import pytest

from tests.support.published_modules import (
    LONE,
    PACK,
    PACKED,
    PATIENT,
    PLACES,
    SECOND,
    WORK,
    fetched,
    files,
    in_store,
)
from tests.support.publisher import Publisher, archive, program, serving, sha256
from toolchain import fetch, incoming, published, store
from toolchain.progress import Screen

pytestmark = pytest.mark.usefixtures("published_modules")


def test_files_and_archives_reach_the_store_as_executables() -> None:
    with serving(Publisher(files())) as publisher:
        assert fetched(publisher) == {}
    assert in_store() == {"first", "second", "packed"}
    kept = store.kept(LONE, "second")
    assert kept and kept.origin == "fetched" and kept.path.read_bytes() == SECOND
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o755
    assert not incoming.arriving().exists()


@pytest.mark.parametrize("resumes", [True, False])
def test_a_download_that_is_cut_off_goes_on(resumes: bool) -> None:
    publisher = Publisher(files(), cuts=[7, 100, 70_000], resumes=resumes)
    with serving(publisher):
        assert fetched(publisher) == {}
    assert in_store() == {"first", "second", "packed"}
    assert any(wanted for _, wanted in publisher.asked)


def test_a_wrong_checksum_is_refused_and_nothing_kept() -> None:
    served = files()
    served["/publisher.test/v1.2.3/linux/amd64/second.sha256"] = sha256(b"another").encode()
    with serving(Publisher(served)) as publisher:
        reasons = fetched(publisher)
    assert re.search(f"second has SHA-256 {sha256(SECOND)}, but .* is expected", reasons["lone"])
    assert in_store() == {"packed"}


def test_a_checksum_of_the_repository_counts_more_than_the_publishers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = published.Published(
        **{**vars(PLACES["packed"]), "sha256": {"packed-2.0.0-amd64.tgz": sha256(b"ours")}}
    )
    monkeypatch.setattr(published, "_tables", lambda: {"packed": place, "lone": PLACES["lone"]})
    with serving(Publisher(files())) as publisher:
        reasons = fetched(publisher)
    assert reasons.keys() == {"packed"} and sha256(b"ours") in reasons["packed"]


def test_what_is_not_there_is_told_and_the_rest_comes() -> None:
    served = files()
    del served["/publisher.test/packed/v2.0.0/packed-2.0.0-amd64.tgz"]
    with serving(Publisher(served)) as publisher:
        reasons = fetched(publisher)
    assert reasons.keys() == {"packed"} and "404" in reasons["packed"]
    assert in_store() == {"first", "second"}
    assert not [*incoming.arriving().glob("*-first"), *incoming.arriving().glob("*-second")]


def test_a_list_without_the_file_is_refused() -> None:
    served = files()
    served["/publisher.test/packed/v2.0.0/SHA256SUMS"] = b"nothing\n"
    with serving(Publisher(served)) as publisher:
        assert "no SHA-256 of packed-2.0.0-amd64.tgz" in fetched(publisher)["packed"]


def test_a_slow_server_is_waited_for_and_a_silent_one_is_not() -> None:
    with serving(Publisher(files(), piece=5_000)) as publisher:
        assert fetched(publisher) == {}
    for folder, *_ in (store.folders(LONE)[1], store.folders(PACKED)[1]):
        for file in folder.iterdir():
            file.unlink()
    hasty = dataclasses.replace(PATIENT, stall=0.3)
    with serving(Publisher(files(), silent=threading.Event())) as publisher:
        reasons = fetched(publisher, hasty)
    assert reasons.keys() == {"lone", "packed"} and in_store() == set()
    assert "timed out" in reasons["packed"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("packed version 2.0.1\nwith everything", "is 2.0.1, but 2.0.0 is expected"),
        ("packed version 2.0.0", "comes without with everything"),
        ("", "does not run on this machine"),
    ],
)
def test_a_program_of_the_wrong_version_or_kind_is_refused(text: str, reason: str) -> None:
    pack = archive({"packed-2.0.0/bin/packed": program(text)})
    with serving(Publisher(files(pack))) as publisher:
        assert reason in fetched(publisher)["packed"]
    assert in_store() == {"first", "second"}


@pytest.mark.parametrize(
    "pack", [b"no archive at all", archive({"packed-2.0.0/other": b"x"}), PACK[:-200]]
)
def test_an_archive_that_is_none_or_lacks_the_program_is_refused(pack: bytes) -> None:
    with serving(Publisher(files(pack))) as publisher:
        reasons = fetched(publisher)
    assert reasons.keys() == {"packed"} and in_store() == {"first", "second"}


def test_a_proxy_is_used_and_exceptions_from_it_are_heeded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    behind = {f"/mirror.test{path}": content for path, content in files().items()}
    with serving(Publisher(behind)) as proxy, Screen([LONE, PACKED]) as screen:
        monkeypatch.setenv("http_proxy", proxy.address)
        fetcher = fetch.Fetcher(screen, "http://mirror.test", PATIENT)
        fetcher.fetch(fetcher.reachable(WORK))
        assert fetcher.reasons == {} and in_store() == {"first", "second", "packed"}
        assert all(path.startswith("http://mirror.test/publisher.test/") for path, _ in proxy.asked)
        monkeypatch.setenv("no_proxy", "mirror.test")
        assert fetch.Fetcher(screen, "http://mirror.test", PATIENT).reachable(WORK) == []


def test_each_host_is_asked_once_and_none_that_is_away_holds_up_the_rest() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never answers
        publisher = Publisher(port=silent.getsockname()[1])
        hasty = dataclasses.replace(PATIENT, reach=0.2)
        reason = f"127.0.0.1:{publisher.port} cannot be reached: no answer in time"
        assert fetched(publisher, hasty) == dict.fromkeys(("lone", "packed"), reason)
        silent.settimeout(2)
        silent.accept()[0].close()
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.accept()


def test_a_machine_for_which_nothing_is_published_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "", "", "", "riscv64")))
    assert fetched(Publisher()) == dict.fromkeys(("lone", "packed"), "not published for riscv64")
