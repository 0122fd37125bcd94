"""Why pods are not ready, as the end of an update that failed says it."""

from __future__ import annotations

from typing import Any

import pytest

from drills.stack_objects import StackObject
from drills.unready import _look, lines
from foundation.commands import Failed
from foundation.lists import as_list

SHOP = {"namespace": "shop", "name": "shop-1"}


def pod(ready: bool, **status: Any) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": str(ready)}]
    status = {"phase": "Pending", "conditions": conditions, **status}
    return {"kind": "Pod", "metadata": SHOP, "status": status}


def event(reason: str, at: str, kind: str = "Pod", name: str = "shop-1", **more: Any) -> Any:
    about = {"kind": kind, "namespace": "shop", "name": name}
    said = {"reason": reason, "message": f"of {reason}", "lastTimestamp": at, "type": "Warning"}
    return {"kind": "Event", "involvedObject": about, **said, **more}


def test_a_pod_that_is_not_ready_is_named_with_its_last_warning() -> None:
    found = lines(
        "east-cluster",
        [
            event("FailedMount", "2026-01-01T00:00:02Z"),
            pod(ready=False),
            event("FailedScheduling", "2026-01-01T00:00:01Z"),
            event("Pulled", "2026-01-01T00:00:03Z", type="Normal"),
            event("OfAnother", "2026-01-01T00:00:09Z", name="shop-2"),
        ],
    )
    assert found == [
        "east-cluster: pod shop/shop-1 is not ready: FailedMount: of FailedMount",
    ]


def test_tries_of_a_job_that_failed_alike_are_one_line() -> None:
    there = []
    for name, owner in (("seed-1", "a"), ("seed-2", "a"), ("seed-3", "a"), ("load-1", "b")):
        of = {**SHOP, "name": name, "ownerReferences": [{"kind": "Job", "uid": owner}]}
        there += [
            pod(ready=False, phase="Failed") | {"metadata": of},
            event("Failed", "2026-01-01T00:00:02Z", name=name),
        ]
    assert lines("east", there) == [
        "east: pod shop/seed-1 and 2 like it are not ready: Failed: of Failed",
        "east: pod shop/load-1 is not ready: Failed: of Failed",
    ]


def test_times_of_both_kinds_of_events_count() -> None:
    newer = event("Newer", "", eventTime="2026-01-01T00:00:01Z", lastTimestamp=None)
    newer["series"] = {"lastObservedTime": "2026-01-01T00:00:05Z"}
    found = lines("east", [pod(ready=False), newer, event("Older", "2026-01-01T00:00:02Z")])
    assert found == ["east: pod shop/shop-1 is not ready: Newer: of Newer"]


def test_without_an_event_the_container_says_why() -> None:
    waiting = {"state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}}
    (line,) = lines("east", [pod(ready=False, containerStatuses=[waiting])])
    assert line.endswith("is not ready: CrashLoopBackOff: back-off 10s")


def test_pods_that_are_ready_or_have_ended_are_not_named() -> None:
    leaving = pod(ready=False) | {"metadata": {**SHOP, "deletionTimestamp": "now"}}
    every = [pod(ready=True), pod(ready=False, phase="Succeeded"), leaving]
    assert lines("east", [*every, event("Unhealthy", "2026-01-01T00:00:02Z")]) == []


def test_pods_that_could_not_be_made_are_told_by_what_makes_them() -> None:
    found = lines(
        "east",
        [
            event("FailedCreate", "2026-01-01T00:00:02Z", "ReplicaSet", "shop-7d"),
            event("FailedCreate", "2026-01-01T00:00:01Z", "ReplicaSet", "shop-7d", message="old"),
        ],
    )
    assert found == ["east: ReplicaSet shop/shop-7d makes no pod: of FailedCreate"]


def test_a_user_of_some_namespaces_alone_is_told_of_the_pods_there() -> None:
    def ask(*words: str) -> str:
        if "--namespace=shop" not in words or "events" in words:
            raise Failed("refused", "Error from server (Forbidden): pods is forbidden")
        return as_list([pod(ready=False)])

    metadata = {"name": "a", "namespace": "shop"}
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    found = _look(ask, "east", [StackObject("east", document, "stack")])
    assert found == ["east: pod shop/shop-1 is not ready: Pending"]


def test_events_that_say_little_are_no_failure() -> None:
    """An API server takes core events without a reason, a message or the object's name."""
    odd = [event("Odd", "2026-01-01T00:00:09Z") for _ in range(2)]
    del odd[0]["reason"], odd[1]["involvedObject"]["name"]
    mute = event("FailedCreate", "2026-01-01T00:00:01Z", "Job", "seed")
    del mute["message"]
    assert lines("east", [pod(ready=False), *odd, mute]) == [
        "east: pod shop/shop-1 is not ready: Event: of Odd",
        "east: Job shop/seed makes no pod: ",
    ]


@pytest.mark.parametrize(("at", "is_said"), [(1, True), (2, True), (3, False)])
def test_pods_that_could_be_made_since_are_not_refused_any_more(at: int, is_said: bool) -> None:
    refusal = event("FailedCreate", "2026-01-01T00:00:02Z", "ReplicaSet", "shop")
    made = event("SuccessfulCreate", f"2026-01-01T00:00:0{at}Z", "ReplicaSet", "shop")
    for events in ([refusal, made], [made, refusal]):
        assert bool(lines("east", events)) == is_said


def test_pods_of_others_in_the_same_namespace_hide_none_of_the_stacks() -> None:
    def of(name: str, app: str) -> dict[str, Any]:
        return pod(ready=False) | {"metadata": {**SHOP, "name": name, "labels": {"app": app}}}

    there = as_list([*(of(f"theirs-{number}", "x") for number in range(12)), of("web-1", "web")])
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}
    document = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"template": template},
    }
    first, *_ = _look(lambda *_: there, "east", [StackObject("east", document, "stack")])
    assert first == "east: pod shop/web-1 is not ready: Pending"
