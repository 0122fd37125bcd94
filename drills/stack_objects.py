"""The Kubernetes objects that a stack has made, as its own state holds them.

They are what the clusters should hold: the program is not run, so that they are known in a second
and whatever the settings say by now.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from drills import property_paths, pulumi_command
from foundation import selection
from foundation.identity import Identity, autoscaled, identity_of, mapping
from foundation.lists import items
from foundation.managed_fields import Path
from launcher import environment

_TYPE = "kubernetes:"
_FIELD_MANAGER = "pulumi.com/patchFieldManager"
_APART = "4dabf18193072939515e22adb298388d"
"""Key of a value that Pulumi keeps apart: https://www.pulumi.com/docs, "special keys" in state."""

REPLICAS: Path = ("spec", "replicas")


@dataclass(frozen=True)
class StackObject:
    """One object of the stack."""

    cluster: str
    document: Mapping[str, Any]
    """What the stack applies: `apiVersion`, `kind`, `metadata` with namespace, and the rest."""
    manager: str
    """Field manager in whose name the stack applies it; empty if the state does not say."""
    ignored: tuple[Path, ...] = ()
    """Fields that the stack leaves to others, an autoscaler say."""
    urn: str = ""
    """By which Pulumi knows it."""

    @property
    def identity(self) -> Identity:
        """What the API server knows it by; the API's version is not part of it."""
        return identity_of(self.document)

    @property
    def may_be_gone(self) -> bool:
        """Whether its cluster removes it by itself: a Job with a time to live, when it is done."""
        is_job = self.identity[:2] == ("batch", "Job")
        return is_job and self.document["spec"].get("ttlSecondsAfterFinished") is not None

    @property
    def is_secret(self) -> bool:
        """Whether its values must not be shown."""
        return bool(self.document["kind"] == "Secret")


MISSING = "is missing"

LEAVING = "is being deleted, and goes once nothing uses it"
"""What is said of an object that somebody, or an earlier update, has deleted and is there yet."""


def shown(known: Identity) -> str:
    """Return an object's kind and name as kubectl's users write them."""
    _, kind, namespace, name = known
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def absence(wanted: StackObject, live: Mapping[str, Any] | None) -> str:
    """Return MISSING or LEAVING of an object that its cluster does not hold, or not for long.

    `live` is what the cluster has, None if nothing. Empty where it holds the object or need not.
    """
    if wanted.may_be_gone:
        return ""
    if live is None:
        return MISSING
    return LEAVING if mapping(live.get("metadata")).get("deletionTimestamp") else ""


def by_identity(said: str) -> dict[Identity, dict[str, Any]]:
    """Return the objects that kubectl has printed as JSON."""
    return {identity_of(item): item for item in items(said)}


def load(stack: str, secrets: bool = True) -> list[StackObject]:
    """Read the stack's objects from its state. Raises UserError.

    Values of Secrets are decrypted in memory; without `secrets` they are not to be used. Without
    them the file is read where it is our own: Pulumi takes a second for many clusters.
    """
    env = environment.variables(os.environ, stack)
    if not secrets and (latest := selection.own_latest(env, stack)) is not None:
        return of_state({"deployment": latest})
    how = ["--show-secrets"] if secrets else []
    problem = f"The state of stack {stack} cannot be read"
    return of_state(
        json.loads(pulumi_command.output(env, stack, "stack", "export", *how, problem=problem))
    )


def of_state(exported: Mapping[str, Any]) -> list[StackObject]:
    """Return the objects of an exported state, in the order in which the stack makes them.

    `exported` is what `pulumi stack export` prints. Objects that the stack only reads, and old ones
    that are still to be deleted, are none of its own.
    """
    found = [
        _of(resource)
        for resource in exported["deployment"].get("resources") or []
        if resource["type"].startswith(_TYPE)
        and not resource.get("delete")
        and not resource.get("external")
        and "kind" in resource.get("inputs", {})
    ]
    by_cluster: dict[str, list[Mapping[str, Any]]] = {}
    for each in found:
        by_cluster.setdefault(each.cluster, []).append(each.document)
    scaled = {name: autoscaled(documents) for name, documents in by_cluster.items()}
    return [
        replace(each, ignored=(*each.ignored, REPLICAS))
        if each.identity in scaled[each.cluster] and REPLICAS not in each.ignored
        else each
        for each in found
    ]


def find(objects: Iterable[StackObject], cluster: str, known: Identity) -> StackObject | None:
    """Return the stack's object of this identity in a cluster; None if there is none."""
    return next((o for o in objects if (o.cluster, o.identity) == (cluster, known)), None)


def _of(resource: Mapping[str, Any]) -> StackObject:
    inputs, outputs = _plain(resource["inputs"]), resource.get("outputs") or {}
    document = {key: value for key, value in inputs.items() if not key.startswith("__")}
    metadata = document["metadata"]
    namespace, _, _ = resource["id"].rpartition("/")
    if namespace:
        metadata["namespace"] = namespace
    note = (metadata.get("annotations") or {}).get(_FIELD_MANAGER, "")
    given = resource.get("ignoreChanges") or []
    ignored = tuple(path for text in given for path in property_paths.read(text, document))
    manager = note or str(outputs.get("__fieldManager", ""))
    return StackObject(_cluster(resource["provider"]), document, manager, ignored, resource["urn"])


def _cluster(provider: str) -> str:
    """Return the name of a provider, which is that of its cluster: `urn:...::<name>::<id>`."""
    urn = provider.rpartition("::")[0]
    return urn.rpartition("::")[2]


def _plain(value: Any) -> Any:
    """Return a value of the state as the API server gets it, secrets in plain text."""
    if isinstance(value, dict):
        if _APART in value and "plaintext" in value:
            return json.loads(value["plaintext"])
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
