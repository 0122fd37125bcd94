"""The environment of the demo's commands: PATH, Pulumi's state, passphrase, kubeconfig."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from foundation import files, packages, project, selection
from foundation.contract import PROVIDER_RELEASE, USER_KUBECONFIG
from foundation.errors import UserError
from toolchain import pins, tools

_PROVIDER = "pulumi-resource-kubernetes"
_PROXIES = [
    each
    for name in ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy")
    for each in (name, name.upper())
]
_RELEASE = "github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version.Version"


def variables(base: Mapping[str, str], stack: str | None = None) -> dict[str, str]:
    """Return `base` with what the demo's commands need.

    `stack` says whose kubeconfig it names; without, that of the stack that Pulumi has selected.
    What the user has set (state backend, passphrase, Pulumi's home) stays.
    """
    env = _without_another_checkouts(base)
    path = [str(project.VENV / "bin"), str(tools.bin_dir())]
    known = env.get("PATH", os.defpath).split(os.pathsep)
    env["PATH"] = packages.search_path(os.pathsep.join(path + [p for p in known if p not in path]))
    env["VIRTUAL_ENV"] = str(project.VENV)
    env.pop("PULUMI_PYTHON_CMD", None)  # another Python than the environment's lacks the packages
    env["PULUMI_SKIP_UPDATE_CHECK"] = "true"
    env.setdefault("PULUMI_BACKEND_URL", project.state_url())
    if "PULUMI_CONFIG_PASSPHRASE" not in env:
        env.setdefault("PULUMI_CONFIG_PASSPHRASE_FILE", str(project.passphrase_file()))
    # Pulumi takes the passphrase's salt from the state: see salt.py
    env["PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER"] = "true"
    if tools.is_ours("pulumi"):
        # The provider built here is not the official binary of that release: other projects must
        # not find it in ~/.pulumi. And found on PATH, Pulumi would warn of it in every run.
        env["PULUMI_HOME"] = env.get("PULUMI_HOME") or str(project.PRIVATE / "pulumi-home")
        # what was built here is all there is: looking for more, in vain, costs seconds a run
        env["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
        env[PROVIDER_RELEASE] = provider_release()
    env |= _without_proxy_to_itself(env)
    ours = str(project.PRIVATE)
    if (before := env.get("KUBECONFIG", "")) and not before.startswith(ours):
        # kubectl takes them from the current folder, and Pulumi runs the program in the checkout
        env[USER_KUBECONFIG] = os.pathsep.join(map(_from_here, filter(None, before.split(":"))))
    env["KUBECONFIG"] = str(project.kubeconfig(stack or selection.current(env)))
    return env


def _without_proxy_to_itself(env: Mapping[str, str]) -> dict[str, str]:
    """Return variables with which a proxy of the machine's is not asked for the machine itself.

    Go takes that for granted. Python does not: Pulumi's SDK, for one, would look for its engine
    behind the proxy (gRPC reads `https_proxy` and `http_proxy`). All programs have one list: curl
    and Python read `no_proxy` first, and Go, so Pulumi and kubectl, `NO_PROXY`.
    """
    named = env.get("no_proxy") or env.get("NO_PROXY") or ""
    known = [entry.strip() for entry in named.split(",")]
    missing = [host for host in ("127.0.0.1", "localhost") if host not in known]
    if not any(env.get(name) for name in _PROXIES):
        return {}
    wanted = named if known == ["*"] else ",".join([*([named] if named else []), *missing])
    return {"no_proxy": wanted, "NO_PROXY": wanted}


def _without_another_checkouts(base: Mapping[str, str]) -> dict[str, str]:
    """Return `base` without what the launcher of another checkout has set, as in its shell.

    Its state and passphrase would count as the user's choice, and its clusters as this one's.
    """
    environment = Path(base.get("VIRTUAL_ENV", ""))
    if environment == project.VENV or not environment.is_absolute():
        return dict(base)
    private = environment.parent / project.PRIVATE.name
    its = (f"{private}/", f"{private.as_uri()}/")
    return {name: value for name, value in base.items() if not value.startswith(its)}


def _from_here(path: str) -> str:
    """Return a path of KUBECONFIG as an absolute one; `~/` is left to who reads it."""
    return path if path.startswith("~/") else str(Path(path).absolute())


def uses_own_secrets(env: Mapping[str, str]) -> bool:
    """Check whether passphrase and state are both the project's own."""
    return (
        env.get("PULUMI_CONFIG_PASSPHRASE_FILE") == str(project.passphrase_file())
        and "PULUMI_CONFIG_PASSPHRASE" not in env
        and project.uses_own_state(env)
    )


def prepare(env: Mapping[str, str]) -> None:
    """Make the private files that `env` speaks of, where they are missing."""
    project.private_folder()
    if project.uses_own_state(env):
        project.state_folder().mkdir(mode=0o700, exist_ok=True)
        _make(project.identity_file(), secrets.token_hex(6))
    if env.get("PULUMI_CONFIG_PASSPHRASE_FILE") == str(project.passphrase_file()):
        _check_passphrase(env)
        _make(project.passphrase_file(), secrets.token_urlsafe(32))
    home = project.PRIVATE / "pulumi-home"
    if env.get("PULUMI_HOME") == str(home):
        home.mkdir(mode=0o700, exist_ok=True)
        link_provider(home / "plugins", tools.path(_PROVIDER))
        without_logs(home / "logs")


def check_home(env: Mapping[str, str]) -> None:
    """Refuse a home of Pulumi's that lacks the provider: the one built here is for us alone."""
    home = Path(env.get("PULUMI_HOME", ""))
    if not tools.is_ours("pulumi") or home == project.PRIVATE / "pulumi-home":
        return
    plugin = home / "plugins" / f"resource-kubernetes-v{provider_release()}" / _PROVIDER
    if not plugin.exists():
        raise UserError(
            f"PULUMI_HOME is {home}, which has no {_PROVIDER} {provider_release()}, and ./demo puts"
            " the one that it has into a home of its own only: unset PULUMI_HOME, or install it"
            f" there: ./demo pulumi plugin install resource kubernetes {provider_release()}"
        )


def _check_passphrase(env: Mapping[str, str]) -> None:
    """Refuse to make another passphrase where a state needs the one that is gone."""
    file = project.passphrase_file()
    states = project.states(project.state_folder()).glob("*/*.json")
    if not file.exists() and project.uses_own_state(env) and any(states):
        raise UserError(
            f"{file} is gone, and without it the state in {project.state_folder()} cannot be read."
            f" Put it back, or begin anew: rm -r {project.state_folder()}, and ./demo destroy for"
            " each stack that was up"
        )


def _make(file: Path, text: str) -> None:
    """Write a random text, unless there is one; complete or not at all."""
    if file.exists():
        return
    arriving = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(arriving, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text + "\n")
        os.link(arriving, file)  # fails when another process was faster, whose value then counts
    except FileExistsError:
        pass
    finally:
        arriving.unlink()


def provider_release() -> str:
    """Return the release that the Kubernetes provider built here is and calls itself: "4.25.0"."""
    return dict(value.split("=") for value in pins.owner(_PROVIDER).linker_values)[_RELEASE]


def link_provider(plugins: Path, provider: Path) -> None:
    """Install the Kubernetes provider built here as a plugin of Pulumi's home.

    A state names the release that it was made with, and Pulumi takes no other: where the build of
    an earlier one is gone from the cache, the present one stands in for it.
    """
    present = plugins / f"resource-kubernetes-v{provider_release()}" / _PROVIDER
    if not (present.is_symlink() and present.readlink() == provider):
        files.link(present, provider)
    for folder in plugins.glob("resource-kubernetes-v*/"):  # Pulumi keeps files beside them
        if not (folder / _PROVIDER).exists():
            files.link(folder / _PROVIDER, provider)


def without_logs(path: Path) -> None:
    """Keep Pulumi from logging every step of every command into the folder `path`.

    It logs at the highest level, whatever it is told, which takes a third of the engine's processor
    time and hundreds of megabytes in a day. It goes without where it cannot make the folder (see
    StartLogging in pkg/logging of Pulumi 3.274): so a file is there. Logs on demand still work.
    """
    if not path.is_file():
        shutil.rmtree(path, ignore_errors=True)
        path.touch()
