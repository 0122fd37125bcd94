"""A further cluster begins with what the first one of its version made, as its own."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from localkube import pki
from localkube.api import Api
from localkube.inside import bootstrap_objects
from localkube.spec import ClusterSpec
from tests.local.conftest import unable
from tests.support.checkout import free_run
from tests.support.lab_clusters import bare_clusters, call, restart
from tests.support.waiting import eventually

ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
ACCOUNTS = "/api/v1/namespaces/kube-system/serviceaccounts"
SCHEMAS = "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas"


def listed(spec: ClusterSpec, path: str) -> dict[str, dict[str, Any]]:
    """Objects of a collection that a cluster makes by itself, by name."""
    items = call(spec, "GET", path)["items"]
    return {item["metadata"]["name"]: item for item in items if bootstrap_objects.is_own(item)}


def label(spec: ClusterSpec, path: str, labels: dict[str, str]) -> None:
    server = Api(pki.user_kubeconfig(spec))
    with contextlib.closing(server.connection):
        server.call("PATCH", path, {"metadata": {"labels": labels}}, "application/merge-patch+json")


def test_it_has_the_same_objects_as_its_own_and_keeps_what_its_user_changes(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    if reason := unable(tmp_path_factory.getbasetemp()):
        pytest.skip(reason)
    bootstrap_objects.known().unlink(missing_ok=True)
    with bare_clusters(["first"], free_run(2), {}) as made:
        eventually(bootstrap_objects.known().exists, "its objects are written down")
        first = {path: listed(made["first"], path) for path in (ROLES, ACCOUNTS, SCHEMAS)}
    with bare_clusters(["second"], free_run(2), {}) as made:
        spec = made["second"]
        revisions = set[str]()
        for path, there in first.items():
            here = listed(spec, path)
            assert here.keys() >= there.keys() and there, path
            for name, before in there.items():
                after = here[name]
                assert after["metadata"]["uid"] != before["metadata"]["uid"]
                begun = max(each["metadata"]["creationTimestamp"] for each in there.values())
                assert after["metadata"]["creationTimestamp"] > begun, "it has another's age"
                assert after.get("rules") == before.get("rules")
                assert after.get("spec") == before.get("spec")
                revisions.add(after["metadata"]["resourceVersion"])
        assert len(revisions) < 10, "the API server made them one by one"
        label(spec, f"{ROLES}/cluster-admin", {"mine": "yes"})
        restart(spec)
        assert listed(spec, ROLES).keys() >= first[ROLES].keys() - {"cluster-admin"}
        changed = call(spec, "GET", f"{ROLES}/cluster-admin")
        assert changed["metadata"]["labels"]["mine"] == "yes"
