"""Certificates and kubeconfigs of a cluster, made by kubeadm's phases.

One certificate authority a cluster; every part of the control plane, every kubelet and the user has
a client certificate of its own, with the groups that kubeadm gives them.
"""

from __future__ import annotations

import json
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from foundation import commands, quick_yaml
from localkube import LocalKubeError
from localkube.spec import API_PORT, ClusterSpec, service_range
from toolchain import tools


def create(spec: ClusterSpec) -> None:
    """Make all keys, certificates and kubeconfigs below the cluster's folder."""
    spec.kubeconfigs.mkdir(mode=0o700, parents=True, exist_ok=True)
    config = spec.folder / "kubeadm.yaml"
    config.write_text("\n---\n".join(map(json.dumps, kubeadm_config(spec))))  # JSON is YAML
    kubeadm("init", "phase", "certs", "all", "--config", str(config))
    users = {
        "kube-proxy.conf": ["--client-name", "system:kube-proxy"],
        "controllers.conf": ["--client-name", "localkube:controllers"],
    }
    for node in spec.members[1:]:
        users[node.kubeconfig.name] = [
            "--client-name",
            f"system:node:{node.name}",
            "--org",
            "system:nodes",
        ]
    with ThreadPoolExecutor() as pool:
        phase = ("init", "phase", "kubeconfig", "all", "--kubeconfig-dir", str(spec.kubeconfigs))
        jobs: list[Future[Any]] = [pool.submit(kubeadm, *phase, "--config", str(config))]
        for name, identity in users.items():
            command = ("kubeconfig", "user", *identity, "--config", str(config))
            jobs.append(pool.submit(write_private, spec.kubeconfigs / name, command))
        for job in jobs:
            job.result()


def kubeadm_config(spec: ClusterSpec) -> list[dict[str, Any]]:
    """Return kubeadm's configuration (v1beta4): versions pinned, so that it asks no network."""
    first = spec.members[0]
    return [
        {
            "apiVersion": "kubeadm.k8s.io/v1beta4",
            "kind": "InitConfiguration",
            "localAPIEndpoint": {"advertiseAddress": first.address, "bindPort": API_PORT},
            "nodeRegistration": {
                "name": first.name,
                "criSocket": "unix:///run/containerd/containerd.sock",
            },
        },
        {
            "apiVersion": "kubeadm.k8s.io/v1beta4",
            "kind": "ClusterConfiguration",
            "kubernetesVersion": tools.version("kubernetes"),
            "clusterName": spec.name,
            "certificatesDir": str(spec.pki),
            "controlPlaneEndpoint": spec.endpoint,
            "networking": {"serviceSubnet": service_range(spec.index)},
            "apiServer": {"certSANs": ["127.0.0.1", "localhost"]},
            "encryptionAlgorithm": "ECDSA-P256",
        },
    ]


def user_kubeconfig(spec: ClusterSpec) -> str:
    """Return the administrator's kubeconfig by way of 127.0.0.1; its context is the cluster."""
    config = quick_yaml.load((spec.kubeconfigs / "admin.conf").read_text())
    cluster = config["clusters"][0]["cluster"] | {
        "server": f"https://127.0.0.1:{spec.api_port}",
        # Within one machine it only costs: each of Pulumi's providers asks for megabytes of
        # schema, 0.3 s of a processor in an update of three clusters (measured).
        "disable-compression": True,
    }
    user = f"{spec.name}-admin"
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": spec.name, "cluster": cluster}],
            "users": [{"name": user, "user": config["users"][0]["user"]}],
            "contexts": [{"name": spec.name, "context": {"cluster": spec.name, "user": user}}],
            "current-context": spec.name,
        }
    )


def write_private(path: Path, command: tuple[str, ...]) -> None:
    """Write what kubeadm prints into a file of mode 0600."""
    text = kubeadm(*command)
    path.touch(mode=0o600)
    path.write_text(text)


def kubeadm(*arguments: str) -> str:
    """Run kubeadm; return its standard output. Raises `LocalKubeError` with its message."""
    try:
        return commands.output([str(tools.path("kubeadm")), *arguments])
    except commands.Failed as error:
        lines = [line for line in error.said.splitlines() if "--v=5" not in line]
        said = f"kubeadm {' '.join(arguments[:4])} failed: {' '.join(lines[-2:])}"
        raise LocalKubeError(said) from None
