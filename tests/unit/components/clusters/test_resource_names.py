"""Names and types of resources: one object is one resource, whatever else is in the manifest."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.clusters.manifest import (
    _stages,
    autoscaled,
    former_types,
    resource_name,
    resource_type,
)
from components.documents.waiting import SKIP_AWAIT, TIMEOUT, WAIT_FOR, await_annotations, seconds
from components.routing.exposed_services import twin_name
from foundation.errors import UserError
from foundation.identity import identity_of

NAMES = st.from_regex(r"[a-z]([a-z-]{0,3}[a-z])?", fullmatch=True)
VERSIONS = st.from_regex(r"v[1-4]((alpha|beta)[1-5])?|v2024", fullmatch=True)
KINDS = st.sampled_from(
    [("", "ConfigMap"), ("", "Namespace"), ("apps", "Deployment"), ("shop.example.com", "Cart")]
)


def document(group: str, version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
    api = f"{group}/{version}" if group else "v1"
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": namespace}}


DOCUMENTS = st.builds(
    lambda kind, version, namespace, name: document(kind[0], version, kind[1], namespace, name),
    KINDS,
    VERSIONS,
    NAMES,
    NAMES,
)


def resources(found: dict[str, Any]) -> set[tuple[str, str]]:
    """Every type and name by which Pulumi knows the object's resource."""
    name = resource_name("east-cluster", found)
    return {(token, name) for token in (resource_type(found), *former_types(found))}


@given(DOCUMENTS, DOCUMENTS)
def test_two_documents_are_one_resource_exactly_when_they_are_one_object(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    same = identity_of(one) == identity_of(other)
    assert (resources(one) == resources(other)) is same
    assert same or not resources(one) & resources(other)


@given(DOCUMENTS)
def test_a_type_is_never_among_its_own_former_ones(found: dict[str, Any]) -> None:
    assert resource_type(found) not in former_types(found)


@pytest.mark.parametrize("group", ["", "apps", "batch", "policy", "rbac.authorization.k8s.io"])
def test_what_has_one_version_has_no_former_types(group: str) -> None:
    assert former_types(document(group, "v1", "Any", "a", "b")) == []


def test_an_autoscaler_owns_the_replicas_of_what_it_names() -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}
    scaler = {
        **document("autoscaling", "v2", "HorizontalPodAutoscaler", "shops", "any"),
        "spec": {"scaleTargetRef": target},
    }
    assert autoscaled([scaler]) == {
        identity_of(document("apps", "v1", "Deployment", "shops", "shop"))
    }
    assert autoscaled([document("apps", "v1", "Deployment", "shops", "shop")]) == set()


@given(st.from_regex(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True))
def test_a_headless_twin_has_a_name_that_kubernetes_takes(name: str) -> None:
    assert len(twin_name(name)) <= 63
    assert twin_name(name) != name


def test_services_of_long_names_that_begin_alike_have_twins_of_their_own() -> None:
    assert twin_name("a" * 60) != twin_name("a" * 61)


@pytest.mark.parametrize("kind", ["Ingress", "Job", "PersistentVolumeClaim", "Service"])
def test_what_kubectl_apply_does_not_wait_for_is_not_waited_for(kind: str) -> None:
    found = document("any", "v1", kind, "a", "b")
    assert await_annotations(found) == {SKIP_AWAIT: "true"}
    for own in (SKIP_AWAIT, WAIT_FOR):
        found["metadata"]["annotations"] = {own: "false"}
        assert await_annotations(found) == {}, "the user's own annotation counts"


@pytest.mark.parametrize(
    ("policy", "ends"), [("Never", True), ("OnFailure", True), ("Always", False)]
)
def test_of_a_pod_that_ends_its_being_there_is_waited_for(policy: str, ends: bool) -> None:
    found = document("", "v1", "Pod", "a", "b")
    found["spec"] = {"restartPolicy": policy}
    there = "jsonpath={.metadata.uid}"
    assert await_annotations(found) == ({WAIT_FOR: there} if ends else {})
    found["metadata"]["annotations"] = {SKIP_AWAIT: "true"}
    assert await_annotations(found) == {}, "the user's own annotation counts"


HELD = [
    ("Deployment", {"paused": True}),
    ("StatefulSet", {"updateStrategy": {"rollingUpdate": {"partition": 2}}}),
    ("DaemonSet", {"updateStrategy": {"type": "OnDelete"}}),
]
GOES_ON = [
    ("Deployment", {"replicas": 0}),
    ("StatefulSet", {"updateStrategy": {"type": "OnDelete"}}),
    ("Deployment", {"paused": False, "replicas": 2}),
    ("StatefulSet", {"updateStrategy": {"rollingUpdate": {"partition": 0}}}),
    ("DaemonSet", {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": None}}),
]


@pytest.mark.parametrize(
    ("kind", "spec", "skips"),
    [*((*each, True) for each in HELD), *((*each, False) for each in GOES_ON)],
)
def test_a_rollout_that_somebody_else_takes_on_is_not_waited_for(
    kind: str, spec: dict[str, Any], skips: bool
) -> None:
    found = {**document("apps", "v1", kind, "a", "b"), "spec": spec}
    assert await_annotations(found) == ({SKIP_AWAIT: "true"} if skips else {})


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "Pod"])
def test_pods_are_waited_for(kind: str) -> None:
    assert await_annotations(document("any", "v1", kind, "a", "b")) == {}


def test_the_annotation_of_a_time_out_counts() -> None:
    found = document("apps", "v1", "Deployment", "a", "b")
    assert seconds(found) == 180
    found["metadata"]["annotations"] = {TIMEOUT: "600"}
    assert seconds(found) == 600


@pytest.mark.parametrize("text", ["10m", "0", "-1", "", "1.5"])
def test_a_time_out_that_the_provider_would_ignore_is_refused(text: str) -> None:
    found = document("apps", "v1", "Deployment", "a", "b")
    found["metadata"]["annotations"] = {TIMEOUT: text}
    with pytest.raises(UserError, match=r"own\.yaml: Deployment b: annotation .* whole number"):
        seconds(found, "own.yaml")


def test_what_a_workload_answers_api_servers_comes_after_it() -> None:
    kinds = ("Deployment", "Secret", "Namespace", "Service")
    own = {"service": {"namespace": "a", "name": "Service"}, "group": "served", "version": "v1"}
    others = {"service": {"namespace": "b", "name": "Service"}}
    asking = [
        {**document("any", "v1", "APIService", "", "own"), "spec": own},
        {**document("any", "v1", "APIService", "", "others"), "spec": others},
        *(
            {
                **document("any", "v1", "MutatingWebhookConfiguration", "", name),
                "webhooks": [{"clientConfig": client}],
            }
            for name, client in (("own", own), ("others", others), ("url", {"url": "https://x"}))
        ),
    ]
    served = document("served", "v1", "Reading", "a", "served")
    staged = _stages([served, *asking, *(document("", "v1", kind, "a", kind) for kind in kinds)])
    assert [[each["metadata"]["name"] for each in stage] for stage in staged] == [
        ["Namespace"],
        ["others", "others", "url", "Secret", "Service"],
        ["Deployment"],
        ["own", "own"],
        ["served"],
    ]


def test_a_token_of_a_service_account_comes_after_it() -> None:
    token = document("", "v1", "Secret", "a", "token")
    token["type"] = "kubernetes.io/service-account-token"
    account, plain = (document("", "v1", kind, "a", kind) for kind in ("ServiceAccount", "Secret"))
    _, first, then, *_ = _stages([token, account, plain])
    assert (first, then) == ([account, plain], [token])
