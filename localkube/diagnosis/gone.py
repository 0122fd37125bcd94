"""Programs of a node that are gone from where they were when it was made.

A node keeps the tools of the commit that made it. Once the cache has been removed, another commit
puts its own there, and nobody those.
"""

from __future__ import annotations

import contextlib
import shlex
from configparser import ConfigParser, Error
from pathlib import Path

from localkube.diagnosis import Finding
from localkube.spec import whole


def look(lab: Path) -> Finding | None:
    """Return the first program of a lab's nodes that is gone; None if all are there."""
    stack = lab.parent.name
    for node in (node for spec in whole(lab) for node in spec.members):
        with contextlib.suppress(OSError, Error, ValueError):  # being made, or torn by a power cut
            for program in programs((node.folder / "supervisord.conf").read_text()):
                if not program.exists():
                    return Finding(
                        f"{node.name} needs {program}, which is gone: it starts no pods, and not"
                        " itself when its power is back",
                        f"./demo destroy {stack} and ./demo up {stack} make new clusters",
                    )
    return None


def programs(configuration: str) -> list[Path]:
    """Return what a supervisord's configuration has it start. Pure. Raises configparser.Error."""
    parser = ConfigParser(interpolation=None)
    parser.read_string(configuration)
    commands = (section.get("command", "") for section in parser.values())
    return [Path(shlex.split(text.replace("%%", "%"))[0]) for text in commands if text]
