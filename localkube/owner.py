"""Which state backend knows the clusters of a lab, and who may change them.

With another one the stack looks new: an update would make the clusters anew over those that
run, and `destroy` would end them while the state that knows them keeps all they held.
"""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from foundation import files
from localkube.spec import whole

VARIABLE = "PULUMI_BACKEND_URL"
UNKNOWN = "the backend of `pulumi login`"
_FILE = "backend"


def note(lab: Path, env: Mapping[str, str]) -> None:
    """Write down which state backend knows the clusters of a lab, in a file beside its folder.

    Not in it: the first cluster of a lab clears what an earlier one left there.
    """
    lab.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.replace(lab.with_name(_FILE), state_url(env))  # of clusters that are made at once


def forget(lab: Path) -> None:
    """Remove what `note` wrote, and the stack's folder if nothing else is in it, with the lab."""
    if not lab.exists():
        lab.with_name(_FILE).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            lab.parent.rmdir()


def state_url(env: Mapping[str, str]) -> str:
    """Return the URL of the state backend in use, without a password; empty if Pulumi chose it."""
    parts = urlsplit(env.get(VARIABLE, ""))
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=host, query="", fragment=""))


def _former(lab: Path, known: str, env: Mapping[str, str]) -> Path | None:
    """Return the own state of the checkout that this one, with its own state too, was made from.

    Its folder is gone if the checkout was moved, and there if it was copied.
    """
    own = lab.parent.parent / "pulumi"
    former = Path(unquote(urlsplit(known).path))
    is_own = known.startswith("file:///") and former.parts[-2:] == own.parts[-2:]
    return former if is_own and state_url(env) == own.as_uri() else None


def refusal(lab: Path, env: Mapping[str, str]) -> str:
    """Return why the state backend must not change the lab, with the remedy; empty if it may."""
    file = lab.with_name(_FILE)
    if not lab.exists() or not file.exists():  # it was made before this was written down
        return ""
    known = file.read_text()
    former = _former(lab, known, env)
    if known == state_url(env) or (former and not former.exists()):
        return ""
    sweep = f"./demo local sweep {shlex.quote(str(lab))}"
    if former and any(each.lab != str(lab) for each in whole(lab)):
        return (
            f"{lab} came along with a copy of the checkout {former.parent.parent}, whose clusters"
            f" these are. Remove what is here of them, which ends none: {sweep}"
        )
    stack = lab.parent.name
    where = known or UNKNOWN
    there = f"{VARIABLE}='{known}'" if known else f"env -u {VARIABLE}"
    return (
        f"The clusters of stack {stack} run, and their state is in {where}, not in"
        f" {state_url(env) or UNKNOWN}. Use that: {there} ./demo destroy"
        f" {stack}; if that state is lost, end them without it: {sweep}"
    )
