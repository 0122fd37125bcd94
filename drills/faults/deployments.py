"""What is done to a Deployment or a StatefulSet, by Kubernetes' own means: on every cluster."""

from __future__ import annotations

import re
import time
from typing import Any

from drills.application import ROLLED_OUT, Workload
from drills.faults import fields
from drills.faults.fields import Field
from drills.faults.model import Strike
from drills.stack import until
from foundation import managed_fields

BAD_TAG = "broken-on-purpose"
"""Tag of an image that is nowhere."""

RESTARTED = "resiliency.demo/restarted-at"
"""Annotation of the pods by which a fault rolls a workload; its fix rolls it back.

`kubectl rollout restart` sets one that may be there already, and belongs to whoever set it.
"""

READY_SECONDS = 120
"""How long pods may take to get ready, on a loaded machine."""

GONE_SECONDS = 60
"""How long pods may take to end: they drain for up to 30 s."""


def read(strike: Strike, workload: Workload) -> dict[str, Any]:
    """The workload as the cluster knows it."""
    return strike.stack.read(strike.cluster, *workload)


def replicas(workload: Workload) -> Field:
    """The number of its pods."""
    return fields.of_workload(workload, ("spec", "replicas"))


def restarted(workload: Workload) -> Field:
    """The annotation of its pods that only a fault sets."""
    path = ("spec", "template", "metadata", "annotations", RESTARTED)
    return fields.of_workload(workload, path, is_added=True)


def image(strike: Strike, workload: Workload) -> Field:
    """The image of its first container."""
    container = read(strike, workload)["spec"]["template"]["spec"]["containers"][0]["name"]
    path = ("spec", "template", "spec", "containers", (("name", container),), "image")
    return fields.of_workload(workload, path)


def scale_to_zero(strike: Strike, workload: Workload, selector: str) -> None:
    """Takes all pods away, and waits until the last has ended."""
    fields.put(strike, replicas(workload), 0)
    limit = f"--timeout={GONE_SECONDS}s"
    which = ("pod", "--namespace", workload.namespace, "--selector", selector)
    strike.kubectl("wait", "--for=delete", *which, limit, seconds=GONE_SECONDS + 10)


def restore(strike: Strike, workload: Workload) -> None:
    """Gives the workload its former size, and waits until its pods are ready."""
    fields.give_back(strike, replicas(workload))
    wait_ready(strike, workload)


def is_gone(strike: Strike, workload: Workload) -> bool:
    """Whether the workload was scaled to nothing by `scale_to_zero`."""
    return fields.is_put(strike, replicas(workload))


def wait_ready(strike: Strike, workload: Workload) -> None:
    """Waits until all pods that are wanted are there and ready."""
    if workload.kind not in ROLLED_OUT:
        return
    which = (f"{workload.kind.lower()}/{workload.name}", "--namespace", workload.namespace)
    limit = f"--timeout={READY_SECONDS}s"
    strike.kubectl("rollout", "status", *which, limit, seconds=READY_SECONDS + 10)


def restart(strike: Strike, workload: Workload) -> None:
    """Replaces every pod by a new one, as a new version would, and waits for the last."""
    fields.put(strike, restarted(workload), time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    wait_ready(strike, workload)


def roll_back(strike: Strike, workload: Workload) -> None:
    """Rolls back to the pods of before `restart`, and waits for the last."""
    fields.give_back(strike, restarted(workload))
    wait_ready(strike, workload)


def is_restarted(strike: Strike, workload: Workload) -> bool:
    """Whether the workload runs the pods of `restart`."""
    return fields.is_put(strike, restarted(workload))


def delete_one_pod(strike: Strike, namespace: str, selector: str) -> None:
    """Takes one ready pod away by force."""
    which = ("pods", "--namespace", namespace, "--selector", selector)
    pods = strike.stack.get(strike.cluster, *which, "--field-selector=status.phase=Running")[
        "items"
    ]
    if pods:
        pod = pods[0]["metadata"]["name"]
        force = ("--force", "--grace-period=0")
        strike.kubectl("delete", "pod", pod, "--namespace", namespace, *force, seconds=60)


def spoil_image(strike: Strike, workload: Workload, selector: str) -> None:
    """Rolls out a version whose image is nowhere, and waits until its first pod is there."""
    field = image(strike, workload)
    good = str(managed_fields.value_at(read(strike, workload), field.path))
    bad = spoilt(good)
    if good != bad:
        fields.put(strike, field, bad)
    which = ("pods", "--namespace", workload.namespace, "--selector", selector)

    def is_there() -> bool:
        pods = strike.stack.get(strike.cluster, *which)["items"]
        return any(bad == each["image"] for pod in pods for each in pod["spec"]["containers"])

    what = f"a pod of the bad version of {workload.name} in {strike.cluster} is there"
    until(is_there, what, GONE_SECONDS, pause=0.5)


def spoilt(image: str) -> str:
    """Return an image of the same repository that is nowhere."""
    return f"{re.sub(r'(:[^/:@]*)?(@.*)?$', '', image, count=1)}:{BAD_TAG}"


def restore_image(strike: Strike, workload: Workload) -> None:
    """Rolls the version out that was there before, and waits until its pods are ready."""
    fields.give_back(strike, image(strike, workload))
    wait_ready(strike, workload)


def is_spoilt(strike: Strike, workload: Workload) -> bool:
    """Whether the workload has a version rolled out by `spoil_image`."""
    return fields.is_put(strike, image(strike, workload))
