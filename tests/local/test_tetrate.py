"""Platform tetrate on real clusters with definitions of the platform's kinds, and nobody behind.

What the platform makes of the objects is not tried here: that they are there, as they should be.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from localkube.spec import ClusterSpec
from tests.local.conftest import unable
from tests.support.checkout import (
    APPLICATION,
    Checkout,
    Done,
    checkout,
    free_run,
)
from tests.support.isolation import PROJECT
from tests.support.lab_clusters import apply, bare_clusters, call, kubeconfig
from tests.support.live_page import served
from tests.support.tetrate import CRDS, NAMESPACE
from tests.support.waiting import eventually
from toolchain import tools

CLUSTERS = ("corp-edge", *APPLICATION)
SERVICE = "/api/v1/namespaces/transaction-service/services/web-portal"
TENANT = "/apis/tsb.tetrate.io/v2/namespaces/default/tenants/default"
PROFILE = "/apis/profile.tsb.tetrate.io/v2/namespaces/default/profiles/http-profile"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NAMES = {"tenants.tsb.tetrate.io", "profiles.profile.tsb.tetrate.io"}
NOTES = "gateway.tetrate.io/"


class UsersStack:
    """A checkout whose stack west is to run on three clusters where the platform would be."""

    def __init__(self, copy: Checkout, specs: dict[str, ClusterSpec]) -> None:
        self.copy, self.specs = copy, specs

    def configure(self, **values: Any) -> None:
        """Writes the stack's settings: those of this test, and `values`."""
        given = {"backend": "existing", "platform": "tetrate", "activeCluster": "west-cluster"}
        keys = {f"{PROJECT}:{key}": value for key, value in {**given, **values}.items()}
        (self.copy.folder / "Pulumi.west.yaml").write_text(yaml.safe_dump({"config": keys}))

    def kubectl(self, *arguments: str, check: bool = True) -> Done:
        """Runs the user's own kubectl on corp-edge, with or without a stack."""
        command = (str(tools.path("kubectl")), "--context", "corp-edge", "--namespace", "default")
        return self.copy.run(*command, *arguments, check=check)

    def get(self, cluster: str, path: str) -> dict[str, Any]:
        return call(self.specs[cluster], "GET", path)

    def namespaces(self, cluster: str) -> set[str]:
        items = self.get(cluster, "/api/v1/namespaces")["items"]
        return {item["metadata"]["name"] for item in items}

    def versions(self) -> dict[str, str]:
        """Version of every object that a switch might touch, those of the Services aside."""
        paths = [(c, "/apis/apps/v1/namespaces/transaction-service/deployments/web-portal")
                 for c in APPLICATION]  # fmt: skip
        paths += [("corp-edge", TENANT), ("corp-edge", PROFILE)]
        paths += [("corp-edge", "/api/v1/namespaces/tetrate-system/secrets/online-banking-certs")]
        # the generation of a Deployment: its status changes by itself
        found = {f"{c}{p}": self.get(c, p)["metadata"] for c, p in paths}
        return {
            key: str(metadata.get("generation") or metadata["resourceVersion"])
            for key, metadata in found.items()
        }

    def weights(self) -> list[str]:
        """The weights on the Services, east's first."""
        key = f"{NOTES}edge-clusters"
        return [self.get(c, SERVICE)["metadata"]["annotations"][key] for c in APPLICATION]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UsersStack]:
    folder = tmp_path_factory.mktemp("tetrate")
    if reason := unable(folder):
        pytest.skip(reason)
    first = free_run(3)
    with bare_clusters(CLUSTERS, first, {}) as specs:
        config = kubeconfig(folder / "config.json", specs)
        with checkout(["existing"]) as copy:
            copy.environment["KUBECONFIG"] = str(config)
            yield UsersStack(copy, specs)


def create(spec: ClusterSpec, document: dict[str, Any]) -> None:
    call(spec, "POST", DEFINITIONS, document)


def refused(stack: UsersStack, *words: str) -> None:
    """`up` is refused with these words, before anything is made."""
    done = stack.copy.demo("up", check=False)
    assert done.code, done.output
    assert all(word in done.output for word in words), done.output
    assert "Traceback" not in done.output
    for cluster in APPLICATION:
        assert "transaction-service" not in stack.namespaces(cluster)


def test_without_the_platform_nothing_is_applied(stack: UsersStack) -> None:
    stack.configure()
    refused(
        stack,
        "corp-edge has no Profile (profile.tsb.tetrate.io/v2) and Tenant (tsb.tetrate.io/v2); ",
        "install Tetrate's platform",
    )
    for document in yaml.safe_load_all(CRDS.read_text()):
        create(stack.specs["corp-edge"], document)
    stack.kubectl("wait", "--for=condition=Established", *(f"crd/{name}" for name in NAMES))
    refused(stack, "corp-edge has no namespace tetrate-system, the platform's own; ")
    for spec in stack.specs.values():
        apply(spec, NAMESPACE)


@pytest.mark.parametrize("file", ["http-profile.yaml", "tenant-settings.yaml"])
def test_every_field_of_the_manifests_is_one_of_the_kind(
    stack: UsersStack, file: str, tmp_path: Path
) -> None:
    own = stack.copy.folder / "manifests" / file
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(own.read_text().replace("displayName:", "displayNmae:"))
    command = ("apply", "--validate=strict", "--dry-run=server", "--filename")
    stack.kubectl(*command, str(own))
    done = stack.kubectl(*command, str(wrong), check=False)
    assert done.code and "displayNmae" in done.output


def test_somebody_elses_tenant_is_not_changed_before_they_agree(stack: UsersStack) -> None:
    own = stack.copy.folder / "manifests" / "tenant-settings.yaml"
    given = yaml.safe_load(own.read_text())
    theirs = {**given, "spec": {"profiles": ["organizations/tetrate/profiles/other"]}}
    call(stack.specs["corp-edge"], "POST", TENANT.rpartition("/")[0], theirs)
    refused(stack, "corp-edge has a Tenant default already, with other profiles; ")
    assert stack.get("corp-edge", TENANT)["spec"] == theirs["spec"]
    stack.kubectl("apply", "--filename", str(own))


def test_the_objects_are_there_as_the_manifests_say(stack: UsersStack) -> None:
    done = stack.copy.demo("up")
    assert "Tetrate splits a weighted list strictly" in done.output
    for path, file in ((PROFILE, "http-profile.yaml"), (TENANT, "tenant-settings.yaml")):
        given = yaml.safe_load((stack.copy.folder / "manifests" / file).read_text())
        live = stack.get("corp-edge", path)
        assert live["spec"] == given["spec"]
        assert given["metadata"]["annotations"].items() <= live["metadata"]["annotations"].items()
    for cluster in APPLICATION:
        notes = stack.get(cluster, SERVICE)["metadata"]["annotations"]
        found = {k.removeprefix(NOTES): v for k, v in notes.items() if k.startswith(NOTES)}
        assert found == {
            "host": "online-banking.dynabank.com",
            "expose": "global",
            "edge-clusters": "corp-edge:100",
            "tls-secret": "online-banking-certs",
            "protocol": "HTTPS",
            "path": "/web-portal",
            "auto-deploy": "true",
        }
        namespace = stack.get(cluster, "/api/v1/namespaces/transaction-service")["metadata"]
        assert namespace["labels"]["istio-injection"] == "enabled"
        assert namespace["labels"]["tetrate.io/rev"] == "default"
    secret = stack.get(
        "corp-edge", "/api/v1/namespaces/tetrate-system/secrets/online-banking-certs"
    )
    assert all(secret["data"][key] for key in ("tls.crt", "tls.key", "ca.crt"))
    for cluster in CLUSTERS:  # none of our Envoys
        path = "/apis/apps/v1/namespaces/tetrate-system/deployments"
        assert stack.get(cluster, path)["items"] == []
    assert stack.copy.outputs()["url"] == "https://online-banking.dynabank.com/web-portal"
    assert stack.copy.preview() == []


def test_a_switch_changes_the_annotations_only(stack: UsersStack) -> None:
    before = stack.versions()
    stack.configure(lbMode="standby")
    kinds = {what.rpartition("::")[0] for _, what in stack.copy.preview()}
    objects = {kind for kind in kinds if kind.startswith("kubernetes:")}
    assert objects == {"kubernetes:core/v1:Service"}
    stack.copy.demo("up")
    assert stack.weights() == ["corp-edge:0", "corp-edge:100"]
    assert stack.versions() == before


def test_a_drill_is_refused_for_what_it_promises_is_about_our_own_envoys(stack: UsersStack) -> None:
    done = stack.copy.demo("task", "drill", "--", "gateway-gone", check=False)
    assert done.code and "platform tetrate" in done.output


def test_the_live_picture_shows_the_pods_and_says_what_is_not_known(
    stack: UsersStack, tmp_path: Path
) -> None:
    with served(stack.copy, tmp_path, whole=False) as page:
        ready = dict.fromkeys(APPLICATION, "ready")
        eventually(lambda: page.states() == ready, "both are ready", 30)
        found = page.read()
        assert found["limits"].startswith("The proxies of platform tetrate cannot be asked")
        assert found["rate"] is None and {e["state"] for e in found["edge"]} == {"not known"}
        stack.copy.demo("task", "break-workload", "--", "--cluster", "east-cluster")
        try:
            gone = {**ready, "east-cluster": "unreachable"}
            eventually(lambda: page.states() == gone, "its pods are gone", 30)
        finally:
            stack.copy.demo("task", "fix-workload", "--", "--cluster", "east-cluster")
        eventually(lambda: page.states() == ready, "they are back", 60)


def test_destroy_leaves_what_is_the_platforms_and_what_is_shared_with_others(
    stack: UsersStack,
) -> None:
    kept = {path: stack.get("corp-edge", path)["metadata"]["uid"] for path in (TENANT, PROFILE)}
    stack.copy.demo("destroy")
    for cluster in CLUSTERS:
        assert "tetrate-system" in stack.namespaces(cluster)
        assert "transaction-service" not in stack.namespaces(cluster)
    assert stack.get("corp-edge", "/api/v1/namespaces/tetrate-system/secrets")["items"] == []
    for path, uid in kept.items():
        assert stack.get("corp-edge", path)["metadata"]["uid"] == uid
    names = {item["metadata"]["name"] for item in stack.get("corp-edge", DEFINITIONS)["items"]}
    assert names == NAMES
    assert stack.get("corp-edge", TENANT)["spec"]["profiles"] == [
        "organizations/tetrate/profiles/http-profile"
    ]
