"""Which state backend knows the clusters of a lab: written beside them, looked at before a change.

With another backend the stack looks new: an update would make the clusters anew over those that
run, and `destroy` would end them while the state that knows them keeps all they held.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

VARIABLE = "PULUMI_BACKEND_URL"
_UNKNOWN = "the backend of `pulumi login`"
_FILE = "backend"


def note(lab: Path, env: Mapping[str, str]) -> None:
    """Write down for the lab in this folder which backend knows its clusters (mode 0600)."""
    lab.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = lab / _FILE
    file.touch(mode=0o600)
    file.write_text(backend(env))


def backend(env: Mapping[str, str]) -> str:
    """Return the URL of the state backend in use, without a password; empty if Pulumi chose it."""
    parts = urlsplit(env.get(VARIABLE, ""))
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=host, query="", fragment=""))


def refusal(lab: Path, env: Mapping[str, str]) -> str:
    """Return why this backend must not change the lab, with the remedy; empty if it may."""
    try:
        known = (lab / _FILE).read_text()
    except OSError:
        return ""  # there is no lab, or it was made before this was written down
    if known == backend(env):
        return ""
    stack = lab.parent.name
    where = known or _UNKNOWN
    there = f"{VARIABLE}='{known}'" if known else f"env -u {VARIABLE}"
    return (
        f"The clusters of stack {stack} run, and their state is in {where}, not in"
        f" {backend(env) or _UNKNOWN}. Use that: {there} ./demo destroy"
        f" {stack}; if that state is lost, end them without it:"
        f" ./demo local sweep {shlex.quote(str(lab))}"
    )
