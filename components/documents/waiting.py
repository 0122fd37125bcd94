"""What an update waits for, by kind: pods, and nothing that `kubectl apply` leaves alone.

Pure functions of one document.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from foundation.errors import UserError
from foundation.identity import mapping
from toolchain import patience

SKIP_AWAIT = "pulumi.com/skipAwait"
"""Annotation by which Pulumi's provider does not wait for an object to be ready."""

WAIT_FOR = "pulumi.com/waitFor"
"""Annotation of the condition that Pulumi's provider waits for."""

TIMEOUT = "pulumi.com/timeoutSeconds"
"""Annotation of the seconds for which Pulumi's provider waits."""

_SECONDS = 180
"""How long a workload may take to be ready, unless its annotation says otherwise."""

_DELETE = "5m"
"""A namespace is gone only when a cloud has taken back the load balancers in it: minutes."""

_UNAWAITED = {
    "Ingress",
    "Job",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "ResourceQuota",
    "Secret",
    "Service",
}
"""Kinds that Pulumi's provider awaits and `kubectl apply` does not.

An Ingress has no address without a controller, a Job may be suspended or already collected, a claim
may wait for its first pod. A Service's pods are waited for by themselves.
"""


_THERE = "jsonpath={.metadata.uid}"
"""A condition that holds as soon as the object is there.

Of an object that it does not await the provider does not await the end either, and would apply the
new one of its name onto one that is still ending. No other pod can be changed than anew.
"""

_ONCE = ("Never", "OnFailure")


def await_annotations(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the annotations by which the provider waits as it should; the user's own count."""
    own = document["metadata"].get("annotations") or {}
    if SKIP_AWAIT in own or WAIT_FOR in own:
        return {}
    if _ends(document):
        return {WAIT_FOR: _THERE}
    unawaited = document["kind"] in _UNAWAITED or _is_held(document)
    return {SKIP_AWAIT: "true"} if unawaited else {}


def _ends(document: Mapping[str, Any]) -> bool:
    """Say whether it is a pod that does its work and ends, well or not: a chart's test, say."""
    return document["kind"] == "Pod" and mapping(document.get("spec")).get("restartPolicy") in _ONCE


def _is_held(document: Mapping[str, Any]) -> bool:
    """Say whether the provider would wait for the end of a rollout that somebody else takes on.

    Of a StatefulSet with `OnDelete` it awaits the pods alone, which is as it should be.
    """
    spec = mapping(document.get("spec"))
    strategy = mapping(spec.get("updateStrategy"))
    match document["kind"]:
        case "Deployment":
            return bool(spec.get("paused"))
        case "StatefulSet":
            return bool(mapping(strategy.get("rollingUpdate")).get("partition"))
        case "DaemonSet":
            return strategy.get("type") == "OnDelete"
    return False


def timeouts(document: Mapping[str, Any]) -> pulumi.CustomTimeouts:
    """Return for how long the provider waits. Raises UserError, as `seconds` does.

    The provider looks at its annotation only where the resource has no time-outs of its own.
    """
    limit = f"{patience.scaled(seconds(document)):.0f}s"
    return pulumi.CustomTimeouts(create=limit, update=limit, delete=_DELETE)


def seconds(document: Mapping[str, Any], source: str = "") -> int:
    """Return the seconds that the document's annotation says, or the default.

    Raises UserError unless that is a whole number above 0; the provider would ignore it.
    """
    text = (document["metadata"].get("annotations") or {}).get(TIMEOUT)
    if text is None:
        return _SECONDS
    if not str(text).isdecimal() or not int(text):
        where = f"{source}: " if source else ""
        name = f"{document['kind']} {document['metadata']['name']}"
        raise UserError(
            f"{where}{name}: annotation '{TIMEOUT}' is '{text}'; "
            'use a whole number of seconds above 0, such as "600"'
        )
    return int(text)
