"""supervisor's configuration, and finding a running supervisord.

supervisord (https://supervisord.org) is the first process of each lab and of each node: it starts
the programs, restarts those that die (with growing delay) and keeps their logs bounded.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from foundation import processes, project

SOCKET = "/run/supervisor.sock"
"""supervisord's socket, as its own mount namespace sees it; /run is private there."""

LOG_BYTES = "5MB"
"""A log longer than this is moved aside; one older log is kept of each program."""


@dataclass(frozen=True)
class Program:
    """One supervised program."""

    name: str
    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    autostart: bool = True
    """Started with its supervisord; otherwise when somebody asks for it."""
    once: bool = False
    """Runs to its end; started again only when it failed."""
    kill: bool = False
    """Ended by SIGKILL: for a node, which like a machine may lose its power at any time."""


def python(module: str, *arguments: str) -> list[str]:
    """Return the command line that runs a module of this package in this Python environment."""
    return [sys.executable, "-m", module, *arguments]


def supervisord(config: Path) -> list[str]:
    """Return the command line of a supervisord in the foreground; its configuration is its name."""
    return python("supervisor.supervisord", "--nodaemon", "--configuration", str(config))


def configuration(logs: Path, programs: list[Program], include: str = "") -> str:
    """Return the text of supervisord.conf; `include` is a pattern of further files.

    That is relative to the configuration's folder: supervisor splits it at spaces.
    """
    main = [
        "[supervisord]",
        "nodaemon = true",
        "user = root",
        f"logfile = {escape(str(logs / 'supervisord.log'))}",
        f"logfile_maxbytes = {LOG_BYTES}",
        "logfile_backups = 1",
        "pidfile = /run/supervisord.pid",
        "[unix_http_server]",
        f"file = {SOCKET}",
        "chmod = 0600",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
    ]
    if include:
        main += ["[include]", f"files = {include}"]
    return "\n".join([*main, sections(logs, programs)])


def sections(logs: Path, programs: list[Program], group: str = "") -> str:
    """Return the text of the sections of some programs, in a group of its own if one is named."""
    lines = []
    if group:
        lines += [
            f"[group:{group}]",
            f"programs = {','.join(program.name for program in programs)}",
        ]
    for program in programs:
        environment = {"PYTHONPATH": str(project.ROOT), **program.environment}
        lines += [
            f"[program:{program.name}]",
            "command = " + escape(" ".join(quote(word) for word in program.command)),
            "environment = "
            + escape(",".join(f"{key}={quote(value)}" for key, value in environment.items())),
            f"autostart = {str(program.autostart).lower()}",
            f"autorestart = {'unexpected' if program.once else 'true'}",
            "startretries = 1000",
            f"startsecs = {0 if program.once else 1}",
            f"stopsignal = {'KILL' if program.kill else 'TERM'}",
            "redirect_stderr = true",
            f"{log_line(logs)}{program.name}.log",
            f"stdout_logfile_maxbytes = {LOG_BYTES}",
            "stdout_logfile_backups = 1",
        ]
    return "\n".join(lines) + "\n"


def log_line(logs: Path) -> str:
    """Return how the line begins that names a program's log in a folder."""
    # expanded twice (processes_from_section in options.py of 4.3)
    return f"stdout_logfile = {escape(escape(str(logs)))}/"


def quote(word: str) -> str:
    """Return a word in double quotes, for the fields that supervisor splits as a shell does."""
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def misread(path: Path) -> str:
    """Return the sign of a path that supervisor would take for something else, or "".

    It has no escape for a comment, and takes quotes off the ends of a variable's value; found by
    reading such configurations back (supervisor 4.3).
    """
    found = re.search(r"""["\\\n\r]|\s[;#]|'(?=/|$)""", str(path))
    return found[0].strip(" ") if found else ""


def escape(text: str) -> str:
    """Return the text with the per cent signs doubled: supervisor expands single ones."""
    return text.replace("%", "%%")


def find(config: Path) -> int | None:
    """Return the process id of the supervisord that runs this configuration; none if there is none.

    The process table is asked, not a file, so that the answer is true after any crash and even
    when the state folder was deleted.
    """
    return next((pid for pid, known in supervisords() if known == config), None)


def supervisords() -> Iterator[tuple[int, Path]]:
    """Yield process id and configuration of each supervisord that this module's command started."""
    for pid, words in processes.command_lines():
        if config := config_of(words):
            yield pid, config


def config_of(words: Sequence[str]) -> Path | None:
    """Return the configuration of the supervisord that a command line runs; None if it is none."""
    if "supervisor.supervisord" in words and "--configuration" in words[:-1]:
        return Path(words[words.index("--configuration") + 1])
    return None
