"""What runs in a lab has the umask of services, whatever the shell of the user has."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localkube import images, lab


class Reached(Exception):
    """The first step that makes folders."""


@pytest.fixture
def strict() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.parametrize("start", [lab.main, images.unpack], ids=["lab", "images"])
def test_what_is_made_in_a_lab_is_open_to_the_users_of_containers(
    strict: None, start: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cover(*_: object) -> None:
        (tmp_path / "folder").mkdir()
        raise Reached

    monkeypatch.setattr(lab, "cover", cover)
    monkeypatch.setattr(images, "cover", cover)
    with pytest.raises(Reached):
        start(tmp_path)
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o755
