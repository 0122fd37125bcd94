"""A lab belongs to the state backend that knows its clusters."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from localkube import owner
from localkube.spec import ClusterSpec

OWN = {owner.VARIABLE: "file:///project/.demo/pulumi"}
OTHER = {owner.VARIABLE: "s3://bucket/folder?region=r"}


def test_the_backend_that_made_a_lab_may_change_it_and_no_other(tmp_path: Path) -> None:
    lab = tmp_path / "my stack" / "lab"
    owner.note(lab, OWN)
    assert owner.refusal(lab, OTHER) == ""  # there is no lab yet
    lab.mkdir()
    assert stat.S_IMODE((lab.parent / "backend").stat().st_mode) == 0o600
    assert owner.refusal(lab, OWN) == ""
    said = owner.refusal(lab, OTHER)
    assert "state is in file:///project/.demo/pulumi, not in s3://bucket/folder." in said
    assert f"PULUMI_BACKEND_URL='{OWN[owner.VARIABLE]}' ./demo destroy my stack" in said
    assert f"./demo local sweep '{lab}'" in said  # quoted, for the space


def test_a_state_that_came_along_with_a_moved_checkout_is_the_same(tmp_path: Path) -> None:
    former, now = tmp_path / "my demo" / ".demo", tmp_path / "moved" / ".demo"
    owner.note(former / "west" / "lab", {owner.VARIABLE: (former / "pulumi").as_uri()})
    (former / "west" / "lab").mkdir()
    (former / "pulumi").mkdir()
    here = {owner.VARIABLE: (now / "pulumi").as_uri()}
    spec = ClusterSpec(str(former / "west" / "lab"), "east", 0, 1, 9000, {})
    spec.folder.mkdir(parents=True)
    spec.save()
    shutil.copytree(former, now)
    said = owner.refusal(now / "west" / "lab", here)
    assert f"a copy of the checkout {former.parent}, whose clusters these are" in said
    assert said.endswith(f"./demo local sweep {now / 'west' / 'lab'}")
    assert "PULUMI_BACKEND_URL" not in said, "it would end those of the original"
    shutil.rmtree(former)
    assert owner.refusal(now / "west" / "lab", here) == ""
    assert owner.refusal(now / "west" / "lab", OTHER)


def test_a_login_without_the_variable_is_another_backend(tmp_path: Path) -> None:
    lab = tmp_path / "west" / "lab"
    lab.mkdir(parents=True)
    owner.note(lab, {})
    assert owner.refusal(lab, {}) == ""
    assert "env -u PULUMI_BACKEND_URL" in owner.refusal(lab, OWN)


def test_the_note_goes_with_the_lab_and_takes_the_empty_folder_along(tmp_path: Path) -> None:
    lab = tmp_path / "west" / "lab"
    lab.mkdir(parents=True)
    owner.note(lab, OWN)
    owner.forget(lab)
    assert (lab.parent / "backend").exists()
    lab.rmdir()
    owner.forget(lab)
    assert not lab.parent.exists()


def test_a_lab_without_a_note_is_anybodys(tmp_path: Path) -> None:
    assert owner.refusal(tmp_path, OTHER) == ""


@pytest.mark.parametrize("url", ["postgres://user:secret@host/db", "https://secret@host"])
def test_a_password_is_neither_written_nor_said(tmp_path: Path, url: str) -> None:
    lab = tmp_path / "lab"
    lab.mkdir()
    owner.note(lab, {owner.VARIABLE: url})
    assert "secret" not in (tmp_path / "backend").read_text()
    assert owner.refusal(lab, {owner.VARIABLE: url}) == ""
