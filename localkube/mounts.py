"""Private folders for a mount namespace, made before anything else runs in it, and the way in."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from foundation import packages

USUAL_UMASK = 0o022
"""What init gives services. With a stricter one, as hardened machines give to people, the folders
that kubelet and containerd make for a container are closed to its user, who is not root."""


def cover(folders: Iterable[str], keep: Iterable[Path]) -> None:
    """Put an empty tmpfs over each folder, yet leaves the paths in `keep` where they were.

    What the lab needs of the host (the state folder, the tools, the Python environment, the
    resolver's configuration) may lie below a folder that is covered: a checkout under /var/lib, a
    resolv.conf under /run. Such paths are held open and bound back into place.
    """
    covered = [Path(folder) for folder in folders]
    held = {}
    for path in {path.resolve() for path in keep if path.exists()}:
        if any(folder in path.parents for folder in covered):
            held[path] = (os.open(path, os.O_PATH), path.is_dir())
    for folder in covered:
        mount("-t", "tmpfs", "-o", "mode=0755,nosuid,nodev", "localkube", str(folder))
    for path, (descriptor, is_folder) in held.items():
        (path if is_folder else path.parent).mkdir(parents=True, exist_ok=True)
        if not is_folder:
            path.touch()
        source = f"/proc/{os.getpid()}/fd/{descriptor}"
        mount("--rbind" if is_folder else "--bind", source, str(path))
        os.close(descriptor)


def mount(*arguments: str) -> None:
    """Run mount(8). Raises `subprocess.CalledProcessError`, its message on standard error."""
    subprocess.run(["mount", *arguments], check=True)


def within(process: int, command: Sequence[str]) -> list[str]:
    """Return the command line that runs a command in the mount namespace of a process."""
    return [
        packages.which("nsenter") or "nsenter",
        f"--target={process}",
        "--mount",
        "--",
        *command,
    ]
