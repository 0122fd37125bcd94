"""Archives are unpacked alike by every Python: files as they were made, nothing outside."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from foundation import archives


def member(
    name: str, kind: bytes = tarfile.REGTYPE, *, link: str = "", mode: int = 0o644
) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.mode = kind, link, mode
    entry.uid = entry.gid = 12345
    return entry


def archive(*members: tarfile.TarInfo) -> tarfile.TarFile:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        for entry in members:
            entry.size = 1 if entry.isfile() else 0
            made.addfile(entry, io.BytesIO(b"x"))
    return tarfile.open(fileobj=io.BytesIO(buffer.getvalue()))


@pytest.fixture(params=["filters", "no filters"])
def folder(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """An empty folder under a strict umask, with this Python's filter and without one."""
    if request.param == "no filters":
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    made = tmp_path / "destination"
    made.mkdir()
    before = os.umask(0o077)
    yield made
    os.umask(before)


def test_modes_are_two_and_the_owner_is_who_unpacks(folder: Path) -> None:
    given = {"a": 0o4777, "b": 0o600, "d/c": 0o700, "d/e": 0o0, "d/f": 0o666}
    with archive(*(member(name, mode=mode) for name, mode in given.items())) as tar:
        archives.unpack(tar, folder)
    modes = {name: (folder / name).stat().st_mode & 0o7777 for name in given}
    assert modes == {"a": 0o755, "b": 0o644, "d/c": 0o755, "d/e": 0o644, "d/f": 0o644}
    assert {(folder / name).stat().st_uid for name in given} == {folder.stat().st_uid}


def test_links_inside_and_folders_are_made_where_wanted(folder: Path) -> None:
    with archive(
        member("d", tarfile.DIRTYPE, mode=0o500),
        member("d/file"),
        member("d/near", tarfile.SYMTYPE, link="file"),
        member("d/up", tarfile.SYMTYPE, link="../d/file"),
        member("top", tarfile.SYMTYPE, link="."),
    ) as tar:
        archives.unpack(tar, folder, links=True)
    assert (folder / "d/near").read_text() == (folder / "d/up").read_text() == "x"
    assert (folder / "d").stat().st_mode & 0o7777 == 0o755


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([member("../out")], "outside the destination"),
        ([member("d/../../out")], "outside the destination"),
        ([member("/tmp/out")], "outside the destination"),
        ([member("l", tarfile.SYMTYPE, link="/etc")], "a link that leads outside"),
        ([member("l", tarfile.SYMTYPE, link="..")], "a link that leads outside"),
        ([member("d/l", tarfile.SYMTYPE, link="../..")], "a link that leads outside"),
        # each stays inside as a text; through the first, the second would not
        (
            [
                member("d/e/short", tarfile.SYMTYPE, link="../../x"),
                member("d/e/l", tarfile.SYMTYPE, link="short/../../out"),
            ],
            "a link that leads outside",
        ),
        ([member("a", tarfile.SYMTYPE, link="."), member("a/out")], "behind a link"),
        ([member("a", tarfile.SYMTYPE, link="b"), member("a")], "behind a link"),
        ([member("a"), member("a")], "a twice"),
        ([member("a"), member("a", tarfile.DIRTYPE)], "a twice"),
        ([member("a"), member("l", tarfile.LNKTYPE, link="a")], "no file, folder or link"),
        ([member("l", tarfile.CHRTYPE)], "no file, folder or link"),
        ([member("l", tarfile.FIFOTYPE)], "no file, folder or link"),
    ],
)
def test_what_is_unsafe_is_refused(
    folder: Path, members: list[tarfile.TarInfo], reason: str
) -> None:
    with archive(*members) as tar, pytest.raises(archives.Unsafe, match=reason):
        archives.unpack(tar, folder, links=True)
    assert [path.name for path in folder.parent.iterdir()] == ["destination"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.DIRTYPE, tarfile.LNKTYPE])
def test_without_links_there_are_files_alone(folder: Path, kind: bytes) -> None:
    with (
        archive(member("a", kind, link="b")) as tar,
        pytest.raises(archives.Unsafe, match="a, which"),
    ):
        archives.unpack(tar, folder)
    assert not list(folder.iterdir())
