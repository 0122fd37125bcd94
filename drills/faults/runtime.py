"""Faults that the portal makes by itself: its fault filter, switched by its admin port.

The port is open inside the pod only, so that nobody but kubectl exec gets there.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from drills.application import PORTAL
from drills.faults import session
from drills.faults.model import Means, Strike, Trigger
from foundation import envoy_admin
from foundation.errors import UserError

DELAY = "fault.http.delay.fixed_delay_percent"
"""Percentage of requests that are answered two seconds late."""

PODS = "pods"
"""Key of a strike's memory: the names of the application's pods."""

ABORT = "fault.http.abort.abort_percent"
"""Percentage of requests that are answered with 503."""

_ASK = f"""
{envoy_admin.request()}{envoy_admin.ANSWERED}
echo {session.READY}
read -r || exit
request "$0" "$1" && answered
"""


def percentage(key: str, value: int) -> Means:
    """Return the means that set one percentage in every pod, and take that back."""

    def break_(strike: Strike) -> None:
        with _armed(strike, {key: value}) as trigger:
            trigger()

    return Means(
        f"{key} is set to {value} by the admin port of each pod",
        break_,
        lambda strike: set_all(strike, {key: None}),
        seen=lambda strike: is_set(strike, key, value),
        # a look takes a busy machine a second and more, in which nothing is broken yet
        remember=lambda strike: {PODS: " ".join(_running(strike))},
        # and so does kubectl exec
        arm=lambda strike: _armed(strike, {key: value}),
    )


def set_all(strike: Strike, values: Mapping[str, int | None]) -> None:
    """Set percentages in all pods that run; None takes the setting back. Raises UserError."""
    pods = _running(strike)
    if pods:
        with _setting(strike, values, pods) as trigger:
            trigger()


@contextlib.contextmanager
def _armed(strike: Strike, values: Mapping[str, int]) -> Iterator[Trigger]:
    """Make ready what sets percentages in each pod. Raises UserError if there is no pod."""
    pods = strike.memory.get(PODS, "").split() or _running(strike)
    if not pods:
        raise UserError(f"{strike.cluster}: web-portal has no running pod to strike")
    with _setting(strike, values, pods) as trigger:
        yield trigger


@contextlib.contextmanager
def _setting(
    strike: Strike, values: Mapping[str, int | None], pods: Sequence[str]
) -> Iterator[Trigger]:
    query = "&".join(f"{key}={'' if value is None else value}" for key, value in values.items())

    def go() -> None:
        for pod, answer in answers().items():
            if not answer.startswith("HTTP/1.1 200"):
                said = (answer.splitlines() or ["nothing"])[0]
                raise UserError(f"{strike.cluster}: {pod} does not take the setting: {said}")

    with _asking(strike, "POST", f"/runtime_modify?{query}", pods) as answers:
        yield go


def is_set(strike: Strike, key: str, value: int) -> bool:
    """Check whether any pod has this percentage. Raises UserError if one does not tell."""
    entry = re.compile(rf'"{re.escape(key)}":.*?"final_value": *"(\d+)"', re.DOTALL)
    found = map(
        entry.search, strike.stack.once((strike.cluster, "/runtime"), lambda: _told(strike))
    )
    return any(match and int(match[1]) == value for match in found)


def _told(strike: Strike) -> list[str]:
    """Return what the pods say of their settings, each in whole. Raises UserError."""

    def ask() -> list[str]:
        with _asking(strike, "GET", "/runtime", _running(strike)) as answers:
            return ["\n".join(envoy_admin.whole(said)) for said in answers().values()]

    return envoy_admin.repeated(ask)


def _running(strike: Strike) -> list[str]:
    namespace, name = PORTAL
    pods = strike.running_pods(namespace, f"app={name}")
    return [each["name"] for each in pods if not each.get("deletionTimestamp")]


@contextlib.contextmanager
def _asking(
    strike: Strike, method: str, path: str, pods: Sequence[str]
) -> Iterator[Callable[[], dict[str, str]]]:
    """Open a session to each pod; what is handed out asks all their admin ports at once."""
    namespace, name = PORTAL
    program = ("/bin/bash", "-c", _ASK, method, path)
    commands = {
        pod: strike.stack.kubectl_command(
            strike.cluster,
            *("exec", pod, "--stdin", "--namespace", namespace, "--container", name, "--"),
            *program,
        )
        for pod in pods
    }
    with session.all_ready(commands, strike.cluster) as go:
        yield go
