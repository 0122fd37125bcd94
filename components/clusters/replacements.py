"""Changes for which Pulumi would delete what serves or holds data: refused before anything is.

Kubernetes takes none of these fields in place, but for one. The provider then deletes the object
and makes it anew, in every cluster at once: all pods of an application go together, or its data.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from foundation import state_file
from foundation.errors import UserError, first_of
from foundation.identity import Identity, identity_of, mapping

Document = Mapping[str, Any]

_FIELDS = {
    ("apps", "DaemonSet"): ("selector",),
    ("apps", "Deployment"): ("selector",),
    ("apps", "StatefulSet"): (
        "podManagementPolicy",
        "revisionHistoryLimit",
        "selector",
        "serviceName",
        "volumeClaimTemplates",
    ),
    ("", "PersistentVolumeClaim"): ("accessModes", "selector", "storageClassName", "volumeName"),
}
"""Fields of `spec` for which pulumi-kubernetes 4 replaces objects that serve or hold data.

Source: `forceNew` in provider/pkg/provider/diff.go of https://github.com/pulumi/pulumi-kubernetes.
"""

_WHAT = {"PersistentVolumeClaim": "the claim, and its data with it"}


def check(state: Path, documents: Iterable[Document]) -> None:
    """Refuse a manifest for which an object would be deleted to be made anew. Raises UserError.

    `state` is the file of the stack's state; without one nothing is known and nothing refused.
    """
    try:
        latest = state_file.latest(state)
    except (OSError, ValueError):
        return
    known = [each["inputs"] for each in latest.get("resources") or [] if _is_object(each)]
    for line in lines(known, documents):
        raise UserError(line)


def lines(known: Iterable[Document], documents: Iterable[Document]) -> Iterator[str]:
    """Return a line for each object that would be replaced, and why; pure."""
    before: dict[Identity, Document] = {identity_of(each): each for each in known}
    documents = list(documents)
    yield from _emptied(before, documents)
    for document in documents:
        identity = identity_of(document)
        if (old := before.get(identity)) is None:
            continue
        for name in _FIELDS.get((identity.group, identity.kind), ()):
            was, now = (_given((each.get("spec") or {}).get(name)) for each in (old, document))
            if was != now:
                what = _WHAT.get(identity.kind, "it, and all its pods with it")
                yield (
                    f"{identity}: spec.{name} is {_shown(now)} now and was {_shown(was)}. It is not"
                    f" changed in place: Pulumi would delete {what}, in every cluster at once. Give"
                    " the new one another name, which is made before the old one goes, or keep what"
                    " was"
                )


def _emptied(before: Mapping[Identity, Document], documents: Sequence[Document]) -> Iterator[str]:
    """Yield a line for each namespace or kind that would go although documents still need it."""
    now = {identity_of(document): document for document in documents}
    for identity, old in before.items():
        if identity in now:
            continue
        if identity.kind == "Namespace":
            within = [each for each in now if each.namespace == identity.name]
            what, instead = "the namespace", "move its objects to another namespace first"
        elif identity.kind == "CustomResourceDefinition":
            spec = mapping(old.get("spec"))
            defined = (spec.get("group"), mapping(spec.get("names")).get("kind"))
            within = [each for each in now if (each.group, each.kind) == defined]
            what, instead = "the kind", "remove its objects first"
        else:
            continue
        if within:
            named = first_of([str(each) for each in within], 2)
            yield (
                f"{identity} is no longer in the manifest, but {named} is:"
                f" Pulumi would delete {what}, and Kubernetes all that is in it, data too."
                f" Keep the document, or {instead}"
            )


def _is_object(resource: Mapping[str, Any]) -> bool:
    return resource["type"].startswith("kubernetes:") and "metadata" in resource.get("inputs", {})


def _given(value: Any) -> Any:
    """Return a value without what is null or an empty list in it, which is as nothing to both."""
    if isinstance(value, Mapping):
        return {key: _given(part) for key, part in value.items() if part not in (None, [])}
    return [_given(part) for part in value] if isinstance(value, list) else value


def _shown(value: Any) -> str:
    return "not set" if value is None else json.dumps(value)
