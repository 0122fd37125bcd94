"""Makes and deletes the volumes of a cluster's claims: folders on its nodes.

It runs on the first node and reaches the folders of the others as well, because all nodes of a lab
have the lab's state folder in common. They lie beside etcd's data, so they outlive a power cut of
the node and end with the cluster.
"""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from typing import Any

from localkube import LocalKubeError, folders
from localkube.api import FAILURES, Api, ApiError
from localkube.inside import events
from localkube.inside.volumes import FINALIZER, Object, decide, node_of
from localkube.spec import ClusterSpec

CLAIMS = "/api/v1/persistentvolumeclaims"
VOLUMES = "/api/v1/persistentvolumes"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"

COMPONENT = "local-volumes"


class Provisioner:
    """The volumes of one cluster."""

    def __init__(self, api: Api, spec: ClusterSpec) -> None:
        self.api = api
        self.nodes = {node.name: node.folder / "volumes" for node in spec.members}
        self.told: set[tuple[str, str]] = set()
        """Objects and reasons of which events were created."""

    def reconcile(self) -> None:
        """Do once what has to be done. Raises `FAILURES`."""
        claims, volumes, classes = (
            self.api.call("GET", path)["items"] for path in (CLAIMS, VOLUMES, CLASSES)
        )
        plan = decide(claims, volumes, classes, list(self.nodes))
        failure = None
        steps = ((self.make, plan.make), (self.remove, plan.remove), (self.release, plan.release))
        for act, volume in ((act, volume) for act, volumes in steps for volume in volumes):
            try:
                act(volume)
            except ApiError as error:  # of this one; the others do not wait for it
                failure = error
            except LocalKubeError as error:
                self.tell(volume, "PersistentVolume", "VolumeFailedDelete", str(error))
        for claim, reason in plan.refuse:
            self.tell(claim, "PersistentVolumeClaim", "ProvisioningFailed", reason)
        if failure:
            raise failure

    def make(self, volume: Object) -> None:
        """Make a volume's folder, then the volume. Every user may write, as pods run as any."""
        folder = self.nodes[node_of(volume)] / volume["metadata"]["name"]
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o777)
        try:
            self.api.call("POST", VOLUMES, volume)
        except ApiError as error:
            if error.status != 409:  # it is there already
                with contextlib.suppress(OSError):
                    folder.rmdir()
                raise

    def remove(self, volume: Object) -> None:
        """Remove a volume's folder, then the volume. Raises `LocalKubeError` if something stays.

        The folder is found by the volume's name, which was checked, and not by its path, which a
        user may write.
        """
        name = volume["metadata"]["name"]
        for parent in self.nodes.values():
            folders.remove(parent / name)
        self.call_unless_gone("DELETE", f"{VOLUMES}/{name}")
        self.release(volume)

    def release(self, volume: Object) -> None:
        """Take our finalizer off a volume that is being deleted, whatever others take off it."""
        patch = {"metadata": {"$deleteFromPrimitiveList/finalizers": [FINALIZER]}}
        path = f"{VOLUMES}/{volume['metadata']['name']}"
        self.call_unless_gone("PATCH", path, patch, "application/strategic-merge-patch+json")

    def call_unless_gone(self, method: str, path: str, *rest: Any) -> None:
        """Call the API server about an object that may be gone."""
        try:
            self.api.call(method, path, *rest)
        except ApiError as error:
            if error.status != 404:
                raise

    def tell(self, document: Object, kind: str, reason: str, message: str) -> None:
        """Create an event about an object, once."""
        if (key := (document["metadata"]["uid"], message)) in self.told:
            return
        self.told.add(key)
        events.warn(self.api, kind, document, reason, message, COMPONENT)


def notice(api: Api, path: str, changed: threading.Event) -> None:
    """Set `changed` whenever an object of a collection changes, for ever."""
    while True:
        try:
            version = api.call("GET", f"{path}?limit=1")["metadata"]["resourceVersion"]
            changed.set()  # whatever happened before
            for _ in api.watch(path, version):
                changed.set()
        except FAILURES as error:
            print(f"{COMPONENT}: {error}; trying again", flush=True)
            time.sleep(1)


def follow(kubeconfig: Path, spec: ClusterSpec, seconds: float) -> None:
    """Keep the cluster's volumes as its claims want them, for ever.

    `seconds`: how long a watch lasts; what failed without a change is tried again after it.
    """
    changed = threading.Event()
    for path in (CLAIMS, VOLUMES):
        arguments = (Api.from_file(kubeconfig, seconds), path, changed)
        threading.Thread(target=notice, args=arguments, daemon=True).start()
    provisioner = Provisioner(Api.from_file(kubeconfig), spec)
    while True:
        changed.wait()
        changed.clear()
        try:
            provisioner.reconcile()
        except FAILURES as error:
            print(f"{COMPONENT}: {error}; trying again", flush=True)
            time.sleep(1)
            changed.set()
