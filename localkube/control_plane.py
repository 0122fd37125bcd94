"""The programs of a control plane: command lines. Pure.

Flags follow kubeadm's static pods; each that differs has its reason beside it. Figures marked
"measured" were taken on two cores with Kubernetes 1.34 and 1.36.
"""

from __future__ import annotations

from foundation.contract import CLUSTER_DOMAIN
from localkube.spec import API_PORT, Node, service_range
from localkube.supervisord_config import Program, python
from toolchain import tools

ETCD_HTTP_PORT = 2382
"""Port on 127.0.0.1 of a node where its etcd is asked in JSON."""


def servers(node: Node) -> list[Program]:
    """Return what starts first: the store, and the API server on it."""
    return [etcd(node), api_server(node)]


def controllers(node: Node) -> list[Program]:
    """Return what needs the API server."""
    return [controller_manager(node), scheduler(node), own_controllers(node)]


def etcd(node: Node) -> Program:
    """Return etcd: one member, reached by the API server of its own node only."""
    certificates = node.cluster.pki / "etcd"
    peer = "https://127.0.0.1:2380"
    return Program(
        "etcd",
        [
            str(tools.path("etcd")),
            f"--name={node.name}",
            "--data-dir=/var/lib/etcd",
            "--unsafe-no-fsync",  # a killed process loses nothing; only a crashed machine can
            "--listen-client-urls=https://127.0.0.1:2379",
            "--advertise-client-urls=https://127.0.0.1:2379",
            # With HTTP on a port of its own gRPC is served by gRPC's own server, not through that
            # of HTTP, which takes a quarter more of the processor (measured).
            f"--listen-client-http-urls=https://127.0.0.1:{ETCD_HTTP_PORT}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster={node.name}={peer}",
            "--client-cert-auth",
            f"--trusted-ca-file={certificates}/ca.crt",
            f"--cert-file={certificates}/server.crt",
            f"--key-file={certificates}/server.key",
            "--peer-client-cert-auth",
            f"--peer-trusted-ca-file={certificates}/ca.crt",
            f"--peer-cert-file={certificates}/peer.crt",
            f"--peer-key-file={certificates}/peer.key",
        ],
    )


def api_server(node: Node) -> Program:
    """Return the API server, with Node and RBAC authorisation and no anonymous access."""
    keys = node.cluster.pki
    # Pods leave a dead node in seconds: a demo has no 300 s to wait. Where there is no other node,
    # they would be lost to a kubelet that is short of CPU (seen: every gateway of a cluster).
    leave = ("not-ready", "unreachable") if node.cluster.nodes > 1 else ()
    return Program(
        "kube-apiserver",
        [
            str(tools.path("kube-apiserver")),
            f"--advertise-address={node.address}",
            f"--secure-port={API_PORT}",
            "--allow-privileged",
            "--anonymous-auth=false",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            f"--client-ca-file={keys}/ca.crt",
            f"--tls-cert-file={keys}/apiserver.crt",
            f"--tls-private-key-file={keys}/apiserver.key",
            f"--kubelet-client-certificate={keys}/apiserver-kubelet-client.crt",
            f"--kubelet-client-key={keys}/apiserver-kubelet-client.key",
            f"--kubelet-certificate-authority={keys}/ca.crt",
            # the default tries the host name first: `kubectl logs` then waits for DNS (measured)
            "--kubelet-preferred-address-types=InternalIP",
            "--etcd-servers=https://127.0.0.1:2379",
            f"--etcd-cafile={keys}/etcd/ca.crt",
            f"--etcd-certfile={keys}/apiserver-etcd-client.crt",
            f"--etcd-keyfile={keys}/apiserver-etcd-client.key",
            f"--service-cluster-ip-range={service_range(node.cluster.index)}",
            f"--service-account-issuer=https://kubernetes.default.svc.{CLUSTER_DOMAIN}",
            f"--service-account-key-file={keys}/sa.pub",
            f"--service-account-signing-key-file={keys}/sa.key",
            f"--proxy-client-cert-file={keys}/front-proxy-client.crt",
            f"--proxy-client-key-file={keys}/front-proxy-client.key",
            f"--requestheader-client-ca-file={keys}/front-proxy-ca.crt",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-username-headers=X-Remote-User",
            *(f"--default-{state}-toleration-seconds=5" for state in leave),
        ],
    )


def controller_manager(node: Node) -> Program:
    """Return the controllers, without leader election: there is one, and no lease to wait for."""
    keys, kubeconfig = node.cluster.pki, node.cluster.kubeconfigs / "controller-manager.conf"
    # The default takes 50 s to notice a dead node. Where there is no other, noticing helps nobody,
    # and after eight seconds of a cut between the node and its API server the controller, if it is
    # back first, takes every pod out of the Services for seconds (seen at the edge: 60 lost).
    grace = ["--node-monitor-grace-period=8s"] if node.cluster.nodes > 1 else []
    return Program(
        "kube-controller-manager",
        [
            str(tools.path("kube-controller-manager")),
            "--bind-address=127.0.0.1",
            *_serving(node, "controller-manager"),
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            f"--client-ca-file={keys}/ca.crt",
            f"--requestheader-client-ca-file={keys}/front-proxy-ca.crt",
            f"--root-ca-file={keys}/ca.crt",
            f"--cluster-name={node.cluster.name}",
            f"--cluster-signing-cert-file={keys}/ca.crt",
            f"--cluster-signing-key-file={keys}/ca.key",
            f"--service-account-private-key-file={keys}/sa.key",
            "--use-service-account-credentials",
            "--leader-elect=false",
            # one client per controller at 20 requests a second delays all by 4 s (measured)
            "--kube-api-qps=200",
            "--kube-api-burst=400",
            "--node-monitor-period=1s",
            *grace,
        ],
        autostart=False,
    )


def scheduler(node: Node) -> Program:
    """Return the scheduler, like the controllers without leader election."""
    kubeconfig = node.cluster.kubeconfigs / "scheduler.conf"
    return Program(
        "kube-scheduler",
        [
            str(tools.path("kube-scheduler")),
            "--bind-address=127.0.0.1",
            *_serving(node, "scheduler"),
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            "--leader-elect=false",
        ],
        autostart=False,
    )


def _serving(node: Node, part: str) -> list[str]:
    """Return the flags of the certificate that a part serves. kubeadm gives none."""
    keys = node.cluster.pki
    return [f"--tls-cert-file={keys}/{part}.crt", f"--tls-private-key-file={keys}/{part}.key"]


def own_controllers(node: Node) -> Program:
    """Return what a cloud does elsewhere: addresses for load balancers, volumes for claims."""
    command = python("localkube.inside.controllers", str(node.cluster.folder))
    return Program("controllers", command, autostart=False)
