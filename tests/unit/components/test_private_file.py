"""Files that an update keeps as they should be."""

from __future__ import annotations

from pathlib import Path

import pytest
from pulumi.runtime import rpc

from components.private_file import _PrivateFileProvider
from foundation import project
from foundation.errors import UserError

provider = _PrivateFileProvider()


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project, "PRIVATE", tmp_path)


def props(path: Path, content: str = "secret") -> dict[str, str]:
    return {"path": str(path), "content": content}


def changes(old: dict[str, str], new: dict[str, str]) -> bool | None:
    return provider.diff("id", old, new).changes


def test_only_the_owner_can_read_the_file_and_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "west" / "kubeconfig"
    provider.create(props(path))
    assert path.read_text() == "secret"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["kubeconfig"]


def test_a_file_that_is_as_it_should_be_changes_nothing(tmp_path: Path) -> None:
    wanted = props(tmp_path / "west" / "kubeconfig")
    provider.create(wanted)
    assert not changes(wanted, wanted)


def test_a_missing_an_edited_and_an_opened_file_are_noticed_and_mended(tmp_path: Path) -> None:
    path = tmp_path / "west" / "kubeconfig"
    wanted = props(path)
    provider.create(wanted)
    for damage in (
        path.unlink,
        lambda: path.write_text("other"),
        lambda: path.chmod(0o644),
    ):
        damage()
        assert changes(wanted, wanted)
        provider.update("id", wanted, wanted)
        assert not changes(wanted, wanted)


def test_content_that_is_not_known_yet_is_a_change(tmp_path: Path) -> None:
    wanted = props(tmp_path / "west" / "kubeconfig")
    provider.create(wanted)
    assert changes(wanted, props(tmp_path / "west" / "kubeconfig", rpc.UNKNOWN))


def test_a_file_that_moves_leaves_nothing_where_it_was(tmp_path: Path) -> None:
    old, new = props(tmp_path / "old" / "a"), props(tmp_path / "new" / "a")
    provider.create(old)
    assert changes(old, new)
    provider.update("id", old, new)
    assert not (tmp_path / "old").exists()
    assert (tmp_path / "new" / "a").read_text() == "secret"


def test_deleting_may_be_done_twice_and_keeps_what_is_not_ours(tmp_path: Path) -> None:
    path = tmp_path / "west" / "kubeconfig"
    provider.create(props(path))
    (path.parent / "lab").mkdir()
    provider.delete("id", props(path))
    provider.delete("id", props(path))
    assert [entry.name for entry in path.parent.iterdir()] == ["lab"]


def test_a_copied_checkout_leaves_the_originals_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, own = props(tmp_path / "original" / "a"), props(tmp_path / "copy" / "a")
    provider.create(original)
    monkeypatch.setattr(project, "PRIVATE", tmp_path / "copy")
    provider.delete("id", original)
    provider.update("id", original, own)
    assert (tmp_path / "original" / "a").exists() and (tmp_path / "copy" / "a").exists()


def test_a_path_that_cannot_be_written_is_one_line_for_people(tmp_path: Path) -> None:
    (tmp_path / "west").write_text("a file where the folder should be")
    with pytest.raises(UserError, match=r"kubeconfig cannot be written: .*; free the path"):
        provider.create(props(tmp_path / "west" / "kubeconfig"))
