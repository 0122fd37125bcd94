"""Faults that the portal makes by itself: its fault filter, switched by its admin port.

The port is open inside the pod only, so that nobody but kubectl exec gets there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from drills.application import PORTAL
from drills.faults.model import Means, Strike
from foundation import envoy_admin
from foundation.errors import UserError

DELAY = "fault.http.delay.fixed_delay_percent"
"""Percentage of requests that are answered two seconds late."""

PODS = "pods"
"""Key of a strike's memory: the names of the application's pods."""

ABORT = "fault.http.abort.abort_percent"
"""Percentage of requests that are answered with 503."""

_ASK = f"""
{envoy_admin.request()}
request "$0" "$1"
while read -r line <&3; do echo "$line"; done
"""


def percentage(key: str, value: int) -> Means:
    """Return the means that set one percentage in every pod, and take all settings back."""
    return Means(
        f"{key} is set to {value} by the admin port of each pod",
        lambda strike: set_all(strike, {key: value}, strike.memory.get(PODS, "").split()),
        lambda strike: set_all(strike, {DELAY: None, ABORT: None}),
        seen=lambda strike: is_set(strike, key, value),
        # a look takes a busy machine a second and more, in which nothing is broken yet
        remember=lambda strike: {PODS: " ".join(_running(strike))},
    )


def set_all(strike: Strike, values: Mapping[str, int | None], pods: Sequence[str] = ()) -> None:
    """Set percentages in these pods, or in all that run; None takes the setting back.

    Raises UserError.
    """
    query = "&".join(f"{key}={'' if value is None else value}" for key, value in values.items())
    answers = _ask(strike, "POST", f"/runtime_modify?{query}", pods)
    for pod, answer in answers.items():
        if not answer.startswith("HTTP/1.1 200"):
            said = (answer.splitlines() or ["nothing"])[0]
            raise UserError(f"{strike.cluster}: {pod} does not take the setting: {said}")
    if not answers and any(value is not None for value in values.values()):
        raise UserError(f"{strike.cluster}: web-portal has no running pod to strike")


def is_set(strike: Strike, key: str, value: int) -> bool:
    """Check whether any pod has this percentage."""
    entry = re.compile(rf'"{re.escape(key)}":.*?"final_value": *"(\d+)"', re.DOTALL)
    found = map(entry.search, _ask(strike, "GET", "/runtime").values())
    return any(match and int(match[1]) == value for match in found)


def _running(strike: Strike) -> list[str]:
    namespace, name = PORTAL
    pods = strike.running_pods(namespace, f"app={name}")
    return [each["name"] for each in pods if not each.get("deletionTimestamp")]


def _ask(strike: Strike, method: str, path: str, pods: Sequence[str] = ()) -> dict[str, str]:
    """Return what the admin port of each pod answers, asked all at the same time."""
    namespace, name = PORTAL
    pods = pods or _running(strike)

    def ask(pod: str) -> str:
        where = (pod, "--namespace", namespace, "--container", name)
        return strike.kubectl("exec", *where, "--", "/bin/bash", "-c", _ASK, method, path)

    with ThreadPoolExecutor(max_workers=max(1, len(pods))) as pool:
        return dict(zip(pods, pool.map(ask, pods), strict=True))
