"""Replicas that an autoscaler sets, and those that one has left which is gone.

Kubernetes keeps what a deleted autoscaler has set last. Pulumi deletes after it has updated: so the
autoscaler may well scale the workload once more, or the workload is not updated at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from drills.stack_objects import REPLICAS, StackObject
from foundation import managed_fields
from foundation.identity import Identity, autoscaled
from foundation.managed_fields import Entry

Document = Mapping[str, Any]

_CONTROLLER = "kube-controller-manager"
"""Field manager of Kubernetes' own autoscaler."""


def is_scaled(managed: Iterable[Entry]) -> bool:
    """Check whether a controller has set the replicas; `kubectl scale` is a user's choice."""
    return any(_scales(each) and not managed_fields.is_kubectls(each) for each in managed)


def is_switched_off(live: Document) -> bool:
    """Check whether nobody but a user left no replicas: Kubernetes' autoscaler never begins at 0.

    A controller that scales to none, KEDA say, has set them by the subresource `scale`.
    """
    none = managed_fields.value_at(live, REPLICAS) == 0
    return none and not is_scaled(managed_fields.entries(live))


def suspects(
    objects: Iterable[StackObject], live: Mapping[Identity, Document]
) -> list[StackObject]:
    """Return those of the stack's objects that have other replicas than it gives them."""
    return [
        each
        for each in objects
        if each.identity in live
        and REPLICAS not in each.ignored
        and (given := managed_fields.value_at(each.document, REPLICAS)) is not None
        and given != managed_fields.value_at(live[each.identity], REPLICAS)
    ]


def asked(live: Mapping[Identity, Document]) -> list[tuple[str, str, str]]:
    """Return what kubectl is told to list the autoscalers of all these: a line a namespace.

    To list those of the whole cluster is more than the stack needs to be allowed.
    """
    namespaces = sorted({known.namespace for known in _scaled(live)})
    return [("get", "horizontalpodautoscalers.autoscaling", f"--namespace={n}") for n in namespaces]


def forsaken(
    live: Mapping[Identity, Document], autoscalers: Iterable[Document]
) -> dict[Identity, dict[str, Any]]:
    """Return the live objects that Kubernetes' autoscaler has scaled and none does any more.

    In what is returned no controller has set the replicas by the subresource `scale`.
    """
    owned = autoscaled(autoscalers)
    return {known: _without_scale(live[known]) for known in _scaled(live) if known not in owned}


def _scaled(live: Mapping[Identity, Document]) -> list[Identity]:
    return [
        known
        for known, each in live.items()
        if any(_is_kubernetes(entry) for entry in managed_fields.entries(each))
    ]


def _without_scale(live: Document) -> dict[str, Any]:
    managed: Sequence[Entry] = [
        {key: value for key, value in each.items() if key != "subresource"}
        if _is_kubernetes(each)
        else each
        for each in managed_fields.entries(live)
    ]
    return {**live, "metadata": {**live["metadata"], "managedFields": managed}}


def _is_kubernetes(entry: Entry) -> bool:
    return _scales(entry) and entry["manager"] == _CONTROLLER


def _scales(entry: Entry) -> bool:
    return entry.get("subresource") == "scale" and managed_fields.holds(
        managed_fields.fields_of(entry), REPLICAS
    )
