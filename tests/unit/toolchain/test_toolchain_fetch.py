"""What publishers have ready-made: fetched whole and checked, resumed, refused, or built."""

from __future__ import annotations

import dataclasses
import os
import re
import socket
import ssl
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from email.message import Message
from io import BytesIO
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.errors import UserError
from foundation.project import ROOT
from launcher import environment
from tests.support.publisher import Publisher, archive, program, serving, sha256
from toolchain import (
    download,
    estimate,
    fetch,
    incoming,
    pins,
    prefetch,
    published,
    setup,
    store,
    tools,
)
from toolchain.progress import Screen

LONE = pins.Module(
    "lone",
    "example.org/lone",
    "v1.2.3",
    (
        pins.Binary("first", ".", ask=("--version",), fits="==1.2.3"),
        pins.Binary("second", ".", ask=("--version",), fits="==1.2.3"),
    ),
)
PACKED = pins.Module(
    "packed",
    "example.org/packed",
    "v2.0.0",
    (pins.Binary("packed", ".", ask=("version",), fits=">=2", says="with everything"),),
)
OWN = pins.Module("own", "example.org/own", "v1.0.0", (pins.Binary("own", "."),))

BASE = "https://publisher.test"
PLACES = {
    "lone": published.Published(
        url=f"{BASE}/{{version}}/linux/{{arch}}/{{name}}",
        checksums=f"{BASE}/{{version}}/linux/{{arch}}/{{name}}.sha256",
        version="v1.2.3",
    ),
    "packed": published.Published(
        url=f"{BASE}/packed/{{version}}/packed-{{bare}}-{{arch}}.tgz",
        checksums=f"{BASE}/packed/{{version}}/SHA256SUMS",
        version="v2.0.0",
        inside="packed-{bare}/bin/{name}",
    ),
}
TGZ = "packed-2.0.0-amd64.tgz"
PATIENT = download.Patience(reach=60.0, stall=60.0, pause=0.0)
"""For whatever answers in the end, however busy the machine is."""


@pytest.fixture(autouse=True)
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of its own, two published modules and one that is not; no proxy."""
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for module in (LONE, PACKED, OWN):
        folder = tmp_path / "modules" / module.name
        folder.mkdir(parents=True)
        (folder / "go.mod").write_text(f"module {module.name}\n\ngo 1.24.0\n")
    monkeypatch.setattr(pins, "MODULES", tmp_path / "modules")
    monkeypatch.setattr(pins, "modules", lambda: (LONE, PACKED, OWN))
    monkeypatch.setattr(download, "Patience", lambda: PATIENT)
    monkeypatch.setattr(published, "_tables", lambda: PLACES)
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "", "", "", "x86_64")))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    pins.checkout_key.cache_clear()
    tools.manifest.cache_clear()
    yield tmp_path
    pins.checkout_key.cache_clear()
    tools.manifest.cache_clear()


FIRST, SECOND = program("first v1.2.3"), program("second 1.2.3 of today") + b"#" * 100_000
PACK = archive({"packed-2.0.0/README": b"x", "packed-2.0.0/bin/packed": program(
    "packed version 2.0.0\nwith everything"
)})  # fmt: skip


def files() -> dict[str, bytes]:
    """What a good mirror of both publishers has."""
    lone, packed = "/publisher.test/v1.2.3/linux/amd64", "/publisher.test/packed/v2.0.0"
    sums = f"{sha256(b'other')}  other.tgz\n{sha256(PACK)}  packed-2.0.0-amd64.tgz\n"
    return {
        f"{lone}/first": FIRST,
        f"{lone}/first.sha256": sha256(FIRST).encode(),
        f"{lone}/second": SECOND,
        f"{lone}/second.sha256": f"{sha256(SECOND)} *release/second\n".encode(),
        f"{packed}/packed-2.0.0-amd64.tgz": PACK,
        f"{packed}/SHA256SUMS": sums.encode(),
    }


WORK: fetch.Work = [(LONE, ["first", "second"]), (PACKED, ["packed"])]


def fetched(publisher: Publisher, patience: download.Patience = PATIENT) -> dict[str, str]:
    """Fetch both modules from a mirror; return the reasons of what was not fetched."""
    with Screen([module for module, _ in WORK], doing="fetching") as screen:
        fetcher = fetch.Fetcher(screen, publisher.address, patience)
        fetcher.fetch(fetcher.reachable(WORK))
    return fetcher.reasons


def in_store() -> set[str]:
    """Return the products that the store holds."""
    return {p for m, ps in WORK for p in ps if store.kept(m, p)}


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


def test_what_an_interrupted_run_has_left_is_not_loaded_again(small: Path) -> None:
    part = small / "part"
    part.write_bytes(SECOND[:5_000])
    with serving(Publisher({"/second": SECOND})) as publisher:
        load(publisher, part, sha256(SECOND))
        load(publisher, part, sha256(SECOND))  # it is whole: nobody is asked
    assert publisher.asked == [("/second", "bytes=5000-")]
    assert part.read_bytes() == SECOND


def test_a_damaged_rest_of_an_interrupted_run_is_loaded_anew(small: Path) -> None:
    part = small / "part"
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


def test_an_unfinished_download_is_its_owners_alone(small: Path) -> None:
    with serving(Publisher({"/second": SECOND})) as publisher:
        load(publisher, small / "part", sha256(SECOND))
    assert stat.S_IMODE((small / "part").stat().st_mode) == 0o600


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
    served = files()
    served["/publisher.test/packed/v2.0.0/packed-2.0.0-amd64.tgz"] = pack
    served["/publisher.test/packed/v2.0.0/SHA256SUMS"] = f"{sha256(pack)}  {TGZ}\n".encode()
    with serving(Publisher(served)) as publisher:
        assert reason in fetched(publisher)["packed"]
    assert in_store() == {"first", "second"}


@pytest.mark.parametrize(
    "pack", [b"no archive at all", archive({"packed-2.0.0/other": b"x"}), PACK[:-200]]
)
def test_an_archive_that_is_none_or_lacks_the_program_is_refused(pack: bytes) -> None:
    served = files()
    served["/publisher.test/packed/v2.0.0/packed-2.0.0-amd64.tgz"] = pack
    served["/publisher.test/packed/v2.0.0/SHA256SUMS"] = f"{sha256(pack)}  {TGZ}\n".encode()
    with serving(Publisher(served)) as publisher:
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


def test_a_proxy_that_refuses_counts_as_unreachable() -> None:
    with serving(Publisher(status=407)) as publisher:
        assert download.unreachable(f"{publisher.address}/second", PATIENT).startswith("407 ")
        publisher.status = 403  # of a host that shows no lists
        assert not download.unreachable(f"{publisher.address}/second", PATIENT)


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


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the modules that a set-up builds; each is built at once, by nobody."""
    names: list[str] = []

    def build(work: fetch.Work) -> None:
        for module, products in work:
            names.append(module.name)
            for product in products:
                file = tools.store_dir(module) / product
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(program("built"))
                file.chmod(0o755)

    monkeypatch.setattr(setup, "build_modules", build)
    monkeypatch.setattr(estimate, "announce", lambda modules: None)
    return names


def test_set_up_builds_only_what_nobody_publishes(
    built: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(Publisher(files())) as publisher:
        monkeypatch.setenv(published.MIRROR, f"{publisher.address}/")
        setup.provide()
        asked = len(publisher.asked)
        setup.provide(again=True)  # all is there: nobody is asked
        assert len(publisher.asked) == asked and built == ["own"]
    origins = {name: entry["from"] for name, entry in tools.manifest().items()}
    assert origins == {"first": "fetched", "second": "fetched", "packed": "fetched", "own": "built"}
    assert tools.is_ours("first") and tools.version("packed") == "v2.0.0"
    assert "Not fetched" not in capsys.readouterr().out
    setup.provide(build=True)
    assert built == ["own", "lone", "packed"]
    assert {entry["from"] for entry in tools.manifest().values()} == {"built"}


def test_where_nobody_can_be_reached_all_is_built_and_one_line_says_so(
    built: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv(published.MIRROR, f"http://127.0.0.1:{port}")
    setup.provide()
    assert built == ["lone", "packed", "own"]
    said = [line for line in capsys.readouterr().out.splitlines() if "fetched" in line]
    assert len(said) == 1 and "lone, packed" in said[0] and f"127.0.0.1:{port} cannot" in said[0]
    assert published.MIRROR in said[0]


def test_build_asks_nobody(built: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Publisher(files())) as publisher:
        monkeypatch.setenv(published.MIRROR, publisher.address)
        setup.provide(build=True)
    assert publisher.asked == [] and built == ["lone", "packed", "own"]


@pytest.mark.parametrize("value", ["mirror.example", "ftp://mirror.example", "https://"])
def test_a_mirror_that_is_no_address_is_refused(value: str) -> None:
    with pytest.raises(UserError, match=published.MIRROR):
        published.mirror({published.MIRROR: value})


def test_a_mirrors_password_is_not_repeated() -> None:
    with pytest.raises(UserError, match=r"https://mirror\.example/a") as told:
        published.mirror({published.MIRROR: "https://me:geheim@mirror.example/a"})
    assert "geheim" not in str(told.value)


def test_a_machine_for_which_nothing_is_published_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "", "", "", "riscv64")))
    assert fetched(Publisher()) == dict.fromkeys(("lone", "packed"), "not published for riscv64")


class TestPins:
    """What `tools.toml` says of publishers."""

    @pytest.fixture(autouse=True)
    def real(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Undo the small modules."""
        monkeypatch.undo()

    def test_all_but_our_own_program_is_published(self) -> None:
        assert {m.name for m in pins.modules() if not published.of(m)} == {"traffic"}

    @pytest.mark.parametrize("machine", sorted(published.ARCHITECTURES))
    def test_addresses_are_complete_and_encrypted(self, machine: str) -> None:
        ends: set[str] = set()
        for module in pins.modules():
            for source in published.sources(module, module.products, machine):
                for url in (source.url, source.checksums):
                    assert re.fullmatch(r"https://[a-z0-9.]+/[A-Za-z0-9._/-]+", url)
                assert published.ARCHITECTURES[machine] in source.url or "-x64." in source.url
                if source.sha256:
                    ends.add(source.url)
                    assert re.fullmatch("[0-9a-f]{64}", source.sha256)
        assert ends  # some are pinned for each kind of machine

    def test_every_pinned_checksum_belongs_to_an_address(self) -> None:
        urls = [
            source.url
            for machine in published.ARCHITECTURES
            for module in pins.modules()
            for source in published.sources(module, module.products, machine)
        ]
        for module in pins.modules():
            place = published.of(module)
            for end in place.sha256 if place else ():
                assert [url for url in urls if url.endswith(f"/{end}")], end

    def test_what_is_published_is_the_version_that_is_built(self) -> None:
        told = {m.name: p.version for m in pins.modules() if (p := published.of(m))}
        ours = {m.name: m.version for m in pins.modules() if published.of(m)}
        ours["pulumi-kubernetes"] = f"v{environment.provider_release()}"
        ours["pulumi-language-python"] = ours["pulumi"]  # of the same archive
        assert told == ours
        of_archive = {m.name: published.sources(m, m.products, "x86_64") for m in pins.modules()}
        assert of_archive["pulumi"][0].url == of_archive["pulumi-language-python"][0].url

    def test_every_program_tells_its_version_but_for_three(self) -> None:
        silent = {
            b.name
            for m in pins.modules()
            for b in m.binaries
            if published.of(m) and published.question(m, b.name) is None
        }
        assert silent == {"pulumi-resource-kubernetes", "pulumi-language-python"}

    def test_where_a_tool_is_published_changes_no_build(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        module = pins.module("etcd")
        before = pins.key(module), published.key(module)
        place = published.of(module)
        assert place
        moved = published.Published(**{**vars(place), "url": "https://elsewhere.test/{name}"})
        monkeypatch.setattr(published, "_tables", lambda: {"etcd": moved})
        assert pins.key(module) == before[0] and published.key(module) != before[1]


def test_downloads_begin_before_the_environment_is_made_and_are_not_repeated(
    monkeypatch: pytest.MonkeyPatch, built: list[str]
) -> None:
    with serving(Publisher(files())) as publisher:
        monkeypatch.setenv(published.MIRROR, publisher.address)
        prefetch.main()
        assert in_store() == set() and len(list(incoming.arriving().glob("*-*"))) >= 3
        publisher.asked.clear()
        setup.provide()
    assert in_store() == {"first", "second", "packed"} and built == ["own"]
    lists = (".sha256", "SUMS")
    assert all(path.endswith(lists) for path, _ in publisher.asked), publisher.asked


def test_nothing_is_downloaded_beforehand_where_all_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tools, "missing", list)
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: pytest.fail("a process was started"))
    with prefetch.meanwhile():
        pass


def test_what_begins_beforehand_needs_the_standard_library_alone() -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r});"
        "from toolchain import fetch, prefetch; print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert not {"rich", "packaging", "yaml"} & set(done.stdout.split())
