"""What kubectl's commands have set in the stack's objects, said in a preview.

An update of an object removes what kubectl added to it and sets the stack's values again; Pulumi's
own preview compares with the stack's state and shows none of that. Objects that an update leaves
alone keep it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pulumi

from components import kubectl
from components.documents import schema
from foundation.commands import Failed
from foundation.identity import identity_of
from foundation.lists import as_list, items, reference
from foundation.managed_fields import entries, fields_of, is_kubectls, paths, written
from toolchain import patience

Document = Mapping[str, Any]


def warn(kubeconfig: Path, objects: Mapping[str, Sequence[Document]]) -> None:
    """Warn of fields that kubectl has set in objects, given by their cluster; all at once.

    `kubeconfig` is the stack's file with a context for each cluster. Without the file nothing is up
    yet; a cluster that does not answer is left out, for the update will say so itself.
    """
    if not objects or not kubeconfig.exists():
        return
    with ThreadPoolExecutor(max_workers=len(objects)) as pool:
        looks = [pool.submit(_look, kubeconfig, name, own) for name, own in objects.items()]
    for line in (line for each in looks for line in each.result()):
        pulumi.log.warn(line)


def lines(cluster: str, live: Iterable[Document]) -> Iterator[str]:
    """Return a line for each live object with fields that kubectl's commands have set."""
    for each in live:
        found = [
            f"{written(path)} by {entry['manager']}"
            for entry in entries(each)
            if is_kubectls(entry)
            for path in paths(fields_of(entry))
        ]
        if found:
            yield (
                f"{cluster}: {identity_of(each)} has {', '.join(found)}; an update that changes "
                "this object removes it or sets the stack's value. Now: ./demo task heal-all"
            )


def _look(kubeconfig: Path, cluster: str, documents: Sequence[Document]) -> list[str]:
    builtin = [each for each in documents if schema.knows(each["apiVersion"], each["kind"])]
    for some in (documents, builtin):
        try:
            return list(lines(cluster, _live(kubeconfig, cluster, some)))
        except Failed as error:
            # one new kind is enough for kubectl to fail, and there is nothing of it yet
            if _UNKNOWN_KIND not in error.said:
                break
    return []


_UNKNOWN_KIND = "no matches for kind"


def _live(kubeconfig: Path, cluster: str, documents: Sequence[Document]) -> list[dict[str, Any]]:
    """Return those of the objects that a cluster has. Raises Failed."""
    text = as_list(reference(each) for each in documents)
    how = ("--ignore-not-found", "--show-managed-fields", "--output=json", "--filename=-")
    where = (f"--kubeconfig={kubeconfig}", f"--context={cluster}")
    limit = patience.of_requests(kubectl.CONNECT_SECONDS)
    return items(kubectl.run((*where, limit, "get", *how), given=text, requests=len(documents)))
