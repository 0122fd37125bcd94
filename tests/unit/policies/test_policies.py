"""Every rule, broken on purpose; what the demo plans is looked at by tests/engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from policies import rules
from policies.rules import RULES, SECRET, UNKNOWN, Resource, violations

PACK = Path(rules.__file__).parent


def kubernetes(kind: str, provider: str = "west-cluster", **inputs: Any) -> Resource:
    group = {"Deployment": "apps/v1", "CronJob": "batch/v1"}.get(kind, "core/v1")
    return Resource(f"kubernetes:{group}:{kind}", "it", inputs, provider)


def container(**changes: Any) -> dict[str, Any]:
    return {
        "name": "web",
        "image": "docker.io/envoyproxy/envoy:v1.40.0",
        "securityContext": {"allowPrivilegeEscalation": False},
        "resources": {
            "requests": {"cpu": "10m", "memory": "32Mi"},
            "limits": {"memory": "64Mi"},
        },
        **changes,
    }


def deployment(pod: dict[str, Any] | None = None, **changes: Any) -> Resource:
    template = {"spec": {"containers": [container(**changes)], **(pod or {})}}
    return kubernetes("Deployment", spec={"template": template})


def service(kind: str, namespace: str = "transaction-service", name: str = "portal") -> Resource:
    metadata = {"namespace": namespace, "name": name}
    return kubernetes("Service", metadata=metadata, spec={"type": kind})


def only(resource: Resource) -> str:
    (found,) = violations(resource)
    return found


GOOD = [
    deployment(),
    deployment(image="example.com:5000/envoy@sha256:" + "0" * 64),
    deployment(image=UNKNOWN),
    deployment(resources=UNKNOWN),
    deployment(pod={"hostNetwork": False, "volumes": [{"name": "a", "emptyDir": {}}]}),
    service("LoadBalancer", "tetrate-system", "gateway"),
    service("ClusterIP"),
    kubernetes("Secret", data={"tls.key": SECRET}),
    kubernetes("Secret", data=SECRET),
    kubernetes("Secret", data=None),
    kubernetes("ConfigMap", data={"envoy.yaml": "private_key: {filename: tls.key}"}),
    Resource("demo:edge:Edge", "corp-edge", {}, custom=False),
    Resource("pulumi-python:dynamic/pki:Certificate", "mesh", {}, "default"),
    Resource("pulumi:providers:kubernetes", "west-cluster", {"kubeconfig": SECRET}),
]


@pytest.mark.parametrize("resource", GOOD, ids=lambda r: r.type)
def test_what_is_in_order_violates_nothing(resource: Resource) -> None:
    assert violations(resource) == []


def test_a_load_balancer_is_for_the_edge_and_the_gateways_alone() -> None:
    assert only(service("LoadBalancer")).startswith("load-balancer: Service it: is of type")
    assert only(service("LoadBalancer", "tetrate-system", "other"))
    assert only(service("LoadBalancer", "elsewhere", "gateway"))


@pytest.mark.parametrize(
    ("pod", "changes", "said"),
    [
        ({"hostNetwork": True}, {}, "hostNetwork"),
        ({"hostPID": True}, {}, "hostPID"),
        ({"hostIPC": True}, {}, "hostIPC"),
        ({"volumes": [{"name": "etc", "hostPath": {"path": "/etc"}}]}, {}, "volume etc"),
        (
            {},
            {"securityContext": {"privileged": True, "allowPrivilegeEscalation": False}},
            "privileged",
        ),
        ({}, {"securityContext": {"allowPrivilegeEscalation": True}}, "may gain privileges"),
        ({}, {"securityContext": {}}, "may gain privileges"),
    ],
)
def test_no_pod_is_privileged(pod: dict[str, Any], changes: dict[str, Any], said: str) -> None:
    found = only(deployment(pod, **changes))
    assert found.startswith("privileged-pod: Deployment it: ")
    assert said in found


def test_pods_of_custom_kinds_are_looked_at_as_well() -> None:
    """An Argo Rollout and a Knative Service hold pods where a Deployment does."""
    spec = {"template": {"spec": {"containers": [container(image="shop")], "hostPID": True}}}
    rollout = Resource("kubernetes:argoproj.io/v1alpha1:Rollout", "it", {"spec": spec}, "west")
    host, image = violations(rollout)
    assert host.startswith("privileged-pod: Rollout it: hostPID")
    assert image.startswith("image-version: Rollout it: image shop")
    template = kubernetes("PodTemplate", template=spec["template"])
    assert len(violations(template)) == 2
    generated = {"template": {"spec": {"source": {"path": "apps"}}}}
    assert violations(kubernetes("ApplicationSet", spec=generated)) == []


@pytest.mark.parametrize(
    "image", ["envoy", "envoy:latest", "example.com:5000/envoy", "example.com:5000/a/b:latest", ""]
)
def test_an_image_is_named_by_version(image: str) -> None:
    assert only(deployment(image=image)).startswith("image-version: Deployment it: image ")


@pytest.mark.parametrize("provider", ["", "default_4_34_2"])
def test_a_resource_has_an_explicit_provider(provider: str) -> None:
    found = only(kubernetes("Namespace", provider))
    assert found.startswith("explicit-provider: Namespace it: ")


def test_the_values_of_a_secret_are_secret_to_pulumi_too() -> None:
    found = only(kubernetes("Secret", data={"tls.crt": SECRET, "tls.key": "bm90IGhpZGRlbg=="}))
    assert found.startswith("secrets-encrypted: Secret it: tls.key would lie in the state")
    assert "bm90" not in found
    assert only(kubernetes("Secret", stringData={"password": UNKNOWN}))
    handed_over = Resource(
        "kubernetes:core/v1:Secret", "it", {"data": {"a": "b"}}, "p", shows_secrets=False
    )
    assert only(handed_over).startswith("secrets-encrypted")


def test_a_kubeconfig_is_a_secret() -> None:
    provider = Resource("pulumi:providers:kubernetes", "west-cluster", {"kubeconfig": "token: x"})
    assert only(provider).startswith("secrets-encrypted: kubernetes west-cluster: its kubeconfig")


@pytest.mark.parametrize(
    "text", ["-----BEGIN EC PRIVATE KEY-----\nMHc", "users:\n- user:\n    client-key-data: abc"]
)
def test_a_config_map_holds_no_key(text: str) -> None:
    found = only(kubernetes("ConfigMap", data={"file": text}))
    assert found.startswith("secrets-encrypted: ConfigMap it: file holds a private key")


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        ({}, "requests.cpu, requests.memory, limits.memory"),
        ({"requests": {"memory": "1Mi"}, "limits": {"memory": "1Mi"}}, "requests.cpu"),
        ({"requests": {"cpu": 1, "memory": "1Mi"}, "limits": {"cpu": 1}}, "limits.memory"),
    ],
)
def test_a_container_has_requests_and_a_limit(resources: dict[str, Any], said: str) -> None:
    assert only(deployment(resources=resources)).endswith(f"has no resources.{said}")


def test_init_containers_and_the_pods_of_cron_jobs_are_looked_at() -> None:
    assert only(deployment({"initContainers": [container(image="busybox")]}))
    pod = {"containers": [container(image="busybox")]}
    job = {"spec": {"template": {"spec": pod}}}
    assert only(kubernetes("CronJob", spec={"jobTemplate": job}))
    assert only(kubernetes("Pod", spec=pod))


@pytest.mark.parametrize("inputs", [{"spec": UNKNOWN}, {"spec": {"template": UNKNOWN}}, {}])
def test_what_is_not_known_yet_violates_nothing(inputs: dict[str, Any]) -> None:
    assert violations(kubernetes("Deployment", **inputs)) == []


def test_rules_have_names_of_their_own() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES) == 6


def test_the_pack_runs_in_an_environment_of_its_own() -> None:
    project = yaml.safe_load((PACK / "PulumiPolicy.yaml").read_text())
    assert project["runtime"] == {"name": "python", "options": {"virtualenv": ".venv"}}
    locked = (PACK.parent / "requirements.txt").read_text()
    assert "pulumi-policy" not in locked  # its older protobuf would be everybody's
    assert "pulumi-policy==" in (PACK / "requirements.txt").read_text()
