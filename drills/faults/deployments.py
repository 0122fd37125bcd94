"""Faults made in a Deployment or a StatefulSet, by Kubernetes' own means: on every cluster."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from drills.application import ROLLED_OUT, Workload
from drills.faults import fields
from drills.faults.fields import Field
from drills.faults.model import Means, Strike
from drills.stack import GATEWAY_WORKLOAD
from drills.waiting import until
from foundation import managed_fields
from foundation.contract import GATEWAY_SELECTOR

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


class WorkloadPods(NamedTuple):
    """A workload and the label selector of its pods, as kubectl takes it."""

    workload: Workload
    selector: str


PodsOf = Callable[[Strike], WorkloadPods]
"""Which workload of the struck cluster is meant."""


def application(strike: Strike) -> WorkloadPods:
    """Return the application's workload."""
    return WorkloadPods(strike.stack.application.workload, strike.stack.application.label_selector)


def gateway(_: Strike) -> WorkloadPods:
    """Return the gateway: the edge's in the edge's cluster, the regional one elsewhere."""
    return WorkloadPods(GATEWAY_WORKLOAD, GATEWAY_SELECTOR)


def read(strike: Strike, workload: Workload) -> dict[str, Any]:
    """Return the workload as the cluster knows it."""
    return strike.stack.objects.read(strike.cluster, *workload)


def replicas(workload: Workload) -> Field:
    """Return the field of its number of pods."""
    return fields.of_workload(workload, ("spec", "replicas"))


def restarted(workload: Workload) -> Field:
    """Return the field of its pods' annotation that only a fault sets."""
    path = ("spec", "template", "metadata", "annotations", RESTARTED)
    return fields.of_workload(workload, path, is_added=True)


def image(strike: Strike, workload: Workload) -> Field:
    """Return the field of its first container's image."""
    container = read(strike, workload)["spec"]["template"]["spec"]["containers"][0]["name"]
    path = ("spec", "template", "spec", "containers", (("name", container),), "image")
    return fields.of_workload(workload, path)


def scaled_to_zero(target: PodsOf) -> Means:
    """Return the means that take all pods away, and return when the last has ended."""

    def scale(strike: Strike, field: Field) -> None:
        fields.put(strike, field, 0)
        limit = f"--timeout={GONE_SECONDS}s"
        workload, selector = target(strike)
        which = ("pod", "--namespace", workload.namespace, "--selector", selector)
        strike.kubectl("wait", "--for=delete", *which, limit, seconds=GONE_SECONDS + 10)

    return fields.means(
        "spec.replicas is set to 0",
        lambda strike: replicas(target(strike).workload),
        scale,
        ready(target),
    )


def rolled(target: PodsOf) -> Means:
    """Return the means that replace every pod, as a new version would, and roll back."""
    wait = ready(target)

    def roll(strike: Strike, field: Field) -> None:
        fields.put(strike, field, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
        wait(strike)

    return fields.means(
        "an annotation of the pod template is set",
        lambda strike: restarted(target(strike).workload),
        roll,
        wait,
    )


def without_image(target: PodsOf) -> Means:
    """Return the means that roll out an image that is nowhere, and wait for its first pod."""

    def spoil(strike: Strike, field: Field) -> None:
        workload, selector = target(strike)
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

    return fields.means(
        "the first container's image is set to one that is nowhere",
        lambda strike: image(strike, target(strike).workload),
        spoil,
        ready(target),
    )


def pod_deleted(target: PodsOf) -> Means:
    """Return the means that delete one running pod by force."""

    def delete(strike: Strike) -> None:
        workload, selector = target(strike)
        where = ("--namespace", workload.namespace)
        which = ("pods", *where, "--selector", selector, "--field-selector=status.phase=Running")
        pods = strike.stack.get(strike.cluster, *which)["items"]
        if pods:
            force = ("--force", "--grace-period=0")
            name = pods[0]["metadata"]["name"]
            strike.kubectl("delete", "pod", name, *where, *force, seconds=60)

    return Means("a pod is deleted by force", delete, ready(target))


def ready(target: PodsOf) -> Callable[[Strike], None]:
    """Return a function that waits until the workload's pods are ready."""
    return lambda strike: wait_ready(strike, target(strike).workload)


def wait_ready(strike: Strike, workload: Workload) -> None:
    """Wait until all pods that are wanted are there and ready. Raises UserError."""
    if workload.kind not in ROLLED_OUT:
        return
    which = (f"{workload.kind.lower()}/{workload.name}", "--namespace", workload.namespace)
    limit = f"--timeout={READY_SECONDS}s"
    strike.kubectl("rollout", "status", *which, limit, seconds=READY_SECONDS + 10)


def spoilt(image: str) -> str:
    """Return an image of the same repository that is nowhere."""
    return f"{re.sub(r'(:[^/:@]*)?(@.*)?$', '', image, count=1)}:{BAD_TAG}"
