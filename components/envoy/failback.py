"""Failback in Envoy: clusters that take a gateway back later than its health would allow.

Envoy's slow start raises the weight of one host among others of its priority. A region that comes
back in mode standby is alone in its priority, so slow start cannot hold it back. Here each step of
a failback is an Envoy cluster of its own. It holds against a gateway what has happened for longer:
by the number of checks that have to pass, and by the time of an ejection.

A step's checks ask for the pods of the gateway's own cluster. A gateway that has lost them, and
answers by way of its peers, has failed for the step.

Behind each step stands the Envoy cluster that knows no failback, joined by an aggregate cluster.
If all gateways are held back or gone, requests go by what is well at the moment.

The aggregates are there whatever the failback. Envoy loads clusters and routes from two files, one
a moment before the other, and which is first is chance. A route that names a cluster that is not
there yet, or not any more, loses what comes in that moment (seen: up to three of 100 a second).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from components.envoy import upstream
from components.envoy.common import ENDPOINT_METADATA, seconds
from components.envoy.health import INTERVAL_SECONDS
from components.profile.model import OutlierDetection
from components.routing.failback import MOST_STEPS, Step

#: Envoy counts the checks that have passed in 32 bits; at two a second it never gets there.
_NEVER_CHECKED = 2**32 - 1
_TEN_YEARS = "315360000s"

#: What is held back until somebody says otherwise has more time to answer a check, and more checks:
#: a gateway that hangs is found by its requests, and one that is short of CPU has not failed. Even
#: the first check counts, which an update makes.
_PATIENT = {"timeout": "2s", "unhealthy_threshold": 3}


def step_name(role: str, step: int, *, joined: bool = False) -> str:
    """Return the first part of the name of a step's Envoy cluster, or of its aggregate's."""
    return f"{role}-{step}-joined" if joined else f"{role}-{step}"


def clusters(
    plain: Mapping[str, Any], steps: Sequence[Step], host: str, rules: OutlierDetection, told: str
) -> Iterator[dict[str, Any]]:
    """Yield the Envoy clusters of all steps, and an aggregate for each step that there may be.

    `plain` is the Envoy cluster without failback, called `ROLE_…`. `host` is the name at which a
    gateway answers for its own pods alone. A new text of `told` makes Envoy replace the clusters of
    steps that wait to be told, and new ones hold nothing against any gateway. An aggregate passes
    over a cluster that is not there.
    """
    role, _, rest = plain["name"].partition("_")
    for number, step in enumerate(steps):
        yield _step(plain, f"{step_name(role, number)}_{rest}", step, host, rules, told)
    for number in range(MOST_STEPS):
        names = [f"{step_name(role, number)}_{rest}", plain["name"]]
        joined = f"{step_name(role, number, joined=True)}_{rest}"
        yield upstream.aggregate(joined, names, plain, plain["circuit_breakers"])


def _step(
    plain: Mapping[str, Any], name: str, step: Step, host: str, rules: OutlierDetection, told: str
) -> dict[str, Any]:
    made = copy.deepcopy(dict(plain))
    made["name"] = made["load_assignment"]["cluster_name"] = name
    (check,) = made["health_checks"]
    check["http_health_check"]["host"] = host
    check.pop("tls_options", None)  # the plain cluster's checks meet new connections
    detection = made["outlier_detection"]
    if step.later is None:
        check["healthy_threshold"] = _NEVER_CHECKED
        check.update(_PATIENT)
        detection["base_ejection_time"] = detection["max_ejection_time"] = _TEN_YEARS
        made["metadata"] = {"filter_metadata": {ENDPOINT_METADATA: {"failback": told}}}
    else:
        check["healthy_threshold"] += math.ceil(step.later / INTERVAL_SECONDS)
        # Both bounds move, so that steps stay apart however often a fault repeats.
        detection["base_ejection_time"] = seconds(rules.base_ejection_time + step.later)
        detection["max_ejection_time"] = seconds(rules.max_ejection_time + step.later)
    return made


def routed(
    entries: Sequence[dict[str, Any]], steps: Sequence[Step], *, shared: bool
) -> list[dict[str, Any]]:
    """Return routes that send requests by the steps instead of the Envoy cluster that they name.

    `shared` says that several gateways have the first priority. Then the first new try goes to
    another one of these; else it leaves the priority at once. Envoy does not know the same gateway
    of the next priority again.
    """
    if not steps:
        return list(entries)
    return [
        {**entry, "route": _by_steps(entry["route"], steps, shared=shared)}
        if "cluster" in entry.get("route", {})
        else entry
        for entry in entries
    ]


def _by_steps(action: Mapping[str, Any], steps: Sequence[Step], *, shared: bool) -> dict[str, Any]:
    kept = {key: value for key, value in action.items() if key != "cluster"}
    role, _, rest = action["cluster"].partition("_")
    if shared and "retry_policy" in action:
        policy = copy.deepcopy(action["retry_policy"])
        policy["retry_priority"]["typed_config"]["update_frequency"] = 2
        kept["retry_policy"] = policy
    names = [f"{step_name(role, number, joined=True)}_{rest}" for number in range(len(steps))]
    if len(steps) == 1:
        return {"cluster": names[0], **kept}
    shares = [{"name": name, "weight": step.share} for name, step in zip(names, steps, strict=True)]
    return {"weighted_clusters": {"clusters": shares}, **kept}
