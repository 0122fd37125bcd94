"""The shipped manifests: plain Kubernetes that `kubectl apply -f` takes."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.envoy.pod import IMAGE
from components.routing.routes import routes
from foundation.project import ROOT

MANIFESTS = ROOT / "manifests"


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((MANIFESTS / name).read_text()))


def only(name: str, kind: str) -> dict[str, Any]:
    (found,) = [document for document in documents(name) if document["kind"] == kind]
    return found


@pytest.mark.parametrize("file", sorted(MANIFESTS.glob("*.yaml")), ids=lambda file: file.name)
def test_every_document_says_what_it_is(file: Path) -> None:
    for document in yaml.safe_load_all(file.read_text()):
        assert {"apiVersion", "kind", "metadata"} <= document.keys()
        assert document["metadata"]["name"]


def test_the_application_is_exposed_as_the_contract_says() -> None:
    (route,) = routes(documents("app.yaml"))
    assert (route.namespace, route.service, route.port) == (
        "transaction-service",
        "web-portal",
        3000,
    )
    assert (route.host, route.path) == ("online-banking.dynabank.com", "/web-portal")
    assert (route.protocol, route.tls_secret) == ("HTTPS", "online-banking-certs")
    assert (route.target_port, route.health_path) == (3000, "/healthz")


def test_the_namespace_comes_first_and_everything_else_is_in_it() -> None:
    first, *others = documents("app.yaml")
    assert first["kind"] == "Namespace"
    assert {d["metadata"]["namespace"] for d in others} == {first["metadata"]["name"]}


def test_the_service_selects_the_pods_and_their_port_is_called_http() -> None:
    service, deployment = only("app.yaml", "Service"), only("app.yaml", "Deployment")
    template = deployment["spec"]["template"]
    assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
    assert template["metadata"]["labels"]["version"] == "v1"
    (container,) = template["spec"]["containers"]
    assert container["ports"] == [{"name": "http", "containerPort": 3000}]
    assert service["spec"]["ports"][0]["name"] == "http"


def test_the_portal_needs_no_image_and_no_right_beyond_the_gateways() -> None:
    spec = only("app.yaml", "Deployment")["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["image"] == IMAGE
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {"readinessProbe", "livenessProbe", "lifecycle", "resources"} <= container.keys()


def test_the_portals_volume_is_the_config_map_of_the_same_file() -> None:
    spec = only("app.yaml", "Deployment")["spec"]["template"]["spec"]
    config = only("app.yaml", "ConfigMap")
    assert spec["volumes"] == [
        {"name": "portal", "configMap": {"name": config["metadata"]["name"]}}
    ]
    assert set(config["data"]) == {"envoy.yaml", "page.html", "streams.lua"}


def test_the_secret_has_all_keys_and_no_content() -> None:
    secret = only("online-banking-secret.yaml", "Secret")
    assert secret["type"] == "kubernetes.io/tls"
    assert secret["metadata"]["namespace"] == "tetrate-system"
    assert {key: base64.b64decode(text) for key, text in secret["data"].items()} == {
        "tls.crt": b"",
        "tls.key": b"",
        "ca.crt": b"",
    }


def test_the_tenant_names_the_profile_that_is_shipped() -> None:
    profile = only("http-profile.yaml", "Profile")["metadata"]
    tenant = only("tenant-settings.yaml", "Tenant")
    key = "tsb.tetrate.io/organization"
    organization = profile["annotations"][key]
    assert tenant["metadata"]["annotations"][key] == organization
    assert tenant["spec"]["profiles"] == [
        f"organizations/{organization}/profiles/{profile['name']}"
    ]
