"""The command line of `demo`: which commands there are, and set-up before they run.

Only the standard library is imported here: this runs before the virtual environment exists.
"""

from __future__ import annotations

import os
import sys

from foundation import project
from foundation.entry import USAGE as WRONG_USAGE
from foundation.entry import entry
from launcher import ownership
from toolchain import venv

USAGE = """\
usage: ./demo COMMAND

  up [STACK]        bring the demo up (default west); ends with its URL
  destroy [STACK]   take it down again, with all that is the stack's
  test [ARG...]     run every test that this machine can run (arguments: pytest's)

  pulumi ARG...     Pulumi, with the demo's state, passphrase and tools
  kubectl ARG...    kubectl, with the clusters of the selected stack
  task [ARG...]     the demo's tasks: faults, traffic, reports
  local ARG...      the embedded clusters: status, logs, stop, start, load, unload, sweep
  shell             a shell in which all these tools are set up

  setup             only what every command does first: Python environment and tools;
                    --build builds all tools, --bundle FILE takes them from a bundle
  tools             each tool, its version, and which way it came
  bundle [FILE]     one file with all that `setup --bundle` needs where there is no network
  help              this text
"""

COMMANDS = (
    "up", "destroy", "test", "pulumi", "kubectl", "task", "local", "shell", "setup", "tools",
    "bundle", "help",
)  # fmt: skip
_EXPLAINED = ("up", "destroy", "shell", "setup", "tools", "bundle")
"""Commands of which USAGE says all; the others pass `--help` on to what they run."""
_HELP = {"-h", "--help"}


def run(arguments: list[str]) -> int:
    """Run what `arguments` (sys.argv) say and return the exit code."""
    command = arguments[1] if len(arguments) > 1 else "help"
    wants_help = command in _EXPLAINED and not _HELP.isdisjoint(arguments[2:])
    if command in ("help", *_HELP) or wants_help:  # before minutes of set-up
        print(USAGE, end="")
        return 0
    if command not in COMMANDS:
        print(f"./demo has no command {command!r}. Commands: ./demo help", file=sys.stderr)
        return WRONG_USAGE
    if "SUDO_UID" in os.environ and (home := ownership.home(project.ROOT, os.environ)):
        os.environ["HOME"] = home
    try:
        return entry(
            lambda: _execute(command, arguments),
            interrupted="Interrupted. The same command goes on where it was.",
        )
    finally:
        if "SUDO_UID" in os.environ:
            ownership.give_back(project.ROOT, os.environ)


def _execute(command: str, arguments: list[str]) -> int:
    if command == "setup" and len(arguments) > 2:
        from toolchain import bundle

        if file := bundle.named(arguments[2:]):
            bundle.once(file, venv.is_ready)
    venv.enter(arguments)
    from launcher import commands  # needs what the virtual environment holds

    return commands.execute(command, arguments[2:])
