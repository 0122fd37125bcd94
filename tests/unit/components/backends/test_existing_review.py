"""What is refused of clusters that are there already, before anything is changed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.backends import contexts, kinds, mark, rights
from components.backends.existing import ExistingBackend
from components.backends.inventory import Item, inventory
from components.backends.kinds import Resource
from components.backends.mark import ANNOTATION
from components.backends.review import Seen, refusal
from components.settings.existing import ExistingSettings
from foundation import lists, project
from foundation.contract import RUN_PROGRAM
from foundation.errors import UserError
from tests.support.stack_settings import settings

MARK = "west-0123"


def config(server: str) -> str:
    cluster = {"name": "a", "cluster": {"server": server}}
    return json.dumps({"clusters": [cluster]})


def seen(name: str, **more: Any) -> Seen:
    given = {"kubeconfig": config(f"https://{name}"), "uid": name, **more}
    return Seen(name, f"my-{name}", **given)


def found(kind: str, name: str, namespace: str = "", holder: str = "") -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    if holder:
        metadata["annotations"] = {ANNOTATION: holder}
    return {"kind": kind, "metadata": metadata}


def test_clusters_that_are_well_and_empty_are_taken() -> None:
    assert refusal([seen("edge"), seen("east")], MARK) == ""


def test_every_cluster_that_does_not_answer_is_named() -> None:
    clusters = [seen("edge"), seen("east", problem="refused"), seen("west", problem="too slow")]
    text = refusal(clusters, MARK)
    assert text.startswith("east (context my-east): refused; west (context my-west): too slow.")


def test_two_roles_on_one_cluster_are_refused() -> None:
    text = refusal([seen("edge"), seen("east", uid="edge")], MARK)
    assert text.startswith("edge (context my-edge) and east (context my-east) are one cluster")
    assert "./demo pulumi config set allowSharedCluster true" in text
    unseen = {"uid": "", "kubeconfig": config("https://one")}
    assert "are one cluster" in refusal([seen("a", **unseen), seen("b", **unseen)], MARK)


def test_two_roles_share_a_cluster_if_that_is_allowed_and_nothing_of_theirs_meets() -> None:
    gateway = Item("apps/v1", "Deployment", "tetrate-system", "gateway")
    secret = Item("v1", "Secret", "tetrate-system", "online-banking-certs")
    edge, east = seen("edge", needs=[secret, gateway]), seen("east", uid="edge", needs=[gateway])
    assert refusal([edge, replace(east, needs=[])], MARK, may_share=True) == ""
    text = refusal([edge, east], MARK, may_share=True)
    assert "both need Deployment gateway in tetrate-system: name another context" in text
    assert "allowSharedCluster" not in refusal([edge, east], MARK), "it would not help"


def test_an_old_kubernetes_is_refused() -> None:
    assert "is Kubernetes 1.26; use 1.27 or newer" in refusal([seen("a", version=(1, 26))], MARK)
    made = Seen.of("a", "a", "", {"major": "1", "minor": "27+"}, [], [])
    assert made.version == (1, 27)


def test_missing_rights_are_named() -> None:
    denied = [("create", "", "namespaces", ""), ("patch", "apps", "deployments", "bank")]
    text = refusal([seen("east", denied=denied)], MARK)
    assert "its user may not create namespaces, patch deployments.apps in bank;" in text


def test_what_is_ours_is_known_by_its_mark() -> None:
    objects = [found("Namespace", "bank", holder=MARK), found("ConfigMap", "made-by-hand", "bank")]
    assert refusal([seen("east", objects=objects)], MARK) == ""


def test_a_users_namespace_or_object_is_not_taken_over() -> None:
    text = refusal([seen("east", objects=[found("Namespace", "bank")])], MARK)
    assert "east (context my-east): Namespace bank is there and is not this stack's" in text
    assert text.endswith("kubectl --context my-east delete namespace bank")
    text = refusal([seen("east", objects=[found("Service", "shop", "default")])], MARK)
    assert text.endswith("kubectl --context my-east --namespace default delete service shop")


def test_the_command_that_removes_an_object_names_its_group() -> None:
    """Service is a kind of Knative's as well, and the other one is not to be deleted."""
    knative = {**found("Service", "shop", "default"), "apiVersion": "serving.knative.dev/v1"}
    text = refusal([seen("east", objects=[knative])], MARK)
    assert text.endswith(" delete service.v1.serving.knative.dev shop")
    core = {**found("Service", "shop", "default"), "apiVersion": "v1"}
    assert refusal([seen("east", objects=[core])], MARK).endswith(" delete service shop")


def test_what_another_stack_made_is_not_taken_over_either() -> None:
    objects = [found("Namespace", "bank", holder="east-9876")]
    text = refusal([seen("east", objects=objects)], MARK)
    assert "belongs to another stack or checkout (east-9876)" in text


def test_the_inventory_names_what_is_in_each_cluster() -> None:
    document = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}}
    items = inventory(settings(), [document], [("certs", "tetrate-system")])
    edge = {(item.kind, item.name) for item in items["corp-edge"]}
    assert ("Secret", "certs") in edge and ("Service", "s") not in edge
    assert Item("v1", "Service", "", "s") in items["east-cluster"]


@pytest.mark.parametrize(
    ("kind", "resource"),
    [
        ("Deployment", "deployments"),
        ("NetworkPolicy", "networkpolicies"),
        ("Ingress", "ingresses"),
        ("Gateway", "gateways"),
        ("Endpoints", "endpoints"),
        ("EndpointSlice", "endpointslices"),
    ],
)
def test_kinds_are_asked_for_as_the_api_calls_them(kind: str, resource: str) -> None:
    assert kinds.plural(kind) == resource


def test_rights_to_watch_pods_belong_to_a_workload() -> None:
    wanted = rights.wanted([Item("apps/v1", "Deployment", "bank", "portal")])
    assert ("create", "apps", "deployments", "bank") in wanted
    assert ("watch", "", "pods", "bank") in wanted
    # the provider would wait for ever where it may not list what it watches
    assert ("list", "", "persistentvolumeclaims", "bank") in wanted
    assert ("delete", "", "pods", "bank") not in wanted
    assert ("create", "", "pods/exec", "bank") not in wanted


def test_pods_of_the_edge_are_asked_to_load_what_changes() -> None:
    wanted = rights.wanted([Item("apps/v1", "Deployment", "tetrate-system", "gateway")])
    assert ("patch", "", "pods", "tetrate-system") in wanted
    (asked,) = [right for right in wanted if right[2] == "pods/exec"]
    attributes = rights.review(asked)["spec"]["resourceAttributes"]
    assert (attributes["resource"], attributes["subresource"]) == ("pods", "exec")


def test_rights_to_a_custom_kind_go_by_its_own_plural_and_scope() -> None:
    cactus = Item("shop.example.com/v1", "Cactus", "retail", "mine")
    wanted = rights.wanted([cactus], {cactus: Resource("cacti")})
    assert ("create", "shop.example.com", "cacti", "retail") in wanted
    wanted = rights.wanted([cactus], {cactus: Resource("cacti", namespaced=False)})
    assert {right[2:] for right in wanted} == {("cacti", "")}
    assert rights.wanted([cactus]) == [], "what nobody serves is not said to be forbidden"


def test_rights_to_what_is_in_no_namespace_are_asked_for_the_whole_cluster() -> None:
    role = Item("rbac.authorization.k8s.io/v1", "ClusterRole", "", "reader")
    assert {right[3] for right in rights.wanted([role])} == {""}
    secret = Item("v1", "Secret", "", "token")
    assert {right[3] for right in rights.wanted([secret])} == {"default"}


def test_kinds_that_a_cluster_does_not_serve_are_named() -> None:
    cart = Item("shop.example.com/v1", "Cart", "retail", "mine")
    text = refusal([seen("east", unserved=[cart, replace(cart, name="yours")])], MARK)
    assert text.startswith("east (context my-east) serves no Cart (shop.example.com/v1); install")
    assert text.endswith("kubectl --context my-east api-resources")


def test_objects_that_kubectl_prints_are_read_one_by_one_or_as_a_list() -> None:
    one, two = {"kind": "A"}, {"kind": "B"}
    assert lists.items(f"{json.dumps(one, indent=2)}\n{json.dumps(two)}\n") == [one, two]
    assert lists.items(json.dumps({"kind": "List", "items": [one, two]})) == [one, two]
    assert lists.items("\n") == []


def test_marks_of_two_checkouts_and_of_two_stacks_differ(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = {"PULUMI_BACKEND_URL": project.state_url()}
    monkeypatch.setattr(project, "identity_file", lambda: tmp_path / "identity")
    (tmp_path / "identity").write_text("one\n")
    assert mark.of("west", "p", "o", own) == "west-one"
    shared = {"PULUMI_BACKEND_URL": "s3://bucket"}
    here = mark.of("west", "p", "o", shared)
    assert here == mark.of("west", "p", "o", dict(shared)) != mark.of("east", "p", "o", shared)
    assert here != mark.of("west", "p", "other", shared)


def test_a_new_stack_has_to_name_the_backend_of_its_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two backends of `pulumi login` may have a stack of one name each, with one mark."""
    there: list[dict[str, Any]] = []
    own = settings(backend="existing")
    assert isinstance(own.backend, ExistingSettings)
    backend = ExistingBackend(own, own.backend)
    contexts_there = list(own.backend.contexts.values())
    monkeypatch.setattr(contexts.Kubeconfig, "contexts", lambda _: contexts_there)
    monkeypatch.setattr(
        ExistingBackend, "_look", lambda _, name, *__: seen(name, objects=there, needs=())
    )
    monkeypatch.setattr(pulumi, "get_organization", lambda: "organization")
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    with pytest.raises(UserError, match="name it in PULUMI_BACKEND_URL"):
        backend.check()
    with monkeypatch.context() as chosen:
        chosen.setenv("PULUMI_BACKEND_URL", "s3://bucket")
        backend.check()
    with monkeypatch.context() as chosen:  # a destroy or refresh, of what may be gone by now
        chosen.setenv(RUN_PROGRAM, "true")
        backend.check()
    with monkeypatch.context() as chosen:  # Pulumi Cloud's stacks have an organization's name
        chosen.setattr(pulumi, "get_organization", lambda: "acme")
        backend.check()
    there.append(found("Namespace", "tetrate-system", holder=backend.mark))
    backend.check()
