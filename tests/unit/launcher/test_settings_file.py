"""Settings as the launcher reads them: as YAML, and on the careful side where it cannot."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from foundation import contract, files, project, run, selection, stack_file
from foundation.errors import UserError
from launcher import leftovers, salt, stack_commands, stacks

PROJECT = 'name: "demo"  # quoted\nconfig:\n  backend: {type: string, default: local}\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(project, "ROOT", tmp_path)
    (tmp_path / "Pulumi.yaml").write_text(PROJECT)
    return tmp_path


WRITTEN = [
    ("config:\n  demo:backend: existing\n", "existing"),
    ("config:\n  demo:backend : existing\n", "existing"),
    ("config:\n  'demo:backend': existing\n", "existing"),
    ('config:\n  "demo:backend": "existing"  # ours\n', "existing"),
    ('config: {"demo:backend": existing, "demo:lbMode": active}\n', "existing"),
    ('{"config": {"demo:backend": "existing"}}', "existing"),
    ("config:\n  ? demo:backend\n  : existing\n", "existing"),
    ('config:\n  "demo:\\x62ackend": existing\n', "existing"),
    ("config:\n  demo:backend:\n    existing\n", "existing"),
    ("config:\n  backend: existing\n", "existing"),
    ("config:\n  demo:config:backend: existing\n", "existing"),
    ("config:\n  # demo:backend: existing\n  demo:lbMode: active\n", "local"),
    ("config:\n  other:backend: existing\n", "local"),
    ("config: {}\n", "local"),
    ("config:\n", "local"),
    ("", "local"),
    ("config:\n  demo:backend: {secure: AAAB}\n", None),
    ("config:\n  demo:backend: [\n", None),
    ("config: existing\n", None),
    ("- a list\n", None),
    ("config:\n  demo:backend: local\n--- \nconfig: {}\n", None),
]


@pytest.mark.parametrize(("text", "backend"), WRITTEN)
def test_a_setting_is_read_as_yaml(folder: Path, text: str, backend: str | None) -> None:
    (folder / "Pulumi.west.yaml").write_text(text)
    assert selection.setting("west", "backend") == backend


def test_the_default_is_the_one_that_the_project_declares(folder: Path) -> None:
    (folder / "Pulumi.west.yaml").write_text("config: {}\n")
    (folder / "Pulumi.yaml").write_text(PROJECT.replace("default: local", "default: existing"))
    assert selection.setting("west", "backend") == "existing"


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b"\x00"])
def test_what_cannot_be_read_is_no_setting(folder: Path, content: bytes | None) -> None:
    if content is not None:
        (folder / "Pulumi.west.yaml").write_bytes(content)
    assert selection.setting("west", "backend") is None


@pytest.mark.parametrize(("text", "backend"), WRITTEN)
def test_destroy_forgets_objects_of_embedded_clusters_only(
    folder: Path, monkeypatch: pytest.MonkeyPatch, text: str, backend: str | None
) -> None:
    """Objects in a cluster of others that does not answer stay in the state."""
    given: list[Mapping[str, str]] = []

    def foreground(command: list[str], env: Mapping[str, str], _: Path, **__: object) -> int:
        given.append(env)
        return 0

    (folder / "Pulumi.west.yaml").write_text(text)
    monkeypatch.setattr(run, "foreground", foreground)
    monkeypatch.setattr(stacks, "exists", lambda env, stack: True)
    monkeypatch.setattr(stacks, "holds_resources", lambda env, stack: True)
    monkeypatch.setattr(project, "stack_folder", lambda stack: folder / "private")
    monkeypatch.setattr(leftovers, "forget_torn_states", lambda *_: None)
    env = {"PATH": "/nowhere", "PULUMI_BACKEND_URL": "none://"}
    assert stack_commands.destroy(env, "west") == 0
    assert given
    for each in given:
        for name in ("PULUMI_K8S_DELETE_UNREACHABLE", "PULUMI_SKIP_CHECKPOINTS"):
            assert (name in each) == (backend == "local")


@pytest.mark.parametrize(
    ("backend", "faults"), [("existing", "[{}]"), ("existing", "[]"), ("local", "[{}]")]
)
def test_in_clusters_of_others_a_fault_is_mended_before_a_destroy(
    folder: Path, monkeypatch: pytest.MonkeyPatch, backend: str, faults: str
) -> None:
    ran: list[list[str]] = []
    private = folder / "private"
    private.mkdir()
    (private / "faults.json").write_text(faults)
    (folder / "Pulumi.west.yaml").write_text(f"config:\n  demo:backend: {backend}\n")
    monkeypatch.setattr(run, "foreground", lambda command, *_, **__: ran.append(command) or 0)
    monkeypatch.setattr(stacks, "exists", lambda env, stack: True)
    monkeypatch.setattr(stacks, "holds_resources", lambda env, stack: True)
    monkeypatch.setattr(project, "stack_folder", lambda stack: private)
    monkeypatch.setattr(leftovers, "forget_torn_states", lambda *_: None)
    env = {"PATH": "/nowhere", "PULUMI_BACKEND_URL": "none://"}
    monkeypatch.setattr(stack_commands.state, "kept", contextlib.nullcontext)
    monkeypatch.setattr(stack_commands.pulumi_use, "prepare", lambda env, _: env)
    if backend == "existing" and faults != "[]":
        with pytest.raises(UserError, match="task heal-all"):
            stack_commands.destroy(env, "west")
        with pytest.raises(UserError, match="task heal-all"):
            stack_commands.pulumi(env, ["destroy", "--yes", "--stack", "west"])
        assert not ran
    else:
        assert stack_commands.destroy(env, "west") == 0


@pytest.mark.parametrize("command", ["destroy", "pulumi destroy"])
def test_a_stack_under_a_drill_is_not_taken_down(
    folder: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """It would write down in the folder that is gone what it has still to mend."""
    ran: list[list[str]] = []
    lock = folder / "private" / contract.DRILL_LOCK
    lock.parent.mkdir()
    lock.touch()
    (folder / "Pulumi.west.yaml").write_text("config: {}\n")
    monkeypatch.setattr(run, "foreground", lambda command, *_, **__: ran.append(command) or 0)
    monkeypatch.setattr(stacks, "exists", lambda env, stack: True)
    monkeypatch.setattr(stacks, "holds_resources", lambda env, stack: True)
    monkeypatch.setattr(project, "stack_folder", lambda stack: folder / "private")
    monkeypatch.setattr(stack_commands.state, "kept", contextlib.nullcontext)
    monkeypatch.setattr(stack_commands.pulumi_use, "prepare", lambda env, _: env)
    env = {"PATH": "/nowhere", "PULUMI_BACKEND_URL": "none://"}

    def destroy() -> int:
        if command == "destroy":
            return stack_commands.destroy(env, "west")
        return stack_commands.pulumi(env, ["destroy", "--yes", "--stack", "west"])

    with files.locked(lock), pytest.raises(UserError, match="A drill of stack west runs: wait"):
        destroy()
    assert not ran
    assert destroy() == 0


@pytest.mark.parametrize("code", [0, 255])
def test_an_interrupted_destroy_ends_nothing_more(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int
) -> None:
    """Pulumi may end with 0 after Ctrl-C, whatever it has left."""
    ran: list[list[str]] = []

    def foreground(command: list[str], *_: object, **__: object) -> int:
        ran.append(command)
        return code

    (folder / "Pulumi.west.yaml").write_text("config: {}\n")
    monkeypatch.setattr(run, "foreground", foreground)
    monkeypatch.setattr(run, "was_interrupted", lambda: True)
    monkeypatch.setattr(stacks, "exists", lambda env, stack: True)
    monkeypatch.setattr(stacks, "holds_resources", lambda env, stack: True)
    monkeypatch.setattr(project, "stack_folder", lambda stack: folder / "private")
    env = {"PATH": "/nowhere", "PULUMI_BACKEND_URL": "none://"}
    assert stack_commands.destroy(env, "west") == 130
    assert [words[:2] for words in ran] == [["pulumi", "destroy"]]
    assert capsys.readouterr().err == "Interrupted. Go on: ./demo destroy west\n"


def test_an_interrupted_up_says_how_it_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pulumi says nothing of a Ctrl-C that comes before its first step."""
    (folder / "Pulumi.west.yaml").write_text("config: {}\n")
    monkeypatch.setattr(stack_commands.state, "kept", contextlib.nullcontext)
    monkeypatch.setattr(stacks, "select", lambda env, stack: None)
    monkeypatch.setattr(stack_commands, "_update", lambda *_: 130)
    monkeypatch.setattr(run, "was_interrupted", lambda: True)
    assert stack_commands.up({"PULUMI_BACKEND_URL": "none://"}, "west") == 130
    assert capsys.readouterr().err == "Interrupted. Go on: ./demo up west\n"


@pytest.mark.parametrize("project", ["proj", "'proj'", "proj # ours"])
def test_of_several_projects_that_a_folder_held_the_present_one_counts(
    folder: Path, project: str
) -> None:
    text = f"runtime: python\n{{}}name: {project}\n"
    (folder / "Pulumi.yaml").write_text(text.format(""))
    digest = subprocess.run(
        ["sha1sum"], input=str(folder / "Pulumi.yaml"), capture_output=True, text=True, check=True
    ).stdout.split()[0]
    home = folder / "home" / "workspaces"
    home.mkdir(parents=True)
    for name, stack in (("old", "east"), ("proj", "north")):
        (home / f"{name}-{digest}-workspace.json").write_text(f'{{"stack": "{stack}"}}')
    env = {"PULUMI_HOME": str(folder / "home")}
    assert selection.selected_stack(env) == "north"
    (folder / "Pulumi.yaml").write_text("name: [")
    assert selection.selected_stack(env) is None


@pytest.mark.parametrize(
    "secret",
    ["config:\n  k:\n    secure: v1:AA\n", "config: {k: {secure: v1:AA}}\n",
     'config:\n  k: {"secure": "v1:AA"}\n'],
)  # fmt: skip
def test_the_salt_of_secret_settings_is_kept_however_they_are_written(secret: str) -> None:
    assert salt.without(f"encryptionsalt: v1:x\n{secret}").startswith("encryptionsalt:")


def test_changed_settings_can_be_read_back() -> None:
    text = stack_file.changed("config:\n  demo:lbMode: active\n", "demo", {"lbMode": "standby"})
    assert stack_file.value(text, "demo", "lbMode") == "standby"
    assert stack_file.value(text, "demo", "backend") is None


@pytest.mark.parametrize("key", ["demo:lbMode", "demo:config:lbMode", "lbMode"])
def test_a_changed_setting_is_there_once_whatever_its_form_was(key: str) -> None:
    text = f"config:\n  {key}: active\n  other:lbMode: theirs\n  demo:backend: local\n"
    changed = stack_file.mapping(stack_file.changed(text, "demo", {"lbMode": "standby"}))
    own = {"demo:backend": "local", "demo:lbMode": "standby"}
    assert changed["config"] == {"other:lbMode": "theirs", **own}


@pytest.mark.parametrize(("text", "backend"), WRITTEN)
def test_a_stack_in_clusters_of_others_is_not_forgotten_without_its_state(
    folder: Path, monkeypatch: pytest.MonkeyPatch, text: str, backend: str | None
) -> None:
    private = folder / "private"
    private.mkdir()
    (private / "kubeconfig").touch()
    (folder / "Pulumi.west.yaml").write_text(text)
    monkeypatch.setattr(run, "foreground", lambda *_, **__: 0)
    monkeypatch.setattr(stacks, "exists", lambda env, stack: False)
    monkeypatch.setattr(stacks, "holds_resources", lambda env, stack: False)
    monkeypatch.setattr(project, "stack_folder", lambda stack: private)
    monkeypatch.setattr(leftovers, "forget_torn_states", lambda *_: None)
    env = {"PATH": "/nowhere", "PULUMI_BACKEND_URL": "file:///other"}
    if backend == "local":
        assert stack_commands.destroy(env, "west") == 0
        assert not private.exists()
        return
    with pytest.raises(
        UserError, match=r"not in file:///other\. .* destroy west; if that state is"
    ):
        stack_commands.destroy(env, "west")
    assert (private / "kubeconfig").exists()


@pytest.mark.parametrize(
    "command", ["up", "destroy", "pulumi up --yes", "pulumi up --target=a", "pulumi refresh"]
)
def test_a_stack_under_an_update_is_left_to_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Pulumi would advise to delete the lock, and the launcher to give the state up."""
    ran: list[list[str]] = []
    (folder / "Pulumi.west.yaml").write_text("config: {}\n")
    monkeypatch.setattr(run, "foreground", lambda command, *_, **__: ran.append(command) or 0)
    monkeypatch.setattr(stack_commands.state, "kept", contextlib.nullcontext)
    monkeypatch.setattr(stack_commands.pulumi_use, "with_program", lambda env, _: env)
    monkeypatch.setattr(project, "uses_own_state", lambda _: True)
    lock = leftovers.Lock(Path("lock.json"), 42, socket.gethostname())
    monkeypatch.setattr(leftovers, "updating", lambda *_: [lock])
    run_it = {"up": stack_commands.up, "destroy": stack_commands.destroy}
    word, *arguments = command.split()
    with pytest.raises(UserError, match=r"An update of stack west is under way \(process 42\)"):
        if arguments:
            stack_commands.pulumi({}, [*arguments, "--stack", "west"])
        else:
            run_it[word]({}, "west")
    assert not ran


@pytest.mark.parametrize(
    ("command", "codes", "code"),
    [
        ("destroy --yes", (0, 255), 130),
        ("refresh --yes", (0, 1), 130),
        ("preview", (1,), 130),
        ("preview", (0,), 0),  # it was over
    ],
)
def test_an_interrupted_command_of_pulumis_ends_with_130(
    folder: Path, monkeypatch: pytest.MonkeyPatch, command: str, codes: tuple[int], code: int
) -> None:
    (folder / "Pulumi.west.yaml").write_text("config: {}\n")
    monkeypatch.setattr(stack_commands.state, "kept", contextlib.nullcontext)
    monkeypatch.setattr(stack_commands.pulumi_use, "prepare", lambda env, _: env)
    monkeypatch.setattr(run, "was_interrupted", lambda: True)
    for pulumis in codes:
        monkeypatch.setattr(stack_commands, "_pulumi_itself", lambda *_, known=pulumis: known)
        assert stack_commands.pulumi({}, [*command.split(), "--stack", "west"]) == code


@pytest.mark.parametrize("was_up", [False, True])
@pytest.mark.parametrize("changes", [False, True])
def test_pods_are_named_only_where_an_update_has_begun(
    folder: Path, monkeypatch: pytest.MonkeyPatch, changes: bool, was_up: bool
) -> None:
    """Not after a mistyped option, say: pods that are not ready have no part in that."""
    state, ran = folder / "west.json", []
    if was_up:
        state.write_text("{}")

    def foreground(command: list[str], *_: object, **__: object) -> int:
        ran.append(command[2])
        if changes:
            state.write_text("{ }")
            os.utime(state, ns=(1, 1))
        return 1

    monkeypatch.setattr(run, "foreground", foreground)
    monkeypatch.setattr(project, "own_state", lambda *_: state)
    monkeypatch.setattr(stack_commands.state, "kept", contextlib.nullcontext)
    monkeypatch.setattr(stack_commands.pulumi_use, "prepare", lambda env, _: env)
    assert stack_commands.pulumi({}, ["up", "--yess", "--stack", "west"]) == 1
    assert ("drills.unready" in ran) == changes


@pytest.mark.parametrize("backend", ["local", "existing", "gke"])
def test_a_state_that_alone_knows_of_objects_is_not_advised_to_be_removed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], backend: str
) -> None:
    (folder / "Pulumi.west.yaml").write_text(f"config:\n  demo:backend: {backend}\n")
    monkeypatch.setattr(run, "foreground", lambda *_, **__: 1)
    monkeypatch.setattr(stacks, "exists", lambda env, stack: True)
    monkeypatch.setattr(stacks, "holds_resources", lambda env, stack: True)
    monkeypatch.setattr(project, "stack_folder", lambda stack: folder / "private")
    assert stack_commands.destroy({"PULUMI_BACKEND_URL": "none://"}, "west") == 1
    assert ("stack rm --force" in capsys.readouterr().err) == (backend == "local")
