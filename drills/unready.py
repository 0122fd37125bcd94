"""`python -m drills.unready`: say which pods of a stack are not ready, each by its own last event.

The launcher runs it after an update that failed: Pulumi says which object was waited for, and a
pod's events say why that came to nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from drills import stack_objects
from drills.presence import kubectl_command, run
from toolchain import environment
from toolchain.entry import entry

_MOST = 10
"""Lines of one cluster; a workload of many pods fails for one reason."""

_MAKERS = ("ReplicaSet", "StatefulSet", "DaemonSet", "Job")
"""What makes pods, and says in its own events why it could not."""

Object = Mapping[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m drills.unready", description=__doc__)
    parser.add_argument("--stack", required=True)
    stack = parser.parse_args(arguments).stack
    return entry(lambda: _say(stack))


def _say(stack: str) -> int:
    kubeconfig = environment.stack_folder(stack) / "kubeconfig"
    namespaces: dict[str, set[str]] = {}
    for each in stack_objects.load(stack, secrets=False):
        namespaces.setdefault(each.cluster, set()).add(each.identity.namespace)
    if not namespaces or not kubeconfig.exists():
        return 0
    with ThreadPoolExecutor(max_workers=len(namespaces)) as pool:
        looks = [pool.submit(_look, kubeconfig, *each) for each in namespaces.items()]
    for line in (line for look in looks for line in look.result()):
        print(line, file=sys.stderr)
    return 0


def _look(kubeconfig: Path, cluster: str, namespaces: set[str]) -> list[str]:
    what = ("get", "pods,events", "--all-namespaces", "--output=json")
    done = run([*kubectl_command(kubeconfig, cluster), *what])
    if done.returncode:
        return []  # the update has said that the cluster does not answer
    items = json.loads(done.stdout)["items"]
    found = lines(cluster, [i for i in items if i["metadata"].get("namespace") in namespaces])
    more = [f"{cluster}: and {len(found) - _MOST} more"] if len(found) > _MOST else []
    return found[:_MOST] + more


def lines(cluster: str, items: Sequence[Object]) -> list[str]:
    """Return a line for each pod that is not ready, and for each that could not be made.

    `items` are pods and events of the cluster. What has ended well is as it should be.
    """
    events = [item for item in items if item["kind"] == "Event"]
    found = []
    for pod in (item for item in items if item["kind"] == "Pod"):
        if not _is_ready(pod):
            about = [e for e in events if _about(e) == _key(pod)]
            found.append(f"{cluster}: pod {_name(pod)} is not ready: {_last(about) or _state(pod)}")
    refused = {
        _about(event): event
        for event in sorted(events, key=_time)
        if event["reason"] == "FailedCreate" and event["involvedObject"]["kind"] in _MAKERS
    }
    for (kind, namespace, name), event in refused.items():
        found.append(f"{cluster}: {kind} {namespace}/{name} makes no pod: {event['message']}")
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
    return f"{every[-1]['reason']}: {' '.join(every[-1].get('message', '').split())}"


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
    return about["kind"], about.get("namespace", ""), about["name"]


def _key(pod: Object) -> tuple[str, str, str]:
    return "Pod", pod["metadata"]["namespace"], pod["metadata"]["name"]


def _name(pod: Object) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


if __name__ == "__main__":
    sys.exit(main())
