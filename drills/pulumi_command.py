"""Pulumi's command line, run to its end for a stack."""

from __future__ import annotations

import re
from collections.abc import Mapping

from foundation import commands, project
from foundation.errors import UserError

NOT_THERE = "pulumi is not on PATH. Run this by: ./demo task ..."
_NOISE = ("error: update failed", "error: preview failed")


def output(env: Mapping[str, str], stack: str, *arguments: str, problem: str) -> str:
    """Return what a command prints about a stack.

    Raises UserError with Pulumi's own reason after `problem`, which says what failed.
    """
    try:
        command = ["pulumi", *arguments, "--non-interactive", "--stack", stack]
        return commands.output(command, env=env, folder=project.ROOT)
    except OSError:
        raise UserError(NOT_THERE) from None
    except commands.Failed as error:
        raise UserError(f"{problem}: {reason(error.said)}") from None


def reason(said: str) -> str:
    """Return the line in which Pulumi says why a command failed."""
    lines = [line.strip() for line in said.splitlines() if re.match(r"\s*error: ", line)]
    telling = [line for line in lines if line not in _NOISE] or said.strip().splitlines()
    return telling[0].removeprefix("error: ") if telling else "no message"
