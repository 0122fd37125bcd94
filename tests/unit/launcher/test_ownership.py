"""A checkout that root and an ordinary user use both."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from foundation.errors import UserError
from launcher import ownership

USER = 12345

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="root alone gives files away")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A user's checkout in which root has brought clusters up."""
    for name in (".demo/west/lab/clusters/spec.json", ".venv/lib/module.pyc", "reports/page.html"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    (tmp_path / ".demo/outside").symlink_to("/etc/hostname")
    os.chown(tmp_path, USER, USER)
    return tmp_path


def _of(checkout: Path, user: int) -> set[str]:
    found = {path for path in checkout.rglob("*") if path.lstat().st_uid == user}
    return {str(path.relative_to(checkout)) for path in found}


@needs_root
def test_sudo_leaves_no_file_of_roots_but_those_of_clusters(checkout: Path) -> None:
    before = Path("/etc/hostname").stat().st_uid
    ownership.give_back(checkout, {"SUDO_UID": str(USER), "SUDO_GID": str(USER)})
    of_clusters = {".demo/west/lab", ".demo/west/lab/clusters", ".demo/west/lab/clusters/spec.json"}
    assert _of(checkout, 0) == of_clusters
    assert ".demo/outside" in _of(checkout, USER)
    assert Path("/etc/hostname").stat().st_uid == before


@needs_root
def test_a_folder_of_caches_that_root_has_made_in_a_users_home_is_the_users(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "home" / ".cache" / "ours"
    cache.mkdir(parents=True)
    os.chown(tmp_path / "home", USER, USER)
    monkeypatch.setattr(ownership.tools, "cache_dir", lambda: cache)
    ownership.give_back(checkout, {"SUDO_UID": str(USER), "SUDO_GID": str(USER)})
    assert {folder.stat().st_uid for folder in (cache, cache.parent)} == {USER}


@needs_root
@pytest.mark.parametrize(
    "env", [{}, {"SUDO_UID": "7", "SUDO_GID": "7"}, {"SUDO_UID": "x", "SUDO_GID": ""}]
)
def test_nothing_is_given_to_whose_the_checkout_is_not(env: dict[str, str], checkout: Path) -> None:
    ownership.give_back(checkout, env)
    assert _of(checkout, 0) == _of(checkout, os.geteuid()) != set()
    assert _of(checkout, USER) == _of(checkout, 7) == set()


@needs_root
@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"SUDO_UID": str(USER), "HOME": "/root"}, "/home/somebody"),
        ({"SUDO_UID": str(USER), "HOME": "/chosen"}, "/chosen"),
        ({"SUDO_UID": "7", "HOME": "/root"}, "/root"),
        ({"HOME": "/root"}, "/root"),
    ],
)
def test_sudo_that_keeps_no_variable_finds_the_users_own_tools(
    env: dict[str, str], expected: str, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes = {0: "/root", USER: "/home/somebody"}
    monkeypatch.setattr(ownership.pwd, "getpwuid", lambda user: SimpleNamespace(pw_dir=homes[user]))
    assert ownership.home(checkout, env) == expected


@needs_root
def test_sudo_of_a_user_without_an_account_keeps_roots_home(checkout: Path) -> None:
    root = str(Path("~root").expanduser())
    assert ownership.home(checkout, {"SUDO_UID": str(USER), "HOME": root}) == root


@needs_root
@pytest.mark.parametrize(("user", "told"), [(0, "Run this as 54321, without root"), (54321, "")])
def test_the_clusters_of_another_user_are_left_to_him(
    user: int, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = tmp_path / "west" / "lab"
    lab.mkdir(parents=True)
    monkeypatch.setattr(ownership.project, "lab_folder", lambda stack: lab)
    os.chown(lab, 54321, 54321)
    monkeypatch.setattr(ownership.os, "geteuid", lambda: user)
    if told:
        with pytest.raises(UserError, match=told):
            ownership.check("west")
    else:
        ownership.check("west")
