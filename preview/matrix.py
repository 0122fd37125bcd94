"""Previews every stack in every mode, in both trees, a few at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from policies import rules
from preview import compare, engine
from preview.model import StackDiff, StackPlan
from preview.trees import Tree

MODES = ("active", "standby", "locality")
Done = Callable[[], None]
"""Is called after each preview."""

AT_ONCE = max(2, (os.cpu_count() or 2) // 2)


@dataclass(frozen=True)
class Job:
    """The previews of one stack in one tree; they share a state and run one after another."""

    tree: Tree
    stack: str
    modes: Sequence[str]
    folder: Path
    """Empty folder of its own."""

    def run(self, done: Done) -> list[StackPlan]:
        """Return a plan for each mode."""
        self.folder.mkdir()
        found = []
        for plan in engine.plans(self.tree.folder, self.stack, self.modes, self.folder):
            found.append(plan)
            done()
        return found


def diffs(
    base: Tree | None,
    head: Tree,
    stacks: Sequence[str],
    modes: Sequence[str],
    private: Path,
    done: Done,
) -> tuple[StackDiff, ...]:
    """Return what becomes of each stack in each mode.

    `base`: None if the trees do not differ, for then nothing changes.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        sides = [("head", head)] + ([("base", base)] if base else [])
        try:
            running = {
                (side, stack): pool.submit(
                    Job(tree, stack, modes, private / f"{side}-{stack}").run, done
                )
                for stack in stacks
                for side, tree in sides
            }
            plans = {key: future.result() for key, future in running.items()}
        except BaseException:
            # those that run are ended by Ctrl-C as well, or within seconds by themselves
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return tuple(
        diff(
            stack,
            mode,
            plans["head", stack][position],
            plans["base", stack][position] if base else plans["head", stack][position],
        )
        for stack in stacks
        for position, mode in enumerate(modes)
    )


def diff(stack: str, mode: str, head: StackPlan, base: StackPlan) -> StackDiff:
    """Return what comes of comparing two plans."""
    comparable = not (head.problem or base.problem)
    found = sorted(line for r in head.resources.values() for line in rules.violations(r))
    return StackDiff(
        stack,
        mode,
        resources=len(head.resources),
        changes=compare.changes(base, head) if comparable else (),
        violations=tuple(found),
        head_problem=head.problem,
        base_problem=base.problem if not head.problem else "",
    )
