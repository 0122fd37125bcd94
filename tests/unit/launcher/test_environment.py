"""The environment of the demo's commands, the stack that is meant, and files for Pulumi."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path

import pytest

from foundation import project, selection
from foundation.errors import UserError
from launcher import environment
from toolchain import tools


def test_the_environment_of_a_stack(clone: Path) -> None:
    users = {"PATH": "/usr/bin", "HOME": "/h", "PULUMI_PYTHON_CMD": "/usr/bin/python3"}
    env = environment.variables(users, "east")
    assert "PULUMI_PYTHON_CMD" not in env
    assert env["PATH"].split(":") == [
        str(project.VENV / "bin"), str(tools.bin_dir()), "/usr/bin", "/usr/sbin", "/sbin",
    ]  # fmt: skip
    assert env["KUBECONFIG"] == f"{clone}/.demo/east/kubeconfig"
    assert env["PULUMI_BACKEND_URL"] == f"file://{clone}/.demo/pulumi"
    assert env["PULUMI_CONFIG_PASSPHRASE_FILE"] == f"{clone}/.demo/passphrase"
    assert env["PULUMI_HOME"] == f"{clone}/.demo/pulumi-home"
    assert environment.uses_own_secrets(env)
    again = environment.variables(env, "east")
    assert again == env


def test_the_state_of_a_checkout_whose_path_holds_signs_is_named_as_a_url_has_it(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project, "PRIVATE", Path("/my demo/100%/.demo"))
    assert project.state_url() == "file:///my%20demo/100%25/.demo/pulumi"


def test_what_the_user_has_chosen_stays(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "is_ours", lambda name: False)
    users = {
        "PULUMI_BACKEND_URL": "s3://bucket",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "KUBECONFIG": "/h/.kube/mine",
    }
    env = environment.variables(users, "west")
    assert env["PULUMI_BACKEND_URL"] == "s3://bucket"
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in env and "PULUMI_HOME" not in env
    # Pulumi's own CLI downloads the one that its SDK asks for
    assert "DEMO_KUBERNETES_PROVIDER" not in env
    assert env["DEMO_USER_KUBECONFIG"] == "/h/.kube/mine"
    assert not environment.uses_own_secrets(env)
    environment.prepare(env)
    assert [f.name for f in (clone / ".demo").iterdir()] == []


def test_the_shell_of_another_checkout_leads_to_none_of_its_state(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "my other"
    monkeypatch.setattr(project, "VENV", other / ".venv")
    monkeypatch.setattr(project, "PRIVATE", other / ".demo")
    users = {"KUBECONFIG": "/h/.kube/mine", "PULUMI_STACK": "east"}
    env = environment.variables(users)
    env["TMPDIR"] = f"{other}/.demo/tmp/4242"
    monkeypatch.setattr(project, "VENV", clone / ".venv")
    monkeypatch.setattr(project, "PRIVATE", clone / ".demo")
    here = environment.variables(env)
    assert environment.uses_own_secrets(here)
    assert here["KUBECONFIG"] == f"{clone}/.demo/east/kubeconfig"
    assert here["DEMO_USER_KUBECONFIG"] == "/h/.kube/mine"
    del here["PATH"]  # programs of its environment come after this one's
    assert not [value for value in here.values() if "my other" in value or "my%20" in value]


@pytest.mark.parametrize(
    ("users", "wanted"),
    [
        ({}, None),
        ({"https_proxy": "http://p:1"}, "127.0.0.1,localhost"),
        ({"HTTP_PROXY": "p", "NO_PROXY": ".corp, localhost"}, ".corp, localhost,127.0.0.1"),
        ({"HTTP_PROXY": "p", "NO_PROXY": "a", "no_proxy": "b"}, "b,127.0.0.1,localhost"),
        ({"all_proxy": "p", "no_proxy": "*", "NO_PROXY": "a"}, "*"),
        (
            {"all_proxy": "p", "NO_PROXY": "a", "no_proxy": "localhost,127.0.0.1"},
            "localhost,127.0.0.1",
        ),
    ],
)
def test_a_proxy_is_not_asked_for_the_machine_itself(
    clone: Path, users: dict[str, str], wanted: str | None
) -> None:
    env = environment.variables(users, "west")
    assert env.get("no_proxy") == env.get("NO_PROXY") == wanted
    assert environment.variables(env, "west") == env


def test_a_users_kubeconfig_is_relative_to_the_folder_that_the_command_is_typed_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for kubectl; the program itself runs in the checkout."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tools, "is_ours", lambda name: False)
    env = environment.variables({"KUBECONFIG": "kube.yaml::/h/.kube/mine:~/.kube/a"}, "west")
    assert env["DEMO_USER_KUBECONFIG"] == f"{tmp_path}/kube.yaml:/h/.kube/mine:~/.kube/a"


def test_private_files_are_private_and_made_once(clone: Path) -> None:
    env = environment.variables({}, "west")
    environment.prepare(env)
    file = clone / ".demo" / "passphrase"
    first = file.read_text()
    assert len(first.strip()) > 30
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for folder in (clone / ".demo", clone / ".demo" / "pulumi", clone / ".demo" / "pulumi-home"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    environment.prepare(env)
    assert file.read_text() == first
    provider = "pulumi-resource-kubernetes"
    (plugin,) = (clone / ".demo" / "pulumi-home" / "plugins").glob(
        f"resource-kubernetes-v*/{provider}"
    )
    assert plugin.readlink() == clone / "store" / provider
    assert plugin.parent.name == f"resource-kubernetes-v{environment.provider_release()}"


def test_a_provider_of_an_earlier_release_stays_while_it_is_there(clone: Path) -> None:
    """A state names the release that it was made with; Pulumi takes no other for it."""
    provider = "pulumi-resource-kubernetes"
    plugins = clone / ".demo" / "pulumi-home" / "plugins"
    (clone / "kept").touch()
    for version, build in (("4.1.0", clone / "kept"), ("4.2.0", clone / "gone")):
        folder = plugins / f"resource-kubernetes-v{version}"
        folder.mkdir(parents=True)
        (folder / provider).symlink_to(build)
    (plugins / "resource-kubernetes-v4.1.0.lastused").touch()  # as Pulumi does
    environment.prepare(environment.variables({}, "west"))
    links = {f.name.rpartition("-v")[2]: (f / provider).readlink() for f in plugins.glob("*/")}
    present = clone / "store" / provider
    assert links == {
        "4.1.0": clone / "kept", "4.2.0": present, environment.provider_release(): present,
    }  # fmt: skip


def test_a_home_of_pulumis_without_the_provider_is_refused(clone: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    env = environment.variables({"PULUMI_HOME": str(home)}, "west")
    with pytest.raises(UserError, match=r"PULUMI_HOME is .*/home, .*: unset PULUMI_HOME"):
        environment.check_home(env)
    release = environment.provider_release()
    plugin = home / "plugins" / f"resource-kubernetes-v{release}" / "pulumi-resource-kubernetes"
    plugin.parent.mkdir(parents=True)
    plugin.touch()
    environment.check_home(env)
    environment.check_home(environment.variables({}, "west"))
    assert environment.variables({"PULUMI_HOME": ""}, "west")["PULUMI_HOME"].startswith(str(clone))


def test_the_program_asks_for_the_provider_that_was_built(clone: Path) -> None:
    release = environment.provider_release()
    assert environment.variables({}, "west")["DEMO_KUBERNETES_PROVIDER"] == release


def test_what_pulumi_logged_of_every_step_goes_and_does_not_come_again(clone: Path) -> None:
    logs = clone / ".demo" / "pulumi-home" / "logs"
    logs.mkdir(parents=True)
    (logs / "pulumi-1-up.log").write_text("of a former version")
    environment.prepare(environment.variables({}, "west"))
    assert logs.is_file()


def test_the_selected_stack_is_read_from_pulumis_home(clone: Path) -> None:
    env = environment.variables({})
    assert selection.selected_stack(env) is None
    assert env["KUBECONFIG"].endswith("/.demo/west/kubeconfig")
    digest = subprocess.run(
        ["sha1sum"], input=str(clone / "Pulumi.yaml"), capture_output=True, text=True, check=True
    ).stdout.split()[0]
    file = clone / ".demo" / "pulumi-home" / "workspaces" / f"proj-{digest}-workspace.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"stacks": {env["PULUMI_BACKEND_URL"]: "organization/proj/east"}}))
    assert selection.selected_stack(env) == "east"
    assert environment.variables({})["KUBECONFIG"].endswith("/.demo/east/kubeconfig")
    assert selection.selected_stack({**env, "PULUMI_STACK": "organization/proj/north"}) == "north"
    assert selection.selected_stack({**env, "PULUMI_BACKEND_URL": "s3://other"}) is None


def test_the_stacks_are_those_with_settings(clone: Path) -> None:
    for name in ("west", "east"):
        (clone / f"Pulumi.{name}.yaml").write_text("")
    assert selection.stacks() == ["east", "west"]


def test_another_passphrase_is_not_made_for_a_state_that_has_one(clone: Path) -> None:
    env = environment.variables({}, "west")
    environment.prepare(env)
    file = project.state_folder() / ".pulumi" / "stacks" / "demo" / "west.json"
    file.parent.mkdir(parents=True)
    file.write_text("{}")
    environment.prepare(env)
    project.passphrase_file().unlink()
    with pytest.raises(UserError, match="passphrase is gone"):
        environment.prepare(env)
    file.unlink()
    environment.prepare(env)
    assert project.passphrase_file().exists()
