"""What is broken in a stack, or differs from it: shown, and mended."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from drills import action, failback, preconditions, reconcile
from drills.journal import Journal
from drills.say import say
from drills.stack import EDGE, Stack
from foundation import contract, files, project
from launcher import leftovers


def show(stack: Stack) -> int:
    """Say what is broken in a stack, or differs from it; return 1 if anything is."""
    entries = Journal(stack.folder).entries()
    recorded = {(e.fault, e.cluster) for e in entries}
    with ThreadPoolExecutor() as pool:
        seen = pool.submit(action.unrecorded, stack)
        looked = pool.submit(preconditions.look, stack)
        compared = pool.submit(reconcile.look, stack)
        for known in entries:
            print(
                f"{known.cluster}: {known.fault}, for {max(0.0, time.time() - known.since):.0f} s"
            )
        problems = {name: text for name, text in looked.result().items() if text}
        for name, text in problems.items():
            say(f"{name}: {text}")  # the other looks take longer then
        if not stack.embedded.keys().isdisjoint(problems):
            say("How the programs of these clusters are: ./demo local status")
        if any("(Unauthorized)" in text for text in problems.values()):
            say(f"Credentials are read again from your kubeconfig by: ./demo up {stack.name}")
    others = [(f.name, c) for f, c in seen.result() if (f.name, c) not in recorded]
    for name, cluster in others:
        print(f"{cluster}: {name}, which nobody wrote down")
    found = compared.result()
    for each in found.drifts:
        print(each.line)
    for name, text in found.silent.items():
        if name not in problems:
            print(f"{name}: its objects cannot be compared: {text}")
    # with an edge that cannot be asked, that alone is said
    waiting = [] if EDGE in problems else failback.told(stack)
    for line in waiting:
        print(line)
    if entries or others or problems or found.drifts or found.silent:
        text = leftovers.under_way(project.state_folder(), stack.name)
        if not text and files.is_locked(stack.folder / contract.DRILL_LOCK):
            text = f"A drill of stack {stack.name} runs"
        if text:
            print(
                f"{text}, so this may be its work."
                f" When it has ended: {project.task('status', stack.name)}"
            )
        else:
            print(f"Mend everything: {project.task('heal-all', stack.name)}")
        return 1
    well = "" if waiting else "; all is well"
    print(f"Nothing is broken in stack {stack.name}{well}.")
    return 0


def heal(stack: Stack) -> int:
    """Mend everything, and show what is left; return 1 if anything is."""
    failed = action.heal_all(stack, print)
    if text := leftovers.under_way(project.state_folder(), stack.name):
        # the state says what was before the update, and applied again it would undo the update
        failed.append(
            f"{text}, so objects are not compared with it."
            f" When it has ended: {project.task('heal-all', stack.name)}"
        )
    else:
        failed += reconcile.mend(stack, reconcile.look(stack).drifts, print)
    for line in failed:
        print(f"error: {line}", file=sys.stderr)
    return 1 if failed else show(stack)
