"""`python -m drills.presence`: look whether each object of a stack is in its cluster.

The launcher runs it after each update: Pulumi's answer says what was done, and this what is there.
What an autoscaler has scaled that this update has deleted is updated once more.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from drills import autoscalers, each_cluster, update
from drills.stack import Stack
from drills.stack_objects import StackObject, absence, by_identity, shown
from foundation import project
from foundation.commands import Failed
from foundation.errors import UserError
from foundation.identity import Identity
from foundation.lists import as_list, items, reference
from foundation.run import interruptible


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 1 if an object is missing."""
    return each_cluster.command("drills.presence", __doc__, arguments, look, _end)


def look(
    ask: each_cluster.Ask, cluster: str, objects: Sequence[StackObject]
) -> list[str | StackObject]:
    """Return a line for each object that is not in the cluster, and each that is to be updated.

    A cluster that does not answer is named on standard error and is no failure: an update may well
    be the answer to its loss. Values of Secrets need not leave the state.
    """
    try:
        live = by_identity(ask("get", *_OWN, stdin=_references(objects)))
        return [*missing(cluster, objects, live), *_forsaken(ask, objects, live)]
    except Failed as error:
        why = error
    try:
        ask("get", "--raw=/version")
    except Failed:
        print(f"{cluster} does not answer; its objects were not looked at: {why}", file=sys.stderr)
        return []
    return [f"{cluster}: {why}"]


_OWN = ("--filename=-", "--ignore-not-found", "--output=json")


def missing(
    cluster: str, objects: Iterable[StackObject], live: Mapping[Identity, Mapping[str, Any]]
) -> list[str]:
    """Return a line for each object that its cluster should hold and does not, or not for long."""
    return [
        f"{cluster}: {shown(each.identity)} {problem}"
        for each in objects
        if (problem := absence(each, live.get(each.identity)))
    ]


def _forsaken(
    ask: each_cluster.Ask, objects: Sequence[StackObject], live: Mapping[Identity, dict[str, Any]]
) -> list[StackObject]:
    """Return the objects with the replicas of an autoscaler that is gone.

    None where that cannot be known: whoever brings the stack up may be refused a list of them.
    """
    suspects = autoscalers.suspects(objects, live)
    if not suspects:
        return []
    with contextlib.suppress(Failed):
        known = by_identity(ask("get", *_OWN, "--show-managed-fields", stdin=_references(suspects)))
        said = [ask(*words, "--output=json") for words in autoscalers.asked(known)]
        found = autoscalers.forsaken(known, [each for text in said for each in items(text)])
        return [each for each in suspects if each.identity in found]
    return []


def _references(objects: Iterable[StackObject]) -> str:
    return as_list(reference(each.document) for each in objects)


def _end(stack: str, found: list[str | StackObject]) -> None:
    if problems := [each for each in found if isinstance(each, str)]:
        raise UserError(
            f"the update went through, but clusters of stack {stack} do not hold what it made:\n  "
            + "\n  ".join(problems)
            + f"\nMake it again: {project.task('heal-all', stack)}"
        )
    _update_again(stack, [each for each in found if isinstance(each, StackObject)])


def _update_again(stack: str, forsaken: Sequence[StackObject]) -> None:
    """Have Pulumi see and set the replicas of these objects, in its state as well."""
    if not forsaken:
        return
    for each in forsaken:
        print(
            f"{each.cluster}: {shown(each.identity)} has replicas of an autoscaler that is gone;"
            " it is updated again.",
            flush=True,
        )
    with interruptible():  # Pulumi is told to end, and waited for
        update.up(Stack.selected(stack), refreshed=[each.urn for each in forsaken])


if __name__ == "__main__":
    sys.exit(main())
