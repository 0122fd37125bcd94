"""What a killed update was making in clusters of others, and what nobody noted down: it goes first.

Pulumi writes down that it makes an object, and once more when it is there. Killed in between, it
knows of no such object, and a destroy would leave it in a namespace that is not the stack's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from foundation import commands, lists, state_file
from foundation.commands import Failed
from foundation.contract import MARK_ANNOTATION
from toolchain import patience, tools

_SECONDS = 30
"""How long a cluster may take for one object."""


class Unfinished(NamedTuple):
    """An object whose creation has not ended, as far as the state knows."""

    cluster: str
    document: Mapping[str, Any]
    """What names it, and nothing of what it holds."""
    mark: str
    """What it carries if it is the stack's."""

    def __str__(self) -> str:
        metadata = self.document["metadata"]
        where = f" in namespace {metadata['namespace']}" if "namespace" in metadata else ""
        return f"{self.document['kind']} {metadata['name']}{where} of {self.cluster}"


def remove(state: Path, kubeconfig: Path) -> Iterator[str]:
    """Remove such objects from their clusters; yield a line for each that was there, or may be.

    `state` is the file of the stack's state, `kubeconfig` has a context for each cluster.
    """
    try:
        latest = state_file.latest(state)
        wanted = list(found(latest))
    except (OSError, ValueError, KeyError, TypeError):
        return
    silent: dict[str, Failed] = {}
    for each in wanted:
        try:
            if each.cluster in silent:  # it would be waited for once more
                raise silent[each.cluster]
            if _remove(kubeconfig, each):
                yield f"Removed {each}: an update was killed while it made that."
        except (Failed, ValueError) as error:
            if isinstance(error, Failed) and not error.said:  # of kubectl: it took too long
                silent[each.cluster] = error
            yield f"An update was killed while it made {each}, which may be left there: {error}"


def found(latest: Mapping[str, Any]) -> Iterator[Unfinished]:
    """Yield the marked objects that a state was making and does not have."""
    known = {each["urn"] for each in latest.get("resources") or []}
    for operation in latest.get("pending_operations") or []:
        resource = operation["resource"]
        inputs = resource.get("inputs") or {}
        mark = ((inputs.get("metadata") or {}).get("annotations") or {}).get(MARK_ANNOTATION)
        if operation["type"] == "creating" and mark and resource["urn"] not in known:
            cluster = resource["urn"].rpartition("::")[2].partition("/")[0]
            yield Unfinished(cluster, lists.reference(inputs), mark)


def _remove(kubeconfig: Path, each: Unfinished) -> bool:
    """Remove an object that is there and carries the mark; say whether there was one."""
    said = _kubectl(kubeconfig, each, "get", "--ignore-not-found", "--output=json")
    for live in lists.items(said):
        annotations = live["metadata"].get("annotations") or {}
        if annotations.get(MARK_ANNOTATION) == each.mark:
            _kubectl(kubeconfig, each, "delete", "--ignore-not-found", "--wait=false")
            return True
    return False


def _kubectl(kubeconfig: Path, each: Unfinished, *arguments: str) -> str:
    where = (f"--kubeconfig={kubeconfig}", f"--context={each.cluster}", "--filename=-")
    return commands.output(
        [str(tools.path("kubectl")), *arguments, *where],
        seconds=patience.scaled(_SECONDS),
        stdin=lists.as_list([each.document]),
    )
