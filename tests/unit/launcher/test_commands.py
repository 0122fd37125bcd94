"""Commands of the launcher: the stack that is meant, what is refused, what is passed on."""

from __future__ import annotations

import json
import os
from contextlib import nullcontext
from pathlib import Path

import pytest

from foundation import packages
from foundation.errors import UserError
from launcher import commands, main, rootless, stack_commands, stacks


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope"], r"no stack 'nope': Pulumi\.nope\.yaml does not exist\. Stacks: east, west"),
        (["west", "east"], r"usage: \./demo up \[STACK\]"),
        (["--diff"], r"\./demo pulumi up"),
        (["../west"], r"no stack '\.\./west'"),
    ],
)
def test_a_stack_is_one_that_has_settings(arguments: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        commands.stack_named("up", arguments, ["east", "west"])


def test_the_stack_is_west_unless_it_is_named() -> None:
    assert commands.stack_named("up", [], ["east", "west"]) == "west"
    assert commands.stack_named("up", ["east"], ["east", "west"]) == "east"


def test_every_command_is_listed_and_runs() -> None:
    runnable = {
        *commands._ON_STACK, *commands._WITH_ARGUMENTS, *commands._ON_TOOLS, "help"
    }  # fmt: skip
    assert runnable == set(main.COMMANDS)


def test_a_missing_package_is_named_with_the_command_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    needs = [packages.Need("seccomp.h", "runc is built with it", "libseccomp-dev")]
    with pytest.raises(UserError, match="sudo apt-get install -y libseccomp-dev") as refusal:
        packages.install(needs)
    assert "seccomp.h is missing (runc is built with it)" in str(refusal.value)
    packages.install([])


def test_up_refuses_a_full_disk_before_anything_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def touched(*_: object) -> None:
        raise AssertionError("the update went on")

    monkeypatch.setattr(commands.project, "PRIVATE", tmp_path)
    monkeypatch.setattr(commands.selection, "setting", lambda *_: "local")
    monkeypatch.setattr(commands.setup, "ensure", lambda: None)
    monkeypatch.setattr(commands.environment, "prepare", touched)
    monkeypatch.setattr(stack_commands.preflight, "DISK_BYTES", 10**18)
    with pytest.raises(UserError, match=r"^the disk of \S+ has .* free, .* needed: free some"):
        commands.execute("up", [])


def test_an_update_of_other_clusters_needs_disk_for_the_state_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commands.selection, "setting", lambda *_: "existing")
    monkeypatch.setattr(stack_commands.preflight, "DISK_BYTES", 10**18)
    stack_commands.check_space("west")
    monkeypatch.setattr(stack_commands.preflight, "STATE_BYTES", 10**18)
    with pytest.raises(UserError, match="needed: free some"):
        stack_commands.check_space("west")


@pytest.mark.parametrize(
    ("codes", "runs", "code"),
    [([0, 0], 2, 0), ([1, 0], 2, 1), ([0, 1], 2, 1), ([2], 1, 2), ([143], 1, 143)],
)
def test_all_tests_are_run_unless_somebody_ends_them(
    monkeypatch: pytest.MonkeyPatch, codes: list[int], runs: int, code: int
) -> None:
    left = list(codes)
    monkeypatch.setattr(commands.run, "foreground", lambda *_, **__: left.pop(0))
    assert commands._test({}, []) == code
    assert len(codes) - len(left) == runs


def test_arguments_of_pytest_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(commands.run, "foreground", lambda line, *_, **__: bool(seen.append(line)))
    commands._test({}, ["tests/unit", "-x"])
    assert [line[3:] for line in seen] == [["tests/unit", "-x"]]


@pytest.mark.parametrize("name", ["pulumi", "tmp", "identity"])
def test_a_stack_is_not_called_as_what_is_beside_the_stacks(name: str) -> None:
    with pytest.raises(UserError, match=f"No stack can be called {name}"):
        commands.stack_named("destroy", [name], ["west", name])


@pytest.mark.parametrize(
    ("user", "backend", "refused"),
    [(1000, "local", True), (0, "local", False), (1000, "existing", False)],
)
def test_who_may_not_have_embedded_clusters_is_told_before_the_tools_are_made(
    user: int, backend: str, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rootless.os, "geteuid", lambda: user)
    monkeypatch.setattr(rootless.selection, "setting", lambda stack, key: backend)
    monkeypatch.setattr(rootless.keeper, "of_user", lambda _: None)
    monkeypatch.setattr(rootless.requirements, "to_enter", lambda: ["no newuidmap"])
    monkeypatch.setattr(rootless.requirements, "to_start", lambda: ["no ids"])
    told = r"no newuidmap\n  no ids\nOr as root: sudo -E \./demo up west"
    with pytest.raises(UserError, match=told) if refused else nullcontext():
        rootless.check("west")
    assert not rootless.is_wanted("up", "west")


@pytest.mark.parametrize("command", ["up", "pulumi", "task", "kubectl"])
def test_what_reaches_into_clusters_runs_in_the_users_namespaces(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rootless.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(rootless.selection, "setting", lambda stack, key: "local")
    monkeypatch.setattr(rootless.keeper, "of_user", lambda _: None)
    monkeypatch.setattr(rootless.requirements, "to_enter", list)
    assert rootless.is_wanted(command, "west") is (command != "kubectl")


def test_an_archive_of_an_image_is_looked_for_where_the_user_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(commands.run, "foreground", lambda line, *_, **__: bool(seen.append(line)))
    monkeypatch.chdir(tmp_path)
    commands._local({}, ["load", "--help", "shop.tar", "/shop.tar"])
    commands._local({}, ["unload", "shop"])
    assert [line[3:] for line in seen] == [
        ["load", "--help", f"{tmp_path}/shop.tar", "/shop.tar"], ["unload", "shop"],
    ]  # fmt: skip


def test_up_reads_the_address_from_the_file_of_our_own_state_and_else_asks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "west.json"
    monkeypatch.setattr(stacks.selection, "own_state", lambda env, stack: file)
    monkeypatch.setattr(stacks, "run", lambda *_: '{"url": "asked"}')
    assert stacks.outputs({}, "west") == {"url": "asked"}
    root = {"type": "pulumi:pulumi:Stack", "outputs": {"url": "read"}}
    file.write_text(json.dumps({"checkpoint": {"latest": {"resources": [root]}}}))
    assert stacks.outputs({}, "west") == {"url": "read"}
