"""`python -m drills.presence`: look whether each object of a stack is in its cluster.

The launcher runs it after each update: Pulumi's answer says what was done, and this what is there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence

from drills import each_cluster
from drills.stack_objects import StackObject, by_identity, shown
from foundation import project
from foundation.commands import Failed
from foundation.errors import UserError
from foundation.identity import Identity
from foundation.lists import as_list, reference


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 1 if an object is missing."""
    return each_cluster.command("drills.presence", __doc__, arguments, look, _end)


def look(ask: each_cluster.Ask, cluster: str, objects: Sequence[StackObject]) -> list[str]:
    """Return a line for each object that is not in the cluster.

    A cluster that does not answer is named on standard error and is no failure: an update may well
    be the answer to its loss. Values of Secrets need not leave the state.
    """
    wanted = as_list(reference(each.document) for each in objects)
    try:
        said = ask("get", "--filename=-", "--ignore-not-found", "--output=json", stdin=wanted)
        return missing(cluster, objects, by_identity(said))
    except Failed as error:
        why = error
    try:
        ask("get", "--raw=/version")
    except Failed:
        print(f"{cluster} does not answer; its objects were not looked at: {why}", file=sys.stderr)
        return []
    return [f"{cluster}: {why}"]


def missing(
    cluster: str, objects: Iterable[StackObject], live: Mapping[Identity, object]
) -> list[str]:
    """Return a line for each object that its cluster should hold and does not."""
    return [
        f"{cluster}: {shown(each.identity)} is missing"
        for each in objects
        if each.identity not in live and not each.may_be_gone
    ]


def _end(stack: str, problems: list[str]) -> None:
    if problems:
        raise UserError(
            f"the update went through, but clusters of stack {stack} do not hold what it made:\n  "
            + "\n  ".join(problems)
            + f"\nMake it again: {project.task('heal-all', stack)}"
        )


if __name__ == "__main__":
    sys.exit(main())
