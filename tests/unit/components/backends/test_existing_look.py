"""What is asked of a cluster that is there already, before anything is made in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components import kubectl
from components.backends import domain, existing, kinds, rights
from components.backends.contexts import Kubeconfig
from components.backends.inventory import Item
from components.backends.kinds import Resource
from components.backends.review import Seen, refusal
from components.settings.existing import ExistingSettings
from foundation.commands import Failed
from foundation.contract import RUN_PROGRAM
from tests.support.stack_settings import settings

CART = Item("shop.example.com/v1", "Cart", "retail", "mine")
SERVICE = Item("v1", "Service", "retail", "shop")
VERSION = "shop.example.com/v1"


def definition(group: str, kind: str, plural: str) -> dict[str, Any]:
    spec = {"group": group, "names": {"kind": kind, "plural": plural}, "scope": "Namespaced"}
    name = {"name": f"{plural}.{group}"}
    head = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    return {**head, "metadata": name, "spec": spec}


class Answers:
    """What a cluster answers that serves some kinds of a version, or not even that."""

    def __init__(self, *names: tuple[str, str], knows_version: bool = True) -> None:
        self.listed = [{"kind": k, "name": n, "namespaced": True} for k, n in names]
        self.knows_version = knows_version
        self.asked: list[str] = []

    def ask(self, _: str, *arguments: str, given: str = "", requests: int = 1) -> str:
        if "--raw" not in arguments:
            self.asked += [each["kind"] for each in json.loads(given)["items"]]
            assert requests == len(self.asked)
            return '{"kind": "List", "items": []}'
        assert arguments[-1] == f"/apis/{VERSION}"
        if not self.knows_version:
            raise Failed("could not find", "Error from server (NotFound): could not find")
        return json.dumps({"resources": self.listed})


def test_kinds_that_the_manifest_defines_are_known() -> None:
    cart = {"apiVersion": VERSION, "kind": "Cart", "metadata": {"name": "mine"}}
    own = kinds.defined([definition("shop.example.com", "Cart", "wagons"), cart])
    assert own == {("shop.example.com", "Cart"): Resource("wagons")}
    assert kinds.custom([SERVICE, CART], {}, own) == {CART: Resource("wagons")}


def test_a_definition_of_another_version_may_be_of_any_form() -> None:
    odd = {"group": ["a"], "names": {"kind": {}, "plural": 5}}
    version = "apiextensions.k8s.io/v1beta1"
    found = {"apiVersion": version, "kind": "CustomResourceDefinition", "spec": odd}
    assert kinds.defined([{**found, "metadata": {"name": "a"}}]) == {}


def test_what_a_cluster_serves_is_read_without_subresources(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = Answers(("Cart", "wagons"), ("Cart", "wagons/status"), ("Scale", "wagons/scale"))
    monkeypatch.setattr(kubectl, "ask", cluster.ask)
    assert kinds.served("", [SERVICE, CART]) == {(VERSION, "Cart"): Resource("wagons")}


@pytest.mark.parametrize(
    ("cluster", "asked"),
    [
        (Answers(knows_version=False), False),
        (Answers(), False),
        (Answers(("Other", "others")), False),
        (Answers(("Cart", "carts")), True),
    ],
)
def test_a_custom_object_is_asked_for_once_its_kind_is_served(
    monkeypatch: pytest.MonkeyPatch, cluster: Answers, asked: bool
) -> None:
    monkeypatch.setattr(kubectl, "ask", cluster.ask)
    items = [SERVICE, CART]
    existing._there("", kinds.known(items, kinds.served("", items)))
    assert cluster.asked == ["Namespace", "Service", *(["Cart"] if asked else [])]


def test_a_cluster_that_does_not_answer_is_no_cluster_without_the_kind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ask(*_: str, **__: Any) -> str:
        raise Failed("refused", "connection refused")

    monkeypatch.setattr(kubectl, "ask", ask)
    with pytest.raises(Failed, match="refused"):
        kinds.served("", [CART])


def test_the_core_has_a_path_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    paths: list[str] = []

    def ask(_: str, *arguments: str) -> str:
        paths.append(arguments[-1])
        return '{"resources": []}'

    monkeypatch.setattr(kubectl, "ask", ask)
    assert kinds.served("", [Item("v1", "Shop", "retail", "shop"), CART, SERVICE]) == {}
    assert paths == ["/api/v1", f"/apis/{VERSION}"]


def test_many_requests_have_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []

    def output(*_: Any, seconds: float, **__: Any) -> str:
        given.append(seconds)
        return ""

    monkeypatch.setattr(kubectl.commands, "output", output)
    monkeypatch.setattr(kubectl.tools, "path", lambda _: "kubectl")
    for requests in (1, 101):
        kubectl.ask("", "get", requests=requests)
    few, many = given
    assert many - few == pytest.approx(100 * kubectl.REQUEST_SECONDS)
    monkeypatch.setenv("DEMO_PATIENCE", "3")
    kubectl.ask("", "get")
    assert given[-1] == pytest.approx(3 * few)


@pytest.mark.parametrize(
    ("zones", "found"),
    [
        ("kubernetes cluster.local in-addr.arpa ip6.arpa {", "cluster.local"),
        ("kubernetes k8s.corp. in-addr.arpa {", "k8s.corp"),
        ("kubernetes 10.0.0.0/24 k8s.corp", "k8s.corp"),
        ("kubernetes k8s.corp cluster.local {", "cluster.local"),
        ("# kubernetes old.corp", "cluster.local"),
        ("kubernetes {$DOMAIN} {", "cluster.local"),
        ("kubernetes {", "cluster.local"),
    ],
)
def test_the_domain_of_a_cluster_is_what_its_dns_serves(
    monkeypatch: pytest.MonkeyPatch, zones: str, found: str
) -> None:
    corefile = f".:53 {{\n    cache 1\n    {zones}\n        ttl 1\n    }}\n}}\n"
    said = json.dumps({"kind": "ConfigMap", "data": {"Corefile": corefile}})
    monkeypatch.setattr(kubectl, "ask", lambda *_: said)
    assert domain.ask("") == found


def test_a_cluster_that_does_not_say_its_domain_has_the_usual_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def forbidden(*_: str) -> str:
        raise Failed("forbidden", "Error from server (Forbidden)")

    monkeypatch.setattr(kubectl, "ask", forbidden)
    assert domain.ask("") == "cluster.local"
    monkeypatch.setattr(kubectl, "ask", lambda *_: '{"kind": "ConfigMap"}')
    assert domain.ask("") == "cluster.local"


def test_a_cluster_that_does_not_answer_is_not_taken_for_one_with_the_usual_domain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def silent(*_: str) -> str:
        raise Failed("no answer in 10 s")

    monkeypatch.setattr(kubectl, "ask", silent)
    with pytest.raises(Failed, match="no answer"):
        domain.ask("")


def test_a_namespace_that_neither_the_manifest_nor_the_cluster_has_is_refused() -> None:
    made = Item("v1", "Namespace", "", "retail")
    system = Item("v1", "Secret", "kube-system", "token")
    role = Item("rbac.authorization.k8s.io/v1", "ClusterRole", "", "reader")
    bank = [Item("v1", "Secret", name, "key") for name in ("bank", "shop")]
    items = [made, SERVICE, system, role, *bank, CART]
    needed = kinds.namespaces(items, {CART: Resource("carts")})
    assert [item.name for item in needed] == ["bank", "shop"]
    wide = Item(VERSION, "Wide", "nowhere", "one")
    assert kinds.namespaces([wide], {wide: Resource("wides", namespaced=False)}) == []

    def namespace(name: str) -> dict[str, Any]:
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}

    def look(*names: str) -> str:
        there = [*map(namespace, names)]
        return refusal([Seen("east", "my-east", objects=there).beside(needed)], "mark")

    assert look("bank", "shop") == ""
    assert look("shop") == (
        "east (context my-east) has no namespace bank, and the manifest makes none; add it there,"
        " or: kubectl --context my-east create namespace bank"
    )
    assert "is there and is not this stack's" in look("bank", "shop", "retail")


@pytest.mark.parametrize(("runs_program", "absent"), [("", ["retail"]), ("true", [])])
def test_a_namespace_that_is_gone_keeps_nobody_from_a_destroy(
    monkeypatch: pytest.MonkeyPatch, runs_program: str, absent: list[str]
) -> None:
    own = settings(backend="existing")
    assert isinstance(own.backend, ExistingSettings)
    backend = existing.ExistingBackend(own, own.backend)
    answers = {"/version": '{"major": "1", "minor": "37"}'}

    def ask(_: str, *arguments: str, **more: Any) -> str:
        return answers.get(arguments[-1], '{"kind": "List", "items": []}')

    monkeypatch.setenv(RUN_PROGRAM, runs_program)
    monkeypatch.setattr(kubectl, "ask", ask)
    monkeypatch.setattr(Kubeconfig, "standalone", lambda *_: "{}")
    monkeypatch.setattr(rights, "denied", lambda *_: [])
    assert backend._look("east-cluster", [SERVICE], {}).absent == absent
    assert backend._look("corp-edge", [SERVICE], {}).absent == []
