"""`python -m drills.unready`: say which pods of a stack are not ready, each by its own last event.

The launcher runs it after an update that failed: Pulumi says which object was waited for, and a
pod's events say why that came to nothing.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from drills import each_cluster
from drills.stack_objects import StackObject
from foundation.commands import Failed
from foundation.identity import mapping
from foundation.lists import items
from foundation.pod_template import pod_template

_MOST = 10
"""Lines of one cluster; a workload of many pods fails for one reason."""

_MAKERS = ("ReplicaSet", "StatefulSet", "DaemonSet", "Job")
"""What makes pods, and says in its own events why it could not."""

_REFUSAL = "FailedCreate"
"""Reason of such an event; one that is over stays for an hour."""

Object = Mapping[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return each_cluster.command("drills.unready", __doc__, arguments, _look, _end)


def _look(ask: each_cluster.Ask, cluster: str, objects: Sequence[StackObject]) -> list[str]:
    own = {each.identity.namespace for each in objects}
    try:
        there = items(ask("get", "pods,events", "--all-namespaces", "--output=json"))
    except Failed as error:
        if _REFUSED not in error.said:
            return []  # the update has said that the cluster does not answer
        there = _allowed(ask, own - {""})
    here = [item for item in there if item["metadata"].get("namespace") in own]
    ours = _pods_of(objects)
    # others may have pods in a namespace of a cluster of theirs: they are not to hide the stack's
    found = lines(cluster, sorted(here, key=lambda item: not ours(item)))
    more = [f"{cluster}: and {len(found) - _MOST} more"] if len(found) > _MOST else []
    return found[:_MOST] + more


_REFUSED = "(Forbidden)"


def _allowed(ask: each_cluster.Ask, namespaces: Iterable[str]) -> list[dict[str, Any]]:
    """Return the pods and events of these namespaces that a user of theirs alone may list."""
    found = []
    for namespace in sorted(namespaces):
        for what in ("pods", "events"):
            with contextlib.suppress(Failed):
                found += items(ask("get", what, f"--namespace={namespace}", "--output=json"))
    return found


def _pods_of(objects: Sequence[StackObject]) -> Callable[[Object], bool]:
    """Return what tells whether a pod looks like one of these objects'."""
    described = [
        (each.identity.namespace, labels)
        for each in objects
        if (labels := mapping(pod_template(each.document)[1].get("metadata")).get("labels"))
    ]

    def is_one(item: Object) -> bool:
        metadata = item["metadata"]
        labels = (metadata.get("labels") or {}).items()
        return any(
            metadata.get("namespace") == namespace and wanted.items() <= labels
            for namespace, wanted in described
        )

    return is_one


def _end(_: str, found: list[str]) -> None:
    for line in found:
        print(line, file=sys.stderr)


def lines(cluster: str, there: Sequence[Object]) -> list[str]:
    """Return a line for each pod that is not ready, and for each that could not be made.

    `there` are pods and events of the cluster. What has ended well is as it should be. Pods of one
    owner that are not ready for one reason, as a Job's tries, are one line.
    """
    events = [item for item in there if item["kind"] == "Event"]
    alike: dict[tuple[object, str], list[str]] = {}
    for pod in (item for item in there if item["kind"] == "Pod"):
        if not _is_ready(pod):
            about = [e for e in events if _about(e) == _key(pod)]
            owners = tuple(each["uid"] for each in pod["metadata"].get("ownerReferences", []))
            alike.setdefault((owners or _name(pod), _last(about) or _state(pod)), []).append(
                _name(pod)
            )
    found = []
    for (_, why), (first, *others) in alike.items():
        which = f"{first} and {len(others)} like it are" if others else f"{first} is"
        found.append(f"{cluster}: pod {which} not ready: {why}")
    refused = {}
    # of one second the refusal counts: a maker makes what it can of several pods
    for event in sorted(events, key=lambda each: (_time(each), each.get("reason") == _REFUSAL)):
        if _about(event)[0] in _MAKERS and event.get("reason") == _REFUSAL:
            refused[_about(event)] = event
        elif event.get("reason") == "SuccessfulCreate":
            refused.pop(_about(event), None)
    for (kind, namespace, name), event in refused.items():
        found.append(f"{cluster}: {kind} {namespace}/{name} makes no pod: {_said(event)}")
    return found


def _is_ready(pod: Object) -> bool:
    status = pod.get("status", {})
    conditions = {each["type"]: each["status"] for each in status.get("conditions", [])}
    ended = status.get("phase") == "Succeeded" or "deletionTimestamp" in pod["metadata"]
    return ended or conditions.get("Ready") == "True"


def _last(events: Iterable[Object]) -> str:
    """Return the last warning, or else the last event; empty without any."""
    every = sorted(events, key=lambda event: (event.get("type") == "Warning", _time(event)))
    if not every:
        return ""
    return f"{every[-1].get('reason', 'Event')}: {_said(every[-1])}"


def _said(event: Object) -> str:
    return " ".join(event.get("message", "").split())


def _state(pod: Object) -> str:
    """Return why the pod's first unready container waits, or else the pod's phase."""
    for container in pod.get("status", {}).get("containerStatuses", []):
        waiting = container.get("state", {}).get("waiting")
        if waiting:
            return f"{waiting.get('reason', 'waiting')}: {waiting.get('message', '')}".strip(": ")
    return str(pod.get("status", {}).get("phase", "not known"))


def _time(event: Object) -> str:
    """Return when an event came last: one of the series API has another field for it."""
    series = event.get("series") or {}
    known = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return next(filter(None, known), "")


def _about(event: Object) -> tuple[str, str, str]:
    about = event["involvedObject"]
    return about.get("kind", ""), about.get("namespace", ""), about.get("name", "")


def _key(pod: Object) -> tuple[str, str, str]:
    return "Pod", pod["metadata"]["namespace"], pod["metadata"]["name"]


def _name(pod: Object) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


if __name__ == "__main__":
    sys.exit(main())
