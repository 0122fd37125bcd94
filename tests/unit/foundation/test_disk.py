"""Which file systems are too small for what is to be written."""

from __future__ import annotations

from pathlib import Path

from foundation import disk
from foundation.disk import Shortage, Space, too_small

A, B, C = Path("/a"), Path("/b"), Path("/c")


def test_folders_on_one_file_system_share_its_space() -> None:
    spaces = [Space(A, 1, 100, 60), Space(B, 1, 100, 50), Space(C, 2, 100, 60)]
    assert too_small(spaces) == [Shortage(A, 100, 110)]
    assert too_small(spaces[1:]) == []


def test_a_folder_that_is_not_there_yet_counts_where_it_will_be(tmp_path: Path) -> None:
    (short,) = disk.shortages({tmp_path / "a" / "b": 1e18, tmp_path / "c": 1.0})
    assert short.folder == tmp_path
    assert str(short).startswith(f"the disk of {tmp_path} has ")
    assert str(short).endswith("1000000000.0 GB needed")
    assert disk.shortages({tmp_path: 1.0}) == []
