"""Where the files of this checkout are, and the private ones beside them.

Only the standard library is imported here: `demo` needs this before the virtual environment exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PRIVATE = ROOT / ".demo"


def private_folder() -> Path:
    """Return the folder of all private state of this clone, readable by its owner only."""
    PRIVATE.mkdir(mode=0o700, exist_ok=True)
    PRIVATE.chmod(0o700)
    return PRIVATE


_OTHERS = ("identity", "images", "passphrase", "preview", "pulumi", "pulumi-home", "tmp")
"""What is in the private folder beside the folders of stacks."""


def is_taken(stack: str) -> bool:
    """Check whether a stack's folder would be one that is there for something else."""
    return stack in _OTHERS or stack.endswith(".lock")


def stack_folder(stack: str) -> Path:
    """Return the folder of the private files of one stack."""
    return PRIVATE / stack


def lab_folder(stack: str) -> Path:
    """Return where the embedded clusters of one stack are, or will be."""
    return stack_folder(stack) / "lab"


def kubeconfig(stack: str) -> Path:
    """Return where the kubeconfig of one stack is, or will be."""
    return stack_folder(stack) / "kubeconfig"


def task(name: str, stack: str, *arguments: str) -> str:
    """Return what is typed to run a task for a stack, whichever one is selected."""
    return " ".join(["./demo task", name, "--", *arguments, "--stack", stack])


def state_folder() -> Path:
    """Return the folder of the state backend that serves when the user has chosen none."""
    return PRIVATE / "pulumi"


def states(folder: Path) -> Path:
    """Return where Pulumi keeps the states of a backend's folder, each as PROJECT/STACK.json."""
    return folder / ".pulumi" / "stacks"


def state_url() -> str:
    """Return the state's folder as Pulumi's backend URL; a space or % in its path is quoted."""
    return state_folder().as_uri()


def passphrase_file() -> Path:
    """Return the file of the passphrase that serves when the user has set none."""
    return PRIVATE / "passphrase"


def identity_file() -> Path:
    """Return the file of the text that tells this clone's state from others'."""
    return PRIVATE / "identity"


def identity() -> str:
    """Return the checkout's own random text; empty before `prepare` made it."""
    try:
        return identity_file().read_text().strip()
    except OSError:
        return ""


def uses_own_state(env: Mapping[str, str]) -> bool:
    """Check whether the state is in the project's own folder."""
    return env.get("PULUMI_BACKEND_URL") == state_url()


def own_state(env: Mapping[str, str], name: str, stack: str) -> Path | None:
    """Return the file of a stack's state, where that is in the project's own folder.

    `name` is that of Pulumi's project. The file may not be there yet.
    """
    return states(state_folder()) / name / f"{stack}.json" if uses_own_state(env) else None
