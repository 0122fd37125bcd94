"""Kubeconfigs of the user's: which files are read, and the contexts in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.backends import contexts
from foundation import project
from foundation.contract import USER_KUBECONFIG
from foundation.errors import UserError


def test_the_kubeconfig_is_the_one_that_kubectl_would_read(tmp_path: Path) -> None:
    home, root = tmp_path / "home", tmp_path / "project"
    assert contexts.files("", root, {}, home) == (home / ".kube" / "config",)
    own = {"KUBECONFIG": "/a:/b"}
    assert contexts.files("", root, own, home) == (Path("/a"), Path("/b"))
    stacks = {"KUBECONFIG": str(project.kubeconfig("west"))}
    assert contexts.files("", root, stacks, home) == (home / ".kube" / "config",)
    kept = {**stacks, USER_KUBECONFIG: "/mine"}
    assert contexts.files("", root, kept, home) == (Path("/mine"),)
    assert contexts.files("~/k:here", root, kept, home) == (home / "k", root / "here")


def test_a_kubeconfig_that_is_not_there_or_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no kubeconfig .*none; name yours: "):
        contexts.Kubeconfig((tmp_path / "none",)).contexts()
    with pytest.raises(UserError, match="is not a file that you may read"):
        contexts.Kubeconfig((tmp_path,)).contexts()


def test_a_context_that_is_missing_is_named_with_those_that_are_there() -> None:
    text = str(contexts.missing("east", ["eest", "other"], "east-cluster", "clusters[0].context"))
    assert "no context 'east' (did you mean eest?); there are: eest, other;" in text
    assert text.endswith("name one of them in clusters[0].context")


def test_a_context_means_the_same_wherever_it_lies(tmp_path: Path) -> None:
    def settled(**user: Any) -> dict[str, Any]:
        given = {
            "contexts": [{"name": "a", "context": {"cluster": "a", "namespace": "mine"}}],
            "users": [{"name": "a", "user": user}],
        }
        made = contexts.settled(given, tmp_path)
        assert made["contexts"][0]["context"] == {"cluster": "a"}, "default is meant everywhere"
        return dict(made["users"][0]["user"])

    assert settled(tokenFile="token") == {"tokenFile": str(tmp_path / "token")}
    assert settled(tokenFile="/run/token") == {"tokenFile": "/run/token"}
    plugin = {"command": "bin/plugin", "args": ["get"]}
    assert settled(exec=plugin)["exec"] == {"command": f"{tmp_path}/bin/plugin", "args": ["get"]}
    assert settled(exec={"command": "aws"})["exec"] == {"command": "aws"}
    assert settled(exec=None) == {"exec": None}


def test_the_file_of_a_user_is_the_first_that_has_it(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
        (folder / "config").write_text("users: [{name: both, user: {}}]\n")
    (two / "config").write_text("users: [{name: both, user: {}}, {name: second, user: {}}]\n")
    found = contexts.Kubeconfig((tmp_path / "none", one / "config", two / "config"))
    assert (found._folder("both"), found._folder("second")) == (one, two)
