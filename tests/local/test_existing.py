"""The whole demo on clusters that were there before, with things of their user in them."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from localkube.api import ApiError
from localkube.spec import ClusterSpec, node_address
from tests.local.conftest import unable
from tests.support import live_page
from tests.support.checkout import APPLICATION, Checkout, checkout, free_run
from tests.support.isolation import PROJECT
from tests.support.lab_clusters import apply, bare_clusters, call, kubeconfig
from tests.support.traffic import Traffic, ask, served
from tests.support.waiting import eventually

CLUSTERS = ("corp-edge", *APPLICATION)
CONTEXTS = {"my-edge": "corp-edge", "kind-east": "east-cluster", "west-cluster": "west-cluster"}
OURS = ("tetrate-system", "transaction-service")

USERS = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}},
    {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "gateway-config", "namespace": "shop"},
        "data": {"mine": "yes"},
    },
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "gateway", "namespace": "shop"},
        "spec": {"ports": [{"port": 80}], "selector": {"app": "shop"}},
    },
]


class UsersStack:
    """A checkout whose stack west is to run on three clusters of a user."""

    def __init__(self, copy: Checkout, specs: dict[str, ClusterSpec], config: Path) -> None:
        self.copy, self.specs, self.config = copy, specs, config

    def configure(self, **values: Any) -> None:
        """Writes the stack's settings: those of this test, and `values`."""
        given = {
            "backend": "existing",
            "activeCluster": "west-cluster",
            "edgeContext": "my-edge",
            "edgeAddress": f"127.0.0.1:{self.copy.ports['west']}",
            "clusters": [
                {"name": "east-cluster", "region": "us-east1", "context": "kind-east"},
                {"name": "west-cluster", "region": "us-west1"},
            ],
            **values,
        }
        keys = {f"{PROJECT}:{key}": value for key, value in given.items()}
        (self.copy.folder / "Pulumi.west.yaml").write_text(yaml.safe_dump({"config": keys}))

    def there(self) -> dict[str, set[str]]:
        """Namespaces of each cluster."""
        found = {}
        for name, spec in self.specs.items():
            items = call(spec, "GET", "/api/v1/namespaces")["items"]
            found[name] = {item["metadata"]["name"] for item in items}
        return found

    def users(self) -> dict[str, tuple[str, str]]:
        """Identity and version of each object of the user's."""
        found = {}
        for name, spec in self.specs.items():
            for document in USERS:
                path = path_of(document)
                metadata = call(spec, "GET", path)["metadata"]
                found[f"{name}{path}"] = (metadata["uid"], metadata["resourceVersion"])
        return found

    def refused(self, *words: str, **environment: str) -> str:
        """Runs `up`, which must be refused in one line with these words, and change nothing."""
        done = self.copy.demo("up", check=False, **environment)
        account = done.output.partition("Diagnostics:")[2]
        assert done.code and account.count("error: ") == 1, done.output
        assert all(word in done.output for word in words), done.output
        assert "Traceback" not in done.output
        assert not [names for names in self.there().values() if names & set(OURS)]
        return done.output


def path_of(document: dict[str, Any]) -> str:
    metadata = document["metadata"]
    if document["kind"] == "Namespace":
        return f"/api/v1/namespaces/{metadata['name']}"
    kind = f"{document['kind'].lower()}s"
    return f"/api/v1/namespaces/{metadata['namespace']}/{kind}/{metadata['name']}"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UsersStack]:
    folder = tmp_path_factory.mktemp("users")
    if reason := unable(folder):
        pytest.skip(reason)
    # ended by a signal, it still takes down what it brought up
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    first = free_run(5)
    names = ("edge", "east", "west")
    with bare_clusters(names, first, {first + 3: 443, first + 4: 30443}) as made:
        specs = dict(zip(CLUSTERS, made.values(), strict=True))
        for spec in specs.values():
            for document in USERS:
                apply(spec, document)
        edge = kubeconfig(folder / "edge.json", {"my-edge": specs["corp-edge"]})
        rest = {c: specs[n] for c, n in CONTEXTS.items() if n != "corp-edge"}
        others = kubeconfig(folder / "others.json", rest)
        with checkout(["existing"]) as copy:
            copy.ports["west"] = first + 3  # type: ignore[index]
            copy.environment["KUBECONFIG"] = f"{edge}:{others}:{folder / 'none.json'}"
            yield UsersStack(copy, specs, folder)


@pytest.fixture(scope="module")
def before(stack: UsersStack) -> dict[str, tuple[str, str]]:
    """The user's objects as they were before anything was done."""
    return stack.users()


def test_a_context_that_is_not_there_is_named_with_the_nearest(
    stack: UsersStack, before: dict[str, tuple[str, str]]
) -> None:
    stack.configure(edgeContext="my-egde")
    said = stack.refused("the kubeconfig has no context 'my-egde'", "did you mean my-edge?")
    assert "edgeContext" in said and "kind-east" in said


def test_two_roles_on_one_cluster_are_refused(stack: UsersStack) -> None:
    stack.configure(edgeContext="kind-east")
    stack.refused("corp-edge (context kind-east) and east-cluster (context kind-east) are one")


def test_a_cluster_that_does_not_answer_is_named(stack: UsersStack) -> None:
    config = json.loads((stack.config / "edge.json").read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    away = stack.config / "away.json"
    away.write_text(json.dumps(config))
    stack.configure()
    paths = f"{away}:{stack.config / 'others.json'}"
    stack.refused("corp-edge (context my-edge): ", "refused", KUBECONFIG=paths)


def test_rights_that_are_missing_are_named(stack: UsersStack) -> None:
    account = {"name": "reader", "namespace": "shop"}
    server = stack.specs["corp-edge"]
    apply(server, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
    path = "/api/v1/namespaces/shop/serviceaccounts/reader"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    try:
        token = call(server, "POST", f"{path}/token", request)["status"]["token"]
        config = json.loads((stack.config / "edge.json").read_text())
        config["users"][0]["user"] = {"token": token}
        weak = stack.config / "weak.json"
        weak.write_text(json.dumps(config))
        stack.configure()
        paths = f"{weak}:{stack.config / 'others.json'}"
        said = stack.refused("corp-edge (context my-edge): its user may not ", KUBECONFIG=paths)
        assert "create/patch/delete namespaces" in said
    finally:
        call(server, "DELETE", path)


def test_a_namespace_of_the_users_is_not_taken_over(stack: UsersStack) -> None:
    path = "/api/v1/namespaces/transaction-service"
    server = stack.specs["east-cluster"]
    name = {"name": "transaction-service"}
    apply(server, {"apiVersion": "v1", "kind": "Namespace", "metadata": name})
    stack.configure()
    try:
        done = stack.copy.demo("up", check=False)
        assert done.code
        assert "east-cluster (context kind-east): Namespace transaction-service" in done.output
        assert "kubectl --context kind-east delete namespace transaction-service" in done.output
        assert "annotations" not in call(server, "GET", path)["metadata"]
        assert all("tetrate-system" not in names for names in stack.there().values())
    finally:
        call(server, "DELETE", path)
    eventually(lambda: "transaction-service" not in stack.there()["east-cluster"], "it goes")


def test_an_update_that_is_killed_can_be_repeated(stack: UsersStack) -> None:
    stack.configure()
    log = stack.config / "up.log"
    process = stack.copy.start("./demo", "up", log=log)
    eventually(lambda: "tetrate-system" in stack.there()["east-cluster"], "something is made", 60)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    stack.copy.demo("up")
    assert stack.copy.preview() == []


def test_both_clusters_answer(stack: UsersStack) -> None:
    outputs = stack.copy.outputs()
    assert outputs["url"] == f"https://127.0.0.1:{stack.copy.ports['west']}/web-portal"
    answers = ask(outputs, 40)
    assert not [answer for answer in answers if answer.lost]
    assert set(served(answers)) == set(APPLICATION)


def test_the_live_picture_is_whole(stack: UsersStack, tmp_path: Path) -> None:
    outputs = stack.copy.outputs()
    with live_page.served(stack.copy, tmp_path) as page:
        serving = dict.fromkeys(APPLICATION, "serving")
        eventually(lambda: not ask(outputs, 20)[0].lost and page.states() == serving, "both serve")


def test_the_stacks_kubeconfig_calls_the_contexts_as_the_clusters(stack: UsersStack) -> None:
    nodes = [stack.copy.kubectl(name, "get", "nodes", "--output=name").strip() for name in CLUSTERS]
    assert nodes == ["node/edge-1", "node/east-1", "node/west-1"]


def test_a_switch_is_in_force_when_up_returns(stack: UsersStack) -> None:
    outputs = stack.copy.outputs()
    stack.configure(lbMode="standby")
    with Traffic(outputs, 50) as traffic:
        stack.copy.demo("up")
        returned = time.monotonic()
        time.sleep(1)
    assert traffic.lost == []
    assert set(served(traffic.since(returned))) == {"west-cluster"}


def test_a_gateway_that_is_gone_costs_no_request(stack: UsersStack) -> None:
    """What else is promised is a matter of time, and of the machine's load."""
    options = ("--rate", "50", "--baseline", "2", "--hold", "4")
    said = stack.copy.demo("task", "drill", "--", "gateway-gone", *options, check=False).output
    assert "lost: 0 (promised 0)" in said and "Prediction: right" in said, said


def test_node_ports_do_as_well(stack: UsersStack) -> None:
    port = stack.copy.ports["west"] + 1
    east, west = (node_address(stack.specs[name].index) for name in APPLICATION)
    stack.configure(
        exposure="NodePort",
        edgeAddress=f"127.0.0.1:{port}",
        clusters=[
            {"name": "east-cluster", "region": "r", "context": "kind-east", "address": east},
            {"name": "west-cluster", "region": "r", "address": west},
        ],
    )
    stack.copy.demo("up")
    outputs = stack.copy.outputs()
    assert outputs["url"] == f"https://127.0.0.1:{port}/web-portal"
    answers = ask(outputs, 40)
    assert not [answer for answer in answers if answer.lost]
    assert set(served(answers)) == set(APPLICATION)


def test_destroy_removes_ours_and_touches_nothing_of_the_users(
    stack: UsersStack, before: dict[str, tuple[str, str]]
) -> None:
    stack.copy.demo("destroy")
    assert not [names for names in stack.there().values() if names & set(OURS)]
    assert stack.users() == before
    for spec in stack.specs.values():
        services = call(spec, "GET", "/api/v1/services")["items"]
        assert not [s for s in services if s["spec"].get("type") == "LoadBalancer"]
    with pytest.raises(ApiError):
        call(stack.specs["corp-edge"], "GET", "/api/v1/namespaces/tetrate-system")
