"""Platform tetrate: documents, and what is refused before anything is applied."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import yaml

from components.routing.annotations import RouteError
from components.routing.routes import routes
from components.settings.values import SettingsError
from components.tetrate import served
from components.tetrate.documents import (
    check_tenant,
    exposed,
    foreign_namespaces,
    labelled,
)
from foundation.errors import UserError
from foundation.project import ROOT
from tests.support.stack_settings import settings
from tests.support.tetrate import NAMESPACE, Discovery

NOTES = "gateway.tetrate.io/"


def manifest(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((ROOT / "manifests" / name).read_text()))


APP, (PROFILE,), (TENANT,) = map(
    manifest, ("app.yaml", "http-profile.yaml", "tenant-settings.yaml")
)
PORTAL = next(document for document in APP if document["kind"] == "Service")


def with_notes(**notes: str) -> dict[str, Any]:
    """The portal's Service with these annotations alone."""
    service = copy.deepcopy(PORTAL)
    service["metadata"]["annotations"] = {
        NOTES + key.replace("_", "-"): text for key, text in notes.items()
    }
    return service


@pytest.mark.parametrize(
    ("weight", "text"), [(100, "corp-edge:100"), (0, "corp-edge:0"), (None, "corp-edge")]
)
def test_the_portals_service_differs_by_its_weight_alone(weight: int | None, text: str) -> None:
    result = exposed(PORTAL, weight)
    notes = result["metadata"]["annotations"]
    assert notes == {**PORTAL["metadata"]["annotations"], f"{NOTES}edge-clusters": text}
    assert {**result, "metadata": None} == {**PORTAL, "metadata": None}


def test_what_the_platform_cannot_do_without_is_filled_in() -> None:
    notes = exposed(with_notes(host="a.example.com"), 7)["metadata"]["annotations"]
    assert notes == {
        f"{NOTES}host": "a.example.com",
        f"{NOTES}expose": "global",
        f"{NOTES}edge-clusters": "corp-edge:7",
        f"{NOTES}auto-deploy": "true",
    }


def test_what_the_user_says_to_the_platform_stays() -> None:
    given = with_notes(host="a.example.com", expose="local", workload_selector="app=mine")
    notes = exposed(given, 7)["metadata"]["annotations"]
    assert notes[f"{NOTES}expose"] == "local"
    assert f"{NOTES}auto-deploy" not in notes
    assert notes[f"{NOTES}workload-selector"] == "app=mine"


def test_annotations_of_the_platform_alone_are_refused_on_our_own_gateways_only() -> None:
    service = with_notes(host="a.example.com", local_path="/api", retry_policy="attempts: 3")
    documents = [service, *(d for d in APP if d["kind"] == "Deployment")]
    with pytest.raises(RouteError, match=r"'gateway\.tetrate\.io/local-path' is not followed here"):
        routes(documents)
    assert [route.service for route in routes(documents, own_gateways=False)] == ["web-portal"]
    service["metadata"]["annotations"][f"{NOTES}hots"] = "b.example.com"
    with pytest.raises(RouteError, match="hots"):
        routes(documents, own_gateways=False)


def test_a_namespace_gets_the_labels_that_it_lacks_and_keeps_its_own() -> None:
    bare = {"kind": "Namespace", "metadata": {"name": "shops"}}
    assert labelled(bare)["metadata"]["labels"] == {
        "istio-injection": "enabled",
        "tetrate.io/rev": "default",
    }
    own = {"kind": "Namespace", "metadata": {"name": "shops", "labels": {"tetrate.io/rev": "b"}}}
    assert labelled(own)["metadata"]["labels"]["tetrate.io/rev"] == "b"
    assert bare == {"kind": "Namespace", "metadata": {"name": "shops"}}


def test_a_namespace_that_somebody_else_has_to_label_is_named() -> None:
    assert foreign_namespaces(APP) == []
    assert foreign_namespaces([PORTAL]) == ["transaction-service"]


def test_the_shipped_tenant_uses_the_shipped_profile() -> None:
    assert check_tenant([TENANT], PROFILE, "t.yaml", "p.yaml") is TENANT


def changed(document: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(document), **changes}


BARE = {"name": "default"}


@pytest.mark.parametrize(
    ("tenants", "profile", "message"),
    [
        ([PROFILE], PROFILE, r"^t\.yaml holds 1 documents, Profile; it needs one with "),
        ([TENANT, TENANT], PROFILE, r"^t\.yaml holds 2 documents, Tenant, Tenant; it needs one"),
        (
            [TENANT],
            changed(PROFILE, metadata={"name": "other"}),
            r"^p\.yaml: Profile other has no annotation tsb\.tetrate\.io/organization; name ",
        ),
        ([changed(TENANT, metadata=BARE)], PROFILE, r"^t\.yaml: Tenant default has no annotation"),
        (
            [changed(TENANT, spec={"profiles": ["organizations/tetrate/profiles/else"]})],
            PROFILE,
            r"^t\.yaml: spec\.profiles lacks organizations/tetrate/profiles/http-profile, so ",
        ),
        ([changed(TENANT, spec=None)], PROFILE, r"^t\.yaml: spec\.profiles lacks "),
        ([changed(TENANT, spec=[])], PROFILE, r"^t\.yaml: spec\.profiles lacks "),
        ([changed(TENANT, spec={"profiles": 5})], PROFILE, r"^t\.yaml: spec\.profiles lacks "),
    ],
)
def test_a_tenant_that_would_not_use_the_profile_is_refused(
    tenants: list[dict[str, Any]], profile: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message) as refusal:
        check_tenant(tenants, profile, "t.yaml", "p.yaml")
    assert "\n" not in str(refusal.value)


def test_clusters_without_the_platform_are_refused_with_the_way_out() -> None:
    with pytest.raises(UserError) as refusal:
        served.check(Discovery(kinds=()).raw, [PROFILE, TENANT])
    assert str(refusal.value) == (
        "corp-edge has no Profile (profile.tsb.tetrate.io/v2) and Tenant (tsb.tetrate.io/v2); "
        "install Tetrate's platform (its CRDs too) in that cluster, name the cluster that has it, "
        "or ./demo pulumi config set platform envoy"
    )


def test_an_older_version_of_a_kind_is_not_the_kind() -> None:
    known = Discovery()
    older = copy.deepcopy(known.kinds)
    older[0]["spec"]["versions"][0]["name"] = "v1"
    with pytest.raises(UserError, match=r"^corp-edge has no Tenant \(tsb\.tetrate\.io/v2\); "):
        served.check(Discovery(kinds=older).raw, [PROFILE, TENANT])


def test_the_platforms_own_namespace_must_be_there() -> None:
    with pytest.raises(UserError, match=r"^corp-edge has no namespace tetrate-system"):
        served.check(Discovery().raw, [PROFILE, TENANT])
    there = Discovery(objects=[NAMESPACE])
    served.check(there.raw, [PROFILE, TENANT])


def test_the_namespaces_of_clients_secrets_must_be_there() -> None:
    there = Discovery(objects=[NAMESPACE])
    served.check_namespaces(there.raw, ["tetrate-system"])
    with pytest.raises(
        UserError, match=r"no namespace shop, where .* kubectl create namespace shop"
    ):
        served.check_namespaces(there.raw, ["tetrate-system", "shop"])


def test_what_somebody_else_has_set_is_not_changed() -> None:
    theirs = changed(TENANT, spec={"displayName": "Default", "profiles": ["organizations/x"]})
    there = Discovery(objects=[NAMESPACE, theirs])
    with pytest.raises(UserError, match=r"^corp-edge has a Tenant default already, with "):
        served.check(there.raw, [PROFILE, TENANT])


def test_the_same_as_somebody_elses_and_ones_own_are_no_obstacle() -> None:
    ours = copy.deepcopy(PROFILE)
    ours["spec"]["description"] = "as it was before the manifest was changed"
    ours["metadata"]["managedFields"] = [
        {"manager": "pulumi-kubernetes-1a2b", "operation": "Apply"}
    ]
    there = Discovery(objects=[NAMESPACE, TENANT, ours])
    served.check(there.raw, [PROFILE, TENANT])


def test_a_subresource_is_no_kind() -> None:
    def raw(_cluster: str, path: str) -> str:
        if path == "/apis":
            return json.dumps({"groups": [{"versions": [{"groupVersion": "a.b/v1"}]}]})
        return json.dumps({"resources": [{"name": "things/status", "kind": "Thing"}]})

    assert served.served_kinds(raw, {"a.b/v1"}) == {}


def test_clusters_that_are_made_bare_cannot_have_the_platform() -> None:
    message = "platform .* is 'tetrate': it needs clusters .* config set backend existing$"
    with pytest.raises(SettingsError, match=message):
        settings(platform="tetrate")
