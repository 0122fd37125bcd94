"""Bare clusters in a lab of a test's own, as a user's clusters: nothing of the demo is in them."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from foundation import project
from localkube import lab, pki
from localkube.api import Api
from localkube.spec import ClusterSpec
from tests.support.checkout import own, sweep_abandoned

CREATE_SECONDS = 200
"""After so long a cluster that does not come up has failed."""


@contextlib.contextmanager
def bare_clusters(
    names: Sequence[str], first_port: int, edge_ports: Mapping[int, int]
) -> Iterator[dict[str, ClusterSpec]]:
    """Brings clusters up side by side and takes them down at the end, whatever happened.

    Their API servers are on a run of ports on 127.0.0.1; `edge_ports` of it lead to ports of the
    first cluster's node.
    """
    sweep_abandoned()
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        own(Path(folder).resolve())
        place = Path(folder).resolve() / "lab"
        specs = {
            name: ClusterSpec(
                lab=str(place),
                name=name,
                index=index,
                nodes=1,
                api_port=first_port + index,
                ports={str(here): there for here, there in edge_ports.items()} if not index else {},
            )
            for index, name in enumerate(names)
        }
        try:
            made = [start(spec) for spec in specs.values()]
            assert not [process for process in made if process.wait(CREATE_SECONDS)]
            yield specs
        finally:
            with lab.locked(place):
                lab.destroy(place)


def start(spec: ClusterSpec) -> subprocess.Popen[bytes]:
    """Starts to bring a cluster up, in a process of its own, as the demo does."""
    return _do("cluster.create(spec, 'bare')", spec)


def restart(spec: ClusterSpec) -> None:
    """Takes a cluster's power and gives it back."""
    assert not _do("cluster.stop(spec); cluster.start(spec)", spec).wait(CREATE_SECONDS)


def _do(what: str, spec: ClusterSpec) -> subprocess.Popen[bytes]:
    program = "import json, sys; from localkube import cluster; from localkube.spec import *; "
    program += f"spec = ClusterSpec(**json.loads(sys.argv[1])); {what}"
    command = [sys.executable, "-c", program, json.dumps(asdict(spec))]
    return subprocess.Popen(command, cwd=project.ROOT)


def call(spec: ClusterSpec, method: str, path: str, body: Any = None) -> Any:
    """What the cluster's API server answers its administrator. Raises ApiError."""
    server = Api(pki.user_kubeconfig(spec))
    with contextlib.closing(server.connection):
        return server.call(method, path, body)


def apply(spec: ClusterSpec, document: dict[str, Any]) -> None:
    """Makes an object."""
    server = Api(pki.user_kubeconfig(spec))
    with contextlib.closing(server.connection):
        server.apply(document)


def kubeconfig(file: Path, contexts: Mapping[str, ClusterSpec]) -> Path:
    """Writes a user's kubeconfig: contexts of some names, certificates in files beside it."""
    config: dict[str, Any] = {"apiVersion": "v1", "kind": "Config"}
    config |= {"clusters": [], "contexts": [], "users": [], "current-context": ""}
    for context, spec in contexts.items():
        own = yaml.safe_load(pki.user_kubeconfig(spec))
        entries = {"cluster": dict(own["clusters"][0]["cluster"])}
        entries["user"] = dict(own["users"][0]["user"])
        for part, key in (
            ("cluster", "certificate-authority"),
            ("user", "client-certificate"),
            ("user", "client-key"),
        ):
            name = f"{context}-{key}.pem"
            (file.parent / name).write_bytes(base64.b64decode(entries[part].pop(f"{key}-data")))
            entries[part][key] = name  # relative to the kubeconfig, wherever it is read from
        config["clusters"].append({"name": context, "cluster": entries["cluster"]})
        config["users"].append({"name": context, "user": entries["user"]})
        where = {"cluster": context, "user": context, "namespace": "somewhere"}
        config["contexts"].append({"name": context, "context": where})
    file.write_text(json.dumps(config))
    file.chmod(0o600)
    return file
