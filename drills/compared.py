"""`python -m drills.compared`: apply again what an update that was killed has left otherwise.

Pulumi's state then holds what was before that update. Objects that the next update finds there as
the manifest has them are sent nothing, whatever the killed one made of them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from drills import reconcile
from drills.stack import Stack
from foundation import contract
from foundation.entry import entry
from foundation.errors import UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="drills.compared", description=__doc__)
    parser.add_argument("--stack", required=True)
    chosen = parser.parse_args(arguments)
    return entry(lambda: _run(Stack.selected(chosen.stack)))


def _run(stack: Stack) -> int:
    print("The update before this one was killed: objects are compared with the stack.", flush=True)
    found = reconcile.look(stack)
    failed = reconcile.mend(stack, found.drifts, print)
    failed += [f"{cluster} does not answer: {why}" for cluster, why in found.silent.items()]
    if failed:
        again = f"Again: ./demo up {stack.name}"
        raise UserError("\n  ".join(["objects were not all compared:", *failed, again]))
    (stack.folder / contract.KILLED_FILE).unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
