"""The Deployment and the Service of Envoys."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from components.envoy.drain import drain_command
from components.envoy.pod import CHECKSUM_ANNOTATION, EnvoyPods, envoy_deployment, envoy_service
from components.envoy.version import LOOKS, version_command

EDGE = EnvoyPods("corp-edge", ("bank-certs",))
GATEWAY = EnvoyPods("east-cluster")


def pod(pods: EnvoyPods) -> dict[str, Any]:
    return envoy_deployment(pods, "abc")["spec"]["template"]["spec"]


@pytest.mark.parametrize("pods", [EDGE, GATEWAY], ids=["edge", "gateway"])
def test_the_container_may_do_nothing_that_envoy_does_not_need(pods: EnvoyPods) -> None:
    spec = pod(pods)
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert all(port["containerPort"] > 1024 for port in container["ports"])


@pytest.mark.parametrize("pods", [EDGE, GATEWAY], ids=["edge", "gateway"])
def test_no_pod_ends_before_its_successor_is_ready(pods: EnvoyPods) -> None:
    spec = envoy_deployment(pods, "abc")["spec"]
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert spec["template"]["metadata"]["annotations"] == {CHECKSUM_ANNOTATION: "abc"}
    assert spec["replicas"] == 2


@pytest.mark.parametrize("pods", [EDGE, GATEWAY], ids=["edge", "gateway"])
def test_a_pod_has_time_to_drain(pods: EnvoyPods) -> None:
    spec = pod(pods)
    (container,) = spec["containers"]
    assert container["lifecycle"]["preStop"]["exec"]["command"] == drain_command(9901)
    assert spec["terminationGracePeriodSeconds"] >= 15
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "ready"}


def test_the_edge_gets_traffic_only_once_it_has_loaded_its_files() -> None:
    (edge,), (gateway,) = (pod(pods)["containers"] for pods in (EDGE, GATEWAY))
    command = edge["startupProbe"]["exec"]["command"]
    assert command == version_command("", "/etc/envoy/config", 9901)
    assert edge["startupProbe"]["timeoutSeconds"] > LOOKS / 10
    assert subprocess.run(["/bin/bash", "-n", *command[1:]], capture_output=True).returncode == 0
    assert "startupProbe" not in gateway


@pytest.mark.parametrize("pods", [EDGE, GATEWAY], ids=["edge", "gateway"])
def test_the_service_reaches_ports_that_the_container_has(pods: EnvoyPods) -> None:
    service = envoy_service(pods, annotations={"a": "b"})
    (container,) = pod(pods)["containers"]
    names = {port["name"] for port in container["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= names
    labels = envoy_deployment(pods, "abc")["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    assert service["spec"]["type"] == "LoadBalancer"
    assert service["metadata"]["annotations"] == {"a": "b"}


def test_the_edge_is_reached_at_the_usual_ports_and_gateways_at_those_of_the_mesh() -> None:
    assert [p["port"] for p in envoy_service(EDGE)["spec"]["ports"]] == [443, 80]
    assert [p["port"] for p in envoy_service(GATEWAY)["spec"]["ports"]] == [15443, 15444]


def test_every_volume_is_mounted_where_the_configuration_looks_for_it() -> None:
    (container,) = pod(EDGE)["containers"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts == {
        "config": "/etc/envoy/config",
        "mesh": "/etc/envoy/mesh",
        "certificate-0": "/etc/envoy/certs/bank-certs",
    }
    assert {volume["name"] for volume in pod(EDGE)["volumes"]} == set(mounts)


def test_the_drain_is_bash_that_bash_understands() -> None:
    shell, flag, script = drain_command(9901)
    assert (shell, flag) == ("/bin/bash", "-c")
    assert subprocess.run([shell, "-n", flag, script], capture_output=True).returncode == 0
