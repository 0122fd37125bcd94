"""The environment of the demo's commands: PATH, Pulumi's state, passphrase, kubeconfig."""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from toolchain import packages, pins, stack_file, tools, venv

PROJECT = venv.PROJECT
DEFAULT_STACK = "west"
# what the user's own KUBECONFIG was, for a backend that uses clusters named in it
USER_KUBECONFIG = "DEMO_USER_KUBECONFIG"
# which release of the Kubernetes provider the program asks for; without it, as its SDK does
PROVIDER_RELEASE = "DEMO_KUBERNETES_PROVIDER"
_PROVIDER = "pulumi-resource-kubernetes"
_RELEASE = "github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version.Version"


def stack_folder(stack: str) -> Path:
    """The folder of the private files of one stack."""
    return venv.PRIVATE / stack


def kubeconfig(stack: str) -> Path:
    """Where the kubeconfig of one stack is, or will be."""
    return stack_folder(stack) / "kubeconfig"


def state_folder() -> Path:
    """The folder of the state backend that serves when the user has chosen none."""
    return venv.PRIVATE / "pulumi"


def state_url() -> str:
    """That folder as Pulumi's backend URL, in which a space or % in its path is quoted."""
    return state_folder().as_uri()


def passphrase_file() -> Path:
    """The file of the passphrase that serves when the user has set none."""
    return venv.PRIVATE / "passphrase"


def identity_file() -> Path:
    """The file of the text that tells this clone's state from others'."""
    return venv.PRIVATE / "identity"


def identity() -> str:
    """That text; empty before `prepare` made it."""
    try:
        return identity_file().read_text().strip()
    except OSError:
        return ""


def stacks() -> list[str]:
    """Names of the stacks that have a settings file `Pulumi.<stack>.yaml`."""
    files = PROJECT.glob("Pulumi.*.yaml")
    return sorted(f.name.removeprefix("Pulumi.").removesuffix(".yaml") for f in files)


def setting(stack: str, key: str) -> str | None:
    """Return a text setting of a stack, or else the default that Pulumi.yaml declares.

    None where neither has it, where the value is no text (a secret, say) and where one of the files
    cannot be read: the caller takes the careful side.
    """
    try:
        project = stack_file.mapping((PROJECT / "Pulumi.yaml").read_text())
        text = (PROJECT / f"Pulumi.{stack}.yaml").read_text()
        found = stack_file.value(text, str(project.get("name")), key)
        if found is None:
            found = ((project.get("config") or {}).get(key) or {}).get("default")
    except (OSError, ValueError, AttributeError, stack_file.Unreadable):
        return None
    return found.strip() if isinstance(found, str) else None


def variables(base: Mapping[str, str], stack: str | None = None) -> dict[str, str]:
    """`base` with what the demo's commands need.

    `stack` says whose kubeconfig it names; without, that of the stack that Pulumi has selected.
    What the user has set (state backend, passphrase, Pulumi's home) stays.
    """
    env = dict(base)
    path = [str(venv.FOLDER / "bin"), str(tools.bin_dir())]
    known = env.get("PATH", os.defpath).split(os.pathsep)
    env["PATH"] = packages.search_path(os.pathsep.join(path + [p for p in known if p not in path]))
    env["VIRTUAL_ENV"] = str(venv.FOLDER)
    env["PULUMI_SKIP_UPDATE_CHECK"] = "true"
    env.setdefault("PULUMI_BACKEND_URL", state_url())
    if "PULUMI_CONFIG_PASSPHRASE" not in env:
        env.setdefault("PULUMI_CONFIG_PASSPHRASE_FILE", str(passphrase_file()))
    # Pulumi takes the passphrase's salt from the state: see salt.py
    env["PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER"] = "true"
    if tools.is_ours("pulumi"):
        # The provider built here is not the official binary of that release: other projects must
        # not find it in ~/.pulumi. And found on PATH, Pulumi would warn of it in every run.
        env.setdefault("PULUMI_HOME", str(venv.PRIVATE / "pulumi-home"))
        # what was built here is all there is: looking for more, in vain, costs seconds a run
        env["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
        env[PROVIDER_RELEASE] = provider_release()
    ours = str(venv.PRIVATE)
    if (before := env.get("KUBECONFIG", "")) and not before.startswith(ours):
        env[USER_KUBECONFIG] = before
    env["KUBECONFIG"] = str(kubeconfig(stack or selected_stack(env) or DEFAULT_STACK))
    return env


def uses_own_state(env: Mapping[str, str]) -> bool:
    """Whether the state is in the project's own folder."""
    return env.get("PULUMI_BACKEND_URL") == state_url()


def uses_own_secrets(env: Mapping[str, str]) -> bool:
    """Whether passphrase and state are both the project's own."""
    return (
        env.get("PULUMI_CONFIG_PASSPHRASE_FILE") == str(passphrase_file())
        and "PULUMI_CONFIG_PASSPHRASE" not in env
        and uses_own_state(env)
    )


def prepare(env: Mapping[str, str]) -> None:
    """Makes the private files that `env` speaks of, where they are missing."""
    venv.private_folder()
    if uses_own_state(env):
        state_folder().mkdir(mode=0o700, exist_ok=True)
        _make(identity_file(), secrets.token_hex(6))
    if env.get("PULUMI_CONFIG_PASSPHRASE_FILE") == str(passphrase_file()):
        _make(passphrase_file(), secrets.token_urlsafe(32))
    home = venv.PRIVATE / "pulumi-home"
    if env.get("PULUMI_HOME") == str(home):
        home.mkdir(mode=0o700, exist_ok=True)
        link_provider(home / "plugins", tools.path(_PROVIDER))
        without_logs(home / "logs")


def _make(file: Path, text: str) -> None:
    """Writes a random text, unless there is one; complete or not at all."""
    if file.exists():
        return
    arriving = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(arriving, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text + "\n")
    try:
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
        _link(present, provider)
    for folder in plugins.glob("resource-kubernetes-v*/"):  # Pulumi keeps files beside them
        if not (folder / _PROVIDER).exists():
            _link(folder / _PROVIDER, provider)


def _link(place: Path, target: Path) -> None:
    """Make `place` a symbolic link to `target`, in one step."""
    place.parent.mkdir(parents=True, exist_ok=True)
    arriving = place.with_name(f".{place.name}.{os.getpid()}")
    arriving.symlink_to(target)
    arriving.replace(place)


def without_logs(place: Path) -> None:
    """Keeps Pulumi from logging every step of every command into the folder `place`.

    It logs at the highest level, whatever it is told, which takes a third of the engine's processor
    time and hundreds of megabytes in a day. It goes without where it cannot make the folder (see
    StartLogging in pkg/logging of Pulumi 3.274): so a file is there. Logs on demand still work.
    """
    if not place.is_file():
        shutil.rmtree(place, ignore_errors=True)
        place.touch()


def selected_stack(env: Mapping[str, str]) -> str | None:
    """The stack that `pulumi stack select` chose for this project; None without any.

    Read from where Pulumi keeps it: `pulumi stack` would take a third of a second for the same.
    """
    if name := env.get("PULUMI_STACK"):
        return name.rsplit("/", 1)[-1]
    # like Pulumi, which asks the user database and not $HOME
    home = Path(env.get("PULUMI_HOME") or f"{pwd.getpwuid(os.getuid()).pw_dir}/.pulumi")
    digest = hashlib.sha1(str(PROJECT / "Pulumi.yaml").encode(), usedforsecurity=False).hexdigest()
    files = list((home / "workspaces").glob(f"*-{digest}-workspace.json"))
    try:
        if len(files) > 1:  # the project has had other names; YAML is slow to load, so only now
            project = stack_file.mapping((PROJECT / "Pulumi.yaml").read_text())
            own = f"{project.get('name')}-{digest}-workspace.json"
            files = [file for file in files if file.name == own]
        settings = json.loads(files[0].read_text()) if files else {}
    except (OSError, ValueError, stack_file.Unreadable):
        return None
    by_backend = settings.get("stacks") or {}
    chosen = by_backend.get(env.get("PULUMI_BACKEND_URL", ""), settings.get("stack"))
    return chosen.rsplit("/", 1)[-1] if chosen else None
