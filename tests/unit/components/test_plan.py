"""What is read and refused before anything is registered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from components import plan
from components.routing.exposed_services import twin_name
from components.settings.model import read
from foundation.errors import UserError
from foundation.project import ROOT
from tests.support.plans import OWN, PLAIN, chosen, made, service


class Elsewhere:
    """A backend whose clusters are there already."""

    def raw(self, cluster: str, path: str) -> str:
        raise AssertionError(f"{cluster} is asked for {path}")


def test_an_object_in_a_namespace_that_nobody_makes_is_refused(tmp_path: Path) -> None:
    settings = chosen(tmp_path)
    (manifest,) = settings.manifest
    manifest.write_text(yaml.safe_dump(service("shop", OWN)))
    lines = r"\{apiVersion: v1, kind: Namespace, metadata: \{name: shops\}\}$"
    with pytest.raises(UserError, match=rf"document 1 \(Service shop\) .*'shops', .*{lines}"):
        made(settings)
    elsewhere: Any = Elsewhere()
    assert plan.read(settings, elsewhere).routes[0].namespace == "shops"


@pytest.mark.parametrize("present", ["default", "kube-system", "kube-public", "kube-node-lease"])
def test_namespaces_that_kubernetes_makes_need_no_document(tmp_path: Path, present: str) -> None:
    moved = service("shop", OWN)
    moved["metadata"]["namespace"] = present
    assert made(chosen(tmp_path, moved)).routes[0].namespace == present


def test_the_demos_own_files_are_a_plan() -> None:
    own = made(read({}, "west", ROOT))
    assert [route.service for route in own.routes] == ["web-portal"]
    assert [secret["metadata"]["name"] for secret in own.secrets] == ["online-banking-certs"]


def test_routes_with_tls_come_first(tmp_path: Path) -> None:
    settings = chosen(tmp_path, service("plain", PLAIN), service("shop", OWN))
    assert [route.service for route in made(settings).routes] == ["shop", "plain"]


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ([service("shop", {})], r"own\.yaml: no Service has the annotation '.*host'.*add it to"),
        ([service("shop", PLAIN)], r"own\.yaml: no Service is exposed by HTTPS; set "),
        (
            [
                service("shop", OWN),
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {"name": "mine", "namespace": "tetrate-system"},
                },
            ],
            r"own\.yaml: ConfigMap mine is in tetrate-system, .* move it to another$",
        ),
        (
            [
                service("shop", OWN),
                {
                    "apiVersion": "v1",
                    "kind": "Secret",
                    "type": "kubernetes.io/tls",
                    "metadata": {"name": "shop-certs", "namespace": "tetrate-system"},
                    "data": {"tls.crt": "", "tls.key": ""},
                },
            ],
            r"clients goes into \S*manifests/online-banking-secret\.yaml$",
        ),
        (
            [
                service("shop", OWN),
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "tetrate-system"}},
            ],
            "Namespace tetrate-system is in tetrate-system",
        ),
        (
            [service("shop", OWN), service(twin_name("shop"), {})],
            r"own\.yaml: Service shop-pods-\w+ in namespace shops has the name of the headless",
        ),
    ],
)
def test_a_manifest_that_cannot_be_exposed_is_refused(
    tmp_path: Path, documents: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(UserError, match=message) as refusal:
        made(chosen(tmp_path, *documents))
    assert "\n" not in str(refusal.value)


def test_two_profiles_in_one_file_are_refused(tmp_path: Path) -> None:
    profiles = tmp_path / "profiles.yaml"
    text = (ROOT / "manifests" / "http-profile.yaml").read_text()
    profiles.write_text(f"{text}---\n{text.replace('name: http-profile', 'name: other')}")
    with pytest.raises(UserError, match=r"profiles\.yaml holds 2 documents; keep one$"):
        made(chosen(tmp_path, service("shop", OWN), http_profile=profiles))


def test_a_broken_profile_is_refused_by_the_name_of_its_file(tmp_path: Path) -> None:
    profile = tmp_path / "broken.yaml"
    profile.write_text("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}")
    with pytest.raises(UserError, match=r"broken\.yaml"):
        made(chosen(tmp_path, service("shop", OWN), http_profile=profile))
