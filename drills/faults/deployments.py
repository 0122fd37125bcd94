"""Faults made in a Deployment or a StatefulSet, by Kubernetes' own means: on every cluster."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from drills import rollout
from drills.application import Workload
from drills.faults import fields
from drills.faults.fields import Field
from drills.faults.model import Means, Strike
from drills.stack import GATEWAY_WORKLOAD
from drills.waiting import until
from foundation import managed_fields
from foundation.contract import GATEWAY_SELECTOR
from foundation.errors import UserError

BAD_TAG = "broken-on-purpose"
"""Tag of an image that is nowhere."""

RESTARTED = "resiliency.demo/restarted-at"
"""Annotation of the pods by which a fault rolls a workload; its fix rolls it back.

`kubectl rollout restart` sets one that may be there already, and belongs to whoever set it.
"""

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
        workload, selector = target(strike)
        what = f"{strike.cluster}: the pods of {workload.kind} {workload.name} have ended"
        pods = functools.partial(rollout.own_pods, strike.stack, strike.cluster)
        until(lambda: not pods(workload, selector), what, GONE_SECONDS)

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
        _check_replaces(strike, target(strike).workload)
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
        _check_replaces(strike, workload)
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
    return lambda strike: rollout.wait_ready(strike.stack, strike.cluster, target(strike).workload)


def _check_replaces(strike: Strike, workload: Workload) -> None:
    """Raise UserError where a new version of a workload reaches no pod."""
    if rollout.replaces_no_pod(read(strike, workload)):
        raise UserError(
            f"{strike.cluster}: {workload.kind} {workload.name} has updateStrategy OnDelete, so a"
            " new version replaces no pod. Another fault: ./demo task drill:list"
        )


def spoilt(image: str) -> str:
    """Return an image of the same repository that is nowhere."""
    return f"{re.sub(r'(:[^/:@]*)?(@.*)?$', '', image, count=1)}:{BAD_TAG}"
