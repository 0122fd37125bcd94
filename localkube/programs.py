"""The programs of a node: command lines and configuration files.

Pure but for `write` and `set_cgroup`. Flags follow kubeadm's static pods, like those of the control
plane (see control_plane).
"""

from __future__ import annotations

import json
import os
from typing import Any

from foundation.contract import CLUSTER_DOMAIN
from localkube import control_plane, rootless
from localkube.addons import addons
from localkube.images import PAUSE
from localkube.network import POD_BRIDGE
from localkube.spec import BRIDGE_ADDRESS, EGRESS_PORT, LAB_RANGES, Node, dns_address, pod_range
from localkube.supervisord_config import Program, configuration, python
from toolchain import tools

CONTAINERD = "/run/containerd/containerd.sock"


def write(node: Node) -> None:
    """Write all configuration files of the node below its folder."""
    for name in ("etcd", "containerd", "kubelet", "pods", "volumes", "cni", "log"):
        (node.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    (node.folder / "kubelet.yaml").write_text(json.dumps(kubelet_config(node), indent=2))
    (node.folder / "containerd.toml").write_text(containerd_config(node))
    (node.folder / "cni" / "10-bridge.conflist").write_text(json.dumps(cni_config(node), indent=2))
    (node.folder / "resolv.conf").write_text(f"nameserver {dns_address(node.cluster.index)}\n")
    if node.is_control_plane:
        (node.folder / "addons.json").write_text(json.dumps(addons(node.cluster.index), indent=2))
    text = configuration(node.folder / "log", programs(node))
    (node.folder / "supervisord.conf").write_text(text)


def programs(node: Node) -> list[Program]:
    """Return all programs of the node, in the order of their start."""
    first = control_plane.servers(node) if node.is_control_plane else []
    later = control_plane.controllers(node) if node.is_control_plane else []
    folder, ordinal = str(node.cluster.folder), str(node.ordinal)
    bringup = Program("bringup", python("localkube.inside.bringup", folder, ordinal), once=True)
    return [*first, containerd(node), bringup, *later, kubelet(node), kube_proxy(node)]


def containerd(node: Node) -> Program:
    """Return the container runtime; it reaches registries by the lab's egress proxy."""
    proxy = f"http://{BRIDGE_ADDRESS}:{EGRESS_PORT}"
    environment = {
        # runc, the shim and iptables are looked up on PATH
        "PATH": f"{tools.bin_dir()}:{os.environ.get('PATH', '')}:/usr/sbin:/sbin",
        "HTTP_PROXY": proxy,
        "HTTPS_PROXY": proxy,
        # not all of 10.0.0.0/8: a company's registry may be there
        "NO_PROXY": ",".join([*LAB_RANGES, "127.0.0.0/8", "localhost"]),
    }
    config = str(node.folder / "containerd.toml")
    return Program("containerd", [str(tools.path("containerd")), "--config", config], environment)


def containerd_config(node: Node) -> str:
    """Return containerd's configuration (version 3). A JSON string is a TOML string as well."""
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
  # By default it reads all cgroups of each container every second, which three clusters at rest
  # spent a tenth of their processor time on. Only a kubelet that takes its figures from it needs
  # them (PodAndContainerStatsFromCRI, off by default); source: containerd's pull request 12629.
  stats_collect_period = "10s"
{_of_user()}[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = [{quoted(str(tools.path("bridge").parent))}]
  conf_dir = {quoted(str(node.folder / "cni"))}
"""


def _of_user() -> str:
    """Return what containerd must not try for an ordinary user (its docs/rootless.md)."""
    settings = ("disable_apparmor = true", "disable_hugetlb_controller = true")
    return "".join(f"  {line}\n" for line in settings if rootless.is_inside())


def cni_config(node: Node) -> dict[str, Any]:
    """Return the CNI configuration: pods hang on a bridge of the node, in its range."""
    return {
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [
            {
                "type": "bridge",
                "bridge": POD_BRIDGE,
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
    """Return the kubelet; its user is `system:node:<name>`, so the name is the certificate's."""
    return Program(
        "kubelet",
        [
            str(tools.path("kubelet")),
            f"--config={node.folder}/kubelet.yaml",
            f"--kubeconfig={node.kubeconfig}",
            f"--hostname-override={node.name}",
            f"--node-ip={node.address}",
        ],
        autostart=False,
    )


def set_cgroup(node: Node) -> None:
    """Tell the kubelet the node's cgroup, when the node starts.

    Not in `write`: only then has the lab started its unit of systemd, and the path is that unit's.
    """
    file = node.folder / "kubelet.yaml"
    config = {**json.loads(file.read_text()), "cgroupRoot": node.cgroup}
    file.write_text(json.dumps(config, indent=2))


def kubelet_config(node: Node) -> dict[str, Any]:
    """Return the kubelet's configuration file, but for the cgroup: see `set_cgroup`."""
    serving = node.cluster.pki / node.kubelet_certificate
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "tlsCertFile": f"{serving}.crt",
        "tlsPrivateKeyFile": f"{serving}.key",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{node.cluster.pki}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": True,
        "enforceNodeAllocatable": [],
        "failCgroupV1": False,  # since 1.35 the default refuses version 1
        "failSwapOn": False,
        "clusterDomain": CLUSTER_DOMAIN,
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
        # By default a kubelet that looks more often than usual also writes each time (SetDefaults
        # of its v1beta1), and all who watch nodes read that. A change is written at once anyway.
        # Not more rarely: with each write the node controller looks again at a node's taints.
        "nodeStatusReportFrequency": "10s",
        # Renewed four times in its duration. Only another node's controllers act on a silence of
        # eight seconds; where there is none, `health.SILENCE_SECONDS` is all that has to hold.
        "nodeLeaseDurationSeconds": 4 if node.cluster.nodes > 1 else 12,
        "registerNode": True,
        "serializeImagePulls": False,
        "shutdownGracePeriod": "0s",
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
        # parameters of the kernel and its log are not an ordinary user's
        **({"featureGates": {"KubeletInUserNamespace": True}} if rootless.is_inside() else {}),
    }


def kube_proxy(node: Node) -> Program:
    """Return kube-proxy, which makes Services by iptables rules."""
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
            # nor do these parameters exist before its rules have the kernel load nf_conntrack
            "--conntrack-tcp-timeout-established=0",
            "--conntrack-tcp-timeout-close-wait=0",
            # a dead endpoint leaves the rules at once, not after a second
            "--iptables-min-sync-period=100ms",
        ],
        autostart=False,
    )
