"""Runs once at each start of a node: what has to wait for the API server."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from foundation import project
from foundation.errors import UserError
from localkube.api import Api, wait_for
from localkube.inside import bootstrap_objects
from localkube.spec import ClusterSpec, Node
from localkube.supervisord_client import Supervisor
from toolchain import patience

FIRST = "kubelet"
"""Started once the API server answers. It needs none of the roles which that makes before it is
ready, and takes as long to start as they take to be made: nodes are Ready a quarter earlier than if
it started with the others (measured)."""

DEFERRED = ("kube-controller-manager", "kube-scheduler", "controllers", "kube-proxy")
"""Started once the API server is ready. Earlier they fail and back off, which takes longer."""

API_SECONDS = 120
"""How long an API server may take before the attempt counts as failed and is repeated."""


def main(folder: Path, ordinal: int) -> None:
    """Wait for the API server, apply the add-ons and start the deferred programs."""
    node = ClusterSpec.load(folder).members[ordinal - 1]
    administrator = node.cluster.kubeconfigs / "super-admin.conf"
    api = Api.from_file(administrator if node.is_control_plane else node.kubeconfig)
    supervisor = Supervisor()
    # both while the API server starts
    is_new = node.is_control_plane and bootstrap_objects.write(node.cluster)
    _take_images(node)
    limit = patience.scaled(API_SECONDS)
    away = SystemExit(f"no API server at {node.cluster.endpoint} after {limit:.0f} s")
    if not wait_for(api.answers, limit):
        raise away
    supervisor.start(FIRST)
    if not wait_for(api.is_ready, limit):
        raise away
    known = supervisor.states()
    for name in DEFERRED:
        if name in known:
            supervisor.start(name)
    if node.is_control_plane:
        addons = json.loads((node.folder / "addons.json").read_text())
        for document in addons:
            api.apply(document)
        if is_new:
            bootstrap_objects.record(api, {each["metadata"]["name"] for each in addons})


def _take_images(node: Node) -> None:
    """Import the user's own images; what fails, the pods that need it say, and no others."""
    if (project.PRIVATE / "images").exists() or (node.folder / "own-images.json").exists():
        from localkube import own_images  # nobody else waits for it

        try:
            own_images.take(node)
        except (UserError, OSError) as error:  # a full disk, say
            print(f"images of your own: {error}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
