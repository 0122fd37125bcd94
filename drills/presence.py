"""`python -m drills.presence`: look whether each object of a stack is in its cluster.

The launcher runs it after each update: Pulumi's answer says what was done, and this what is there.
It needs the stack's kubeconfig and state alone, so that it takes half a second.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from drills import stack_objects
from drills.stack_objects import StackObject, as_list, by_identity, shown
from foundation.identity import Identity
from toolchain import environment
from toolchain.entry import entry
from toolchain.errors import UserError

_REQUEST = "--request-timeout=10s"
_SECONDS = 60


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 1 if an object is missing."""
    parser = argparse.ArgumentParser(prog="python -m drills.presence", description=__doc__)
    parser.add_argument("--stack", required=True)
    stack = parser.parse_args(arguments).stack
    return entry(lambda: _look(stack))


def _look(stack: str) -> int:
    kubeconfig = environment.stack_folder(stack) / "kubeconfig"
    by_cluster: dict[str, list[StackObject]] = {}
    for each in stack_objects.load(stack, secrets=False):
        by_cluster.setdefault(each.cluster, []).append(each)
    if not by_cluster:
        return 0
    with ThreadPoolExecutor(max_workers=len(by_cluster)) as pool:
        looks = [pool.submit(look, kubeconfig, name, own) for name, own in by_cluster.items()]
    problems = [line for each in looks for line in each.result()]
    if not problems:
        return 0
    raise UserError(
        f"the update went through, but clusters of stack {stack} do not hold what it made:\n  "
        + "\n  ".join(problems)
        + f"\nMake it again: ./demo task heal-all -- --stack {stack}"
    )


def look(kubeconfig: Path, cluster: str, objects: Sequence[StackObject]) -> list[str]:
    """Return a line for each object that is not in the cluster.

    A cluster that does not answer is named on standard error and is no failure: an update may well
    be the answer to its loss.
    """
    kubectl = kubectl_command(kubeconfig, cluster)
    command = [*kubectl, "get", "--filename=-", "--ignore-not-found", "--output=json"]
    done = run(command, as_list(map(_reference, objects)))
    if done.returncode == 0:
        return missing(cluster, objects, by_identity(done.stdout))
    said = (done.stderr.strip().splitlines() or ["no message"])[-1]
    if run([*kubectl, "get", "--raw=/version"]).returncode:
        print(f"{cluster} does not answer; its objects were not looked at: {said}", file=sys.stderr)
        return []
    return [f"{cluster}: {said}"]


def kubectl_command(kubeconfig: Path, cluster: str) -> list[str]:
    """Return what begins each question to a cluster."""
    return ["kubectl", f"--kubeconfig={kubeconfig}", f"--context={cluster}", _REQUEST]


def missing(
    cluster: str, objects: Iterable[StackObject], live: Mapping[Identity, object]
) -> list[str]:
    """Return a line for each of a cluster's objects that is not among the live ones."""
    return [
        f"{cluster}: {shown(each.identity)} is missing"
        for each in objects
        if each.identity not in live
    ]


def _reference(wanted: StackObject) -> dict[str, object]:
    """Return what names an object: values of Secrets need not leave the state."""
    names = ("name", "namespace")
    metadata = {key: value for key, value in wanted.document["metadata"].items() if key in names}
    return {
        "apiVersion": wanted.document["apiVersion"],
        "kind": wanted.document["kind"],
        "metadata": metadata,
    }


def run(command: Sequence[str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run kubectl; without an end within a minute it has failed."""
    try:
        return subprocess.run(
            command, input=stdin, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no answer within {_SECONDS} s")


if __name__ == "__main__":
    sys.exit(main())
