"""Certificates and kubeconfigs of a cluster: files, names and groups are those of kubeadm.

Three certificate authorities a cluster: for its own parts and users, for etcd, and for API servers
behind this one. Every part of the control plane, every kubelet and the user has a client
certificate of its own. Source of files, names and groups:
https://kubernetes.io/docs/setup/best-practices/certificates/.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation import files, quick_yaml
from foundation.contract import CLUSTER_DOMAIN
from localkube.spec import ClusterSpec, service_range

if TYPE_CHECKING:
    from foundation.certificates import KeyPair

_AUTHORITIES = {"ca": "kubernetes", "etcd/ca": "etcd-ca", "front-proxy-ca": "front-proxy-ca"}
"""File of each authority below the cluster's `pki`, without its suffix, and its common name."""

_CLIENTS = {
    "apiserver-kubelet-client": ("ca", "kube-apiserver-kubelet-client"),
    "apiserver-etcd-client": ("etcd/ca", "kube-apiserver-etcd-client"),
    "front-proxy-client": ("front-proxy-ca", "front-proxy-client"),
}
"""File of each client of the API server's own, its authority and common name."""

_USERS = {
    "admin.conf": ("kubernetes-admin", "kubeadm:cluster-admins"),
    "super-admin.conf": ("kubernetes-super-admin", "system:masters"),
    "controller-manager.conf": ("system:kube-controller-manager", ""),
    "scheduler.conf": ("system:kube-scheduler", ""),
    "kube-proxy.conf": ("system:kube-proxy", ""),
    "controllers.conf": ("localkube:controllers", ""),
}
"""Kubeconfig of each user but kubelets, with the user's name and group."""


def create(spec: ClusterSpec) -> None:
    """Make all keys, certificates and kubeconfigs below the cluster's folder. Raises OSError."""
    from foundation import certificates  # here: whoever reads a kubeconfig would pay 10 MB for it

    for folder in (spec.kubeconfigs, spec.pki / "etcd"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authorities = {file: certificates.authority(name) for file, name in _AUTHORITIES.items()}
    for file, pair in {**authorities, **dict(_certificates(spec, authorities))}.items():
        files.replace(spec.pki / f"{file}.crt", pair.certificate)
        files.replace(spec.pki / f"{file}.key", pair.key)
    public, private = certificates.key_pair()
    files.replace(spec.pki / "sa.pub", public)
    files.replace(spec.pki / "sa.key", private)
    cluster = {
        "server": f"https://{spec.endpoint}",
        "certificate-authority-data": _base64(authorities["ca"].certificate),
    }
    for path, user, group in _users(spec):
        pair = certificates.client(authorities["ca"], user, group)
        identity = {
            "client-certificate-data": _base64(pair.certificate),
            "client-key-data": _base64(pair.key),
        }
        files.replace(path, _kubeconfig(spec, cluster, user, identity))


def user_kubeconfig(spec: ClusterSpec) -> str:
    """Return the administrator's kubeconfig by way of 127.0.0.1; its context is the cluster."""
    config = quick_yaml.load((spec.kubeconfigs / "admin.conf").read_text())
    cluster = config["clusters"][0]["cluster"] | {
        "server": f"https://127.0.0.1:{spec.api_port}",
        # Within one machine it only costs: each of Pulumi's providers asks for megabytes of
        # schema, 0.3 s of a processor in an update of three clusters (measured).
        "disable-compression": True,
    }
    return _kubeconfig(spec, cluster, f"{spec.name}-admin", config["users"][0]["user"])


def _certificates(
    spec: ClusterSpec, authorities: dict[str, KeyPair]
) -> Iterator[tuple[str, KeyPair]]:
    """Yield the file of each certificate of the control plane, without its suffix."""
    from foundation.certificates import client, leaf, server

    first = spec.members[0]
    own = [first.name, first.address, "localhost", "127.0.0.1"]
    service = "kubernetes.default.svc"
    names = ["kubernetes", "kubernetes.default", service, f"{service}.{CLUSTER_DOMAIN}"]
    names.append(str(IPv4Network(service_range(spec.index))[1]))
    yield "apiserver", leaf(authorities["ca"], "kube-apiserver", [*own, *names])
    for file in ("etcd/server", "etcd/peer"):
        yield file, leaf(authorities["etcd/ca"], first.name, [*own, "::1"])
    # One that has none makes an authority and a certificate of RSA at each start: a tenth of a
    # second of the processor (measured), and nobody can tell whose it is.
    for part in ("controller-manager", "scheduler"):
        yield part, server(authorities["ca"], f"kube-{part}", ["localhost", "127.0.0.1"])
    for node in spec.members:
        names = [node.name, node.address]
        yield node.kubelet_certificate, server(authorities["ca"], node.name, names)
    for file, (issuer, name) in _CLIENTS.items():
        yield file, client(authorities[issuer], name)


def _users(spec: ClusterSpec) -> Iterator[tuple[Path, str, str]]:
    """Yield the kubeconfig of each user of the cluster, with the user's name and group."""
    for file, (user, group) in _USERS.items():
        yield spec.kubeconfigs / file, user, group
    for node in spec.members:
        yield node.kubeconfig, f"system:node:{node.name}", "system:nodes"


def _kubeconfig(
    spec: ClusterSpec, cluster: dict[str, Any], user: str, identity: dict[str, str]
) -> str:
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": spec.name, "cluster": cluster}],
            "users": [{"name": user, "user": identity}],
            "contexts": [{"name": spec.name, "context": {"cluster": spec.name, "user": user}}],
            "current-context": spec.name,
        }
    )


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()
