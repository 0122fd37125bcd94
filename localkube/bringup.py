"""Runs once at each start of a node: what has to wait for the API server.

The rest of the control plane fails and backs off when it starts before the API server is ready,
which takes longer than waiting.
"""

from __future__ import annotations

import sys
from pathlib import Path
from string import Template

import yaml

from localkube import images
from localkube.api import Api, wait_for
from localkube.pki import kubelet_config
from localkube.programs import DEFERRED
from localkube.spec import ClusterSpec, Node, dns_address
from localkube.supervision import Supervisor

API_SECONDS = 120
"""How long an API server may take before the attempt counts as failed and is repeated."""


def main(folder: Path, ordinal: int) -> None:
    """Waits for the API server, applies the add-ons and starts the deferred programs."""
    node = ClusterSpec.load(folder).members[ordinal - 1]
    kubeconfig = node.cluster.kubeconfigs / "super-admin.conf"
    if not node.is_control_plane:
        kubeconfig = kubelet_config(node)
    api = Api.from_file(kubeconfig)
    if not wait_for(api.is_ready, API_SECONDS):
        raise SystemExit(f"no API server at {node.cluster.endpoint} after {API_SECONDS} s")
    supervisor = Supervisor()
    known = supervisor.states()
    for name in DEFERRED:
        if name in known:
            supervisor.start(name)
    if node.is_control_plane:
        for document in addons(node):
            api.apply(document)


def addons(node: Node) -> list[dict[str, object]]:
    """The objects that every cluster holds from the start."""
    template = Template(Path(__file__).with_name("addons.yaml").read_text())
    index = node.cluster.index
    text = template.substitute(dns_address=dns_address(index), coredns=images.COREDNS)
    return list(yaml.safe_load_all(text))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
