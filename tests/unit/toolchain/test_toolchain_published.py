"""What `tools.toml` says of publishers, and the mirror that a person names."""

from __future__ import annotations

import re

import pytest

from foundation.errors import UserError
from launcher import environment
from toolchain import pins, published


@pytest.mark.parametrize("value", ["mirror.example", "ftp://mirror.example", "https://"])
def test_a_mirror_that_is_no_address_is_refused(value: str) -> None:
    with pytest.raises(UserError, match=published.MIRROR):
        published.mirror({published.MIRROR: value})


def test_a_mirrors_password_is_not_repeated() -> None:
    with pytest.raises(UserError, match=r"https://mirror\.example/a") as told:
        published.mirror({published.MIRROR: "https://me:geheim@mirror.example/a"})
    assert "geheim" not in str(told.value)


def test_all_but_our_own_program_is_published() -> None:
    assert {m.name for m in pins.modules() if not published.of(m)} == {"traffic"}


@pytest.mark.parametrize("machine", sorted(published.ARCHITECTURES))
def test_addresses_are_complete_and_encrypted(machine: str) -> None:
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


def test_every_pinned_checksum_belongs_to_an_address() -> None:
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


def test_what_is_published_is_the_version_that_is_built() -> None:
    told = {m.name: p.version for m in pins.modules() if (p := published.of(m))}
    ours = {m.name: m.version for m in pins.modules() if published.of(m)}
    ours["pulumi-kubernetes"] = f"v{environment.provider_release()}"
    ours["pulumi-language-python"] = ours["pulumi"]  # of the same archive
    assert told == ours
    of_archive = {m.name: published.sources(m, m.products, "x86_64") for m in pins.modules()}
    assert of_archive["pulumi"][0].url == of_archive["pulumi-language-python"][0].url


def test_every_program_tells_its_version_but_for_three() -> None:
    silent = {
        b.name
        for m in pins.modules()
        for b in m.binaries
        if published.of(m) and published.question(m, b.name) is None
    }
    assert silent == {"pulumi-resource-kubernetes", "pulumi-language-python"}


def test_where_a_tool_is_published_changes_no_build(monkeypatch: pytest.MonkeyPatch) -> None:
    module = pins.module("etcd")
    before = pins.key(module), published.key(module)
    place = published.of(module)
    assert place
    moved = published.Published(**{**vars(place), "url": "https://elsewhere.test/{name}"})
    monkeypatch.setattr(published, "_tables", lambda: {"etcd": moved})
    assert pins.key(module) == before[0] and published.key(module) != before[1]
