"""What is asked of a cluster that is there already, before anything is made in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components import kubectl
from components.backends import existing
from components.backends.inventory import Item
from foundation.commands import Failed
from foundation.identity import custom_scopes

CART = Item("shop.example.com/v1", "Cart", "retail", "mine")
SERVICE = Item("v1", "Service", "retail", "shop")
OWN = {("shop.example.com", "Cart")}


def definition(group: str, kind: str) -> dict[str, Any]:
    spec = {"group": group, "names": {"kind": kind, "plural": kind.lower()}}
    name = {"name": f"{kind.lower()}.{group}"}
    head = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    return {**head, "metadata": name, "spec": spec}


def test_kinds_that_the_manifest_defines_are_known() -> None:
    cart = {"apiVersion": "shop.example.com/v1", "kind": "Cart"}
    assert set(custom_scopes([definition("shop.example.com", "Cart"), cart])) == OWN


@pytest.mark.parametrize("kinds", [None, [], ["Other"], ["Cart"]])
def test_a_custom_object_is_asked_for_once_its_kind_is_served(
    monkeypatch: pytest.MonkeyPatch, kinds: list[str] | None
) -> None:
    asked: list[str] = []

    def ask(_: str, *arguments: str, given: str = "", requests: int = 1) -> str:
        if "--raw" not in arguments:
            asked.extend(each["kind"] for each in json.loads(given)["items"])
            assert requests == len(asked)
            return '{"kind": "List", "items": []}'
        assert arguments[-1] == "/apis/shop.example.com/v1"
        if kinds is None:
            raise Failed("could not find", "Error from server (NotFound): could not find")
        return json.dumps({"resources": [{"kind": kind} for kind in kinds]})

    monkeypatch.setattr(kubectl, "ask", ask)
    existing._there("", [SERVICE, CART], OWN)
    assert asked == ["Namespace", "Service", *(["Cart"] if kinds == ["Cart"] else [])]


def test_a_cluster_that_does_not_answer_is_no_cluster_without_the_kind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ask(*_: str, **__: Any) -> str:
        raise Failed("refused", "connection refused")

    monkeypatch.setattr(kubectl, "ask", ask)
    with pytest.raises(Failed, match="refused"):
        existing._there("", [CART], OWN)


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
