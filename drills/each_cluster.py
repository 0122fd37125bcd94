"""What the launcher has looked at in each cluster of a stack after an update.

It needs the stack's kubeconfig and state alone, so that it takes half a second.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from drills import stack_objects
from drills.stack_objects import StackObject
from foundation import commands, project
from foundation.entry import entry
from toolchain import patience

_REQUEST_SECONDS = 10
_SECONDS = 60

Found = TypeVar("Found")

Ask = Callable[..., str]
"""Returns what kubectl prints about one cluster; `stdin` is its input. Raises Failed."""

Look = Callable[[Ask, str, Sequence[StackObject]], list[Found]]
"""Gives what it finds in a cluster, by its name and the stack's objects that belong into it."""


def command(
    name: str,
    description: str | None,
    arguments: Sequence[str] | None,
    look: Look[Found],
    end: Callable[[str, list[Found]], None],
) -> int:
    """Run `python -m NAME --stack STACK`: look at all clusters at once, and return the exit code.

    `end` gets the stack and all that was found; a UserError that it raises fails the command. A
    stack without objects has nothing to be looked at.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {name}", description=description)
    parser.add_argument("--stack", required=True)
    stack = parser.parse_args(arguments).stack

    def act() -> int:
        end(stack, _found(stack, look))
        return 0

    return entry(act)


def _found(stack: str, look: Look[Found]) -> list[Found]:
    kubeconfig = project.kubeconfig(stack)
    by_cluster: dict[str, list[StackObject]] = {}
    for each in stack_objects.load(stack, secrets=False):
        by_cluster.setdefault(each.cluster, []).append(each)
    if not by_cluster:
        return []

    def one(cluster: str) -> list[Found]:
        limit = patience.of_requests(_REQUEST_SECONDS)
        start = ("kubectl", f"--kubeconfig={kubeconfig}", f"--context={cluster}", limit)

        def ask(*words: str, stdin: str = "") -> str:
            return commands.output([*start, *words], seconds=patience.scaled(_SECONDS), stdin=stdin)

        return look(ask, cluster, by_cluster[cluster])

    with ThreadPoolExecutor(max_workers=len(by_cluster)) as pool:
        return [each for found in pool.map(one, by_cluster) for each in found]
