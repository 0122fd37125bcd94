"""What is done to a Deployment, by kubectl alone: it works on every cluster."""

from __future__ import annotations

from typing import Any

from drills.faults.model import Place

REPLICAS = "resiliency.demo/former-replicas"
"""Annotation by which a Deployment that was scaled to nothing remembers its size."""

IMAGE = "resiliency.demo/former-image"
"""Annotation by which a Deployment with a spoilt image remembers the good one."""

BAD_TAG = "broken-on-purpose"
"""Tag of an image that is nowhere."""

READY_SECONDS = 120
"""How long pods may take to get ready, on a loaded machine."""

GONE_SECONDS = 60
"""How long pods may take to end: they drain for up to 30 s."""

Name = tuple[str, str]


def read(place: Place, name: Name) -> dict[str, Any]:
    """The Deployment as the cluster knows it."""
    return place.site.read(place.cluster, "deployment", *name)


def former(found: dict[str, Any], annotation: str) -> str | None:
    """What the Deployment remembers; None if nothing."""
    value = found["metadata"].get("annotations", {}).get(annotation)
    return None if value is None else str(value)


def patch(place: Place, name: Name, change: dict[str, Any]) -> None:
    """Changes a Deployment in one step."""
    place.site.patch(place.cluster, "deployment", *name, change)


def scale_to_zero(place: Place, name: Name, selector: str) -> None:
    """Takes all pods away, remembers how many there were, and waits until the last has ended."""
    found = read(place, name)
    count = found["spec"].get("replicas", 1)
    if count:
        annotations = {REPLICAS: str(count)}
        patch(place, name, {"metadata": {"annotations": annotations}, "spec": {"replicas": 0}})
    limit = f"--timeout={GONE_SECONDS}s"
    which = ("pod", "--namespace", name[0], "--selector", selector)
    place.kubectl("wait", "--for=delete", *which, limit, seconds=GONE_SECONDS + 10)


def restore(place: Place, name: Name) -> None:
    """Gives the Deployment the size that it remembers, and waits until its pods are ready."""
    found = read(place, name)
    count = former(found, REPLICAS)
    if count is not None:
        size = {} if found["spec"].get("replicas") else {"spec": {"replicas": int(count)}}
        patch(place, name, {"metadata": {"annotations": {REPLICAS: None}}, **size})
    wait_ready(place, name)


def is_gone(place: Place, name: Name) -> bool:
    """Whether the Deployment was scaled to nothing by `scale_to_zero`."""
    found = read(place, name)
    return former(found, REPLICAS) is not None and not found["spec"].get("replicas")


def wait_ready(place: Place, name: Name) -> None:
    """Waits until all pods that are wanted are there and ready."""
    namespace, deployment = name
    which = (f"deployment/{deployment}", "--namespace", namespace)
    limit = f"--timeout={READY_SECONDS}s"
    place.kubectl("rollout", "status", *which, limit, seconds=READY_SECONDS + 10)


def restart(place: Place, name: Name) -> None:
    """Replaces every pod by a new one, as a new version would, and waits for the last."""
    namespace, deployment = name
    place.kubectl("rollout", "restart", f"deployment/{deployment}", "--namespace", namespace)
    wait_ready(place, name)


def delete_one_pod(place: Place, name: Name, selector: str) -> None:
    """Takes one ready pod away by force."""
    namespace, _ = name
    which = ("pods", "--namespace", namespace, "--selector", selector)
    pods = place.site.get(place.cluster, *which, "--field-selector=status.phase=Running")["items"]
    if pods:
        pod = pods[0]["metadata"]["name"]
        force = ("--force", "--grace-period=0")
        place.kubectl("delete", "pod", pod, "--namespace", namespace, *force, seconds=60)


def spoil_image(place: Place, name: Name) -> None:
    """Rolls out a version whose image is nowhere, and waits until its first pod is there."""
    found = read(place, name)
    container = found["spec"]["template"]["spec"]["containers"][0]
    if not container["image"].endswith(f":{BAD_TAG}"):
        bad = f"{container['image'].rpartition(':')[0]}:{BAD_TAG}"
        _set_image(place, name, container["name"], bad, remembered=container["image"])
    limit = f"--timeout={GONE_SECONDS}s"
    which = (f"deployment/{name[1]}", "--namespace", name[0])
    condition = "--for=jsonpath={.status.unavailableReplicas}=1"
    place.kubectl("wait", condition, *which, limit, seconds=GONE_SECONDS + 10)


def restore_image(place: Place, name: Name) -> None:
    """Rolls the version out that was there before, and waits until its pods are ready."""
    found = read(place, name)
    image = former(found, IMAGE)
    if image is not None:
        container = found["spec"]["template"]["spec"]["containers"][0]["name"]
        _set_image(place, name, container, image, remembered=None)
    wait_ready(place, name)


def is_spoilt(place: Place, name: Name) -> bool:
    """Whether the Deployment has a version rolled out by `spoil_image`."""
    return former(read(place, name), IMAGE) is not None


def _set_image(
    place: Place, name: Name, container: str, image: str, remembered: str | None
) -> None:
    containers = [{"name": container, "image": image}]
    change = {
        "metadata": {"annotations": {IMAGE: remembered}},
        "spec": {"template": {"spec": {"containers": containers}}},
    }
    patch(place, name, change)
