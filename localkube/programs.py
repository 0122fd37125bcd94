"""The programs of a node: command lines and configuration files. Pure but for `write`.

Flags follow kubeadm's static pods; each that differs has its reason beside it. Figures marked
"measured" were taken on two cores with Kubernetes 1.34 and 1.36.
"""

from __future__ import annotations

import json
import os
from typing import Any

from localkube import pki
from localkube.images import PAUSE
from localkube.spec import (
    API_PORT,
    BRIDGE_ADDRESS,
    EGRESS_PORT,
    Node,
    dns_address,
    pod_range,
    service_range,
)
from localkube.supervision import Program, configuration, python
from toolchain import tools

DEFERRED = ("kube-controller-manager", "kube-scheduler", "load-balancer", "kubelet", "kube-proxy")
"""Started by `localkube.bringup` once the API server is ready: before that they only fail."""

CONTAINERD = "/run/containerd/containerd.sock"


def write(node: Node) -> None:
    """Writes all configuration files of the node below its folder."""
    for name in ("etcd", "containerd", "kubelet", "pods", "cni", "log"):
        (node.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    (node.folder / "kubelet.yaml").write_text(json.dumps(kubelet_config(node), indent=2))
    (node.folder / "containerd.toml").write_text(containerd_config(node))
    (node.folder / "cni" / "10-bridge.conflist").write_text(json.dumps(cni_config(node), indent=2))
    (node.folder / "resolv.conf").write_text(f"nameserver {dns_address(node.cluster.index)}\n")
    text = configuration(node.folder / "log", programs(node))
    (node.folder / "supervisord.conf").write_text(text)


def programs(node: Node) -> list[Program]:
    """All programs of the node, in the order of their start."""
    control_plane = [etcd(node), api_server(node)] if node.is_control_plane else []
    managers = (
        [controller_manager(node), scheduler(node), load_balancer(node)]
        if node.is_control_plane
        else []
    )
    folder, ordinal = str(node.cluster.folder), str(node.ordinal)
    bringup = Program("bringup", python("localkube.bringup", folder, ordinal), once=True)
    return [*control_plane, containerd(node), bringup, *managers, kubelet(node), kube_proxy(node)]


def etcd(node: Node) -> Program:
    """One member, reached by the API server of its own node only."""
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
    """The API server, with Node and RBAC authorisation and no anonymous access."""
    keys = node.cluster.pki
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
            # the default tries the host name first: `kubectl logs` then waits for DNS (measured)
            "--kubelet-preferred-address-types=InternalIP",
            "--etcd-servers=https://127.0.0.1:2379",
            f"--etcd-cafile={keys}/etcd/ca.crt",
            f"--etcd-certfile={keys}/apiserver-etcd-client.crt",
            f"--etcd-keyfile={keys}/apiserver-etcd-client.key",
            f"--service-cluster-ip-range={service_range(node.cluster.index)}",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={keys}/sa.pub",
            f"--service-account-signing-key-file={keys}/sa.key",
            f"--proxy-client-cert-file={keys}/front-proxy-client.crt",
            f"--proxy-client-key-file={keys}/front-proxy-client.key",
            f"--requestheader-client-ca-file={keys}/front-proxy-ca.crt",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-username-headers=X-Remote-User",
            # pods leave a dead node in seconds: a demo has no 300 s to wait
            "--default-not-ready-toleration-seconds=5",
            "--default-unreachable-toleration-seconds=5",
        ],
        # It is half of what the start of a cluster takes of the processor, a quarter of that for
        # collecting garbage: 5.3 s for 7.2 s, and 80 MB more (measured, six clusters at once).
        {"GOGC": "200"},
    )


def controller_manager(node: Node) -> Program:
    """The controllers; without leader election, for there is one (and no lease to wait for)."""
    keys, kubeconfig = node.cluster.pki, node.cluster.kubeconfigs / "controller-manager.conf"
    return Program(
        "kube-controller-manager",
        [
            str(tools.path("kube-controller-manager")),
            "--bind-address=127.0.0.1",
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
            "--node-monitor-grace-period=8s",  # the default takes 50 s to notice a dead node
        ],
        autostart=False,
    )


def scheduler(node: Node) -> Program:
    """The scheduler, like the controllers without leader election."""
    kubeconfig = node.cluster.kubeconfigs / "scheduler.conf"
    return Program(
        "kube-scheduler",
        [
            str(tools.path("kube-scheduler")),
            "--bind-address=127.0.0.1",
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            "--leader-elect=false",
        ],
        autostart=False,
    )


def load_balancer(node: Node) -> Program:
    """Gives Services of type LoadBalancer their address."""
    command = python("localkube.loadbalancer", str(node.cluster.folder))
    return Program("load-balancer", command, autostart=False)


def containerd(node: Node) -> Program:
    """The container runtime; it reaches image registries by way of the lab's egress proxy."""
    proxy = f"http://{BRIDGE_ADDRESS}:{EGRESS_PORT}"
    environment = {
        # runc, the shim and iptables are looked up on PATH
        "PATH": f"{tools.bin_dir()}:{os.environ.get('PATH', '')}:/usr/sbin:/sbin",
        "HTTP_PROXY": proxy,
        "HTTPS_PROXY": proxy,
        "NO_PROXY": "10.0.0.0/8,127.0.0.0/8,localhost",
    }
    config = str(node.folder / "containerd.toml")
    return Program("containerd", [str(tools.path("containerd")), "--config", config], environment)


def containerd_config(node: Node) -> str:
    """containerd's configuration (version 3). A JSON string is a TOML string as well."""
    quoted = json.dumps
    return f"""\
version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt"]  # it would leave a folder in the host's /opt
[grpc]
  address = {quoted(CONTAINERD)}
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = {quoted(PAUSE)}
[plugins."io.containerd.cri.v1.runtime"]
  # Many containers that run CI lack CAP_SYS_RESOURCE and may not lower an oom_score_adj;
  # elsewhere this changes nothing.
  restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = [{quoted(str(tools.cni_dir()))}]
  conf_dir = {quoted(str(node.folder / "cni"))}
"""


def cni_config(node: Node) -> dict[str, Any]:
    """Pods hang on a bridge of the node and take addresses of the node's range."""
    return {
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "cni0",
                "isGateway": True,
                "hairpinMode": True,
                "ipMasq": False,  # the lab's bridge routes between all pods
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": node.pod_range}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                    "dataDir": "/run/cni",  # like the pods' sandboxes: gone when the node restarts
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def kubelet(node: Node) -> Program:
    """The kubelet; its user is `system:node:<name>`, so the name is the certificate's."""
    return Program(
        "kubelet",
        [
            str(tools.path("kubelet")),
            f"--config={node.folder}/kubelet.yaml",
            f"--kubeconfig={pki.kubelet_config(node)}",
            f"--hostname-override={node.name}",
            f"--node-ip={node.address}",
        ],
        autostart=False,
    )


def kubelet_config(node: Node) -> dict[str, Any]:
    """The kubelet's configuration file."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{node.cluster.pki}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": node.cgroup,
        "cgroupsPerQOS": True,
        "enforceNodeAllocatable": [],
        "failCgroupV1": False,  # since 1.35 the default refuses version 1
        "failSwapOn": False,
        "clusterDomain": "cluster.local",
        "clusterDNS": [dns_address(node.cluster.index)],
        "resolvConf": f"{node.folder}/resolv.conf",  # the host's resolver is out of reach for pods
        "containerRuntimeEndpoint": f"unix://{CONTAINERD}",
        # The machine is shared: what else fills its disk must not evict the demo's pods, and an
        # image that was made here cannot be pulled again.
        "evictionHard": {
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
            "imagefs.available": "0%",
        },
        "imageGCHighThresholdPercent": 100,
        "nodeStatusUpdateFrequency": "2s",
        "nodeLeaseDurationSeconds": 4,
        "registerNode": True,
        "serializeImagePulls": False,
        "shutdownGracePeriod": "0s",
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
    }


def kube_proxy(node: Node) -> Program:
    """Services by iptables rules."""
    return Program(
        "kube-proxy",
        [
            str(tools.path("kube-proxy")),
            f"--kubeconfig={node.cluster.kubeconfigs}/kube-proxy.conf",
            f"--hostname-override={node.name}",
            f"--cluster-cidr={pod_range(node.cluster.index)}",
            "--proxy-mode=iptables",
            # a namespace may not set the machine's connection table size: anything but 0 fails
            "--conntrack-max-per-core=0",
            # a dead endpoint leaves the rules at once, not after a second
            "--iptables-min-sync-period=100ms",
        ],
        autostart=False,
    )
