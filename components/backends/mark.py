"""The mark on every object in clusters that others use too: whose it is.

It lets an interrupted update be repeated, for what that made is known again, and nobody else's
object is ever taken for the stack's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from foundation.contract import MARK_ANNOTATION as ANNOTATION
from foundation.project import identity, uses_own_state

__all__ = ["ANNOTATION", "names_no_backend", "of"]

_URL = "PULUMI_BACKEND_URL"
_SELF_MANAGED = "organization"
"""What Pulumi calls the organization of every stack in a state backend of the user's own."""


def of(stack: str, project: str, organization: str, env: Mapping[str, str]) -> str:
    """Return the mark of a stack: its name, and what tells it from others of that name.

    With the state in the project's own folder that is a random text kept beside it: two checkouts
    never share one, whatever their paths, and it goes as the state goes. With any other state it
    follows from where that is and how the stack is called there: all who share the state share it.
    """
    known = identity() if uses_own_state(env) else ""
    if not known:
        url = env.get(_URL, "")
        text = "\0".join((url, organization, project, stack))
        known = hashlib.sha256(text.encode()).hexdigest()[:12]
    return f"{stack}-{known}"


def names_no_backend(organization: str, env: Mapping[str, str]) -> bool:
    """Check whether stacks of one name in several state backends of `pulumi login` share a mark."""
    return organization == _SELF_MANAGED and not env.get(_URL)
