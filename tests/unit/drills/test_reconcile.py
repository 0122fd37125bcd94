"""Drift is looked for in every cluster, and mended, whatever one object or cluster answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from drills import drift, reconcile, stack_objects
from drills.stack import Stack
from drills.stack_objects import REPLICAS, StackObject
from foundation.errors import UserError
from tests.support.drifts import IMAGE, WANTED, deployment
from tests.support.drill_stack import EAST, WEST
from tests.support.managed_fields import STACK, entry


def test_a_cluster_that_does_not_answer_is_named_and_the_others_are_looked_at(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = [WANTED, StackObject(WEST, deployment(), STACK)]
    monkeypatch.setattr(stack_objects, "load", lambda _: objects)
    asked: list[tuple[str, str]] = []

    def kubectl(_: Stack, cluster: str, *arguments: str, **more: Any) -> str:
        asked.append((cluster, arguments[1]))
        if cluster == WEST:
            raise UserError(f"{WEST}: no answer")
        assert arguments[0] == "get"
        return ""

    monkeypatch.setattr(Stack, "kubectl", kubectl)
    found = reconcile.look(stack)
    assert [each.line for each in found.drifts] == [f"{EAST}: Deployment shop/shop: is missing"]
    assert found.silent == {WEST: "no answer"}
    # the one request that kubectl does not repeat
    assert [what for cluster, what in asked if cluster == WEST] == ["--raw=/version"]


def test_an_object_that_is_refused_is_named_and_the_others_are_compared(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = deployment()
    other["metadata"]["name"] = "other"
    monkeypatch.setattr(stack_objects, "load", lambda _: [WANTED, StackObject(EAST, other, STACK)])

    def kubectl(_: Stack, cluster: str, *arguments: str, stdin: str = "", **more: Any) -> str:
        if not stdin:  # whether the cluster answers
            return ""
        items = json.loads(stdin)["items"]
        names = [item["metadata"]["name"] for item in items]
        if arguments[0] == "apply" and "other" in names:
            raise UserError(f"{cluster}: field is immutable")
        for item in items:
            item["metadata"]["managedFields"] = [entry(STACK, "Apply", REPLICAS, IMAGE)]
        return json.dumps(items[0] if len(items) == 1 else {"kind": "List", "items": items})

    monkeypatch.setattr(Stack, "kubectl", kubectl)
    assert [each.line for each in reconcile.look(stack).drifts] == [
        f"{EAST}: Deployment shop/other: cannot be compared: field is immutable"
    ]


def test_an_object_that_could_not_be_compared_is_applied_all_the_same(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "_mend", lambda *_: None)
    monkeypatch.setattr(reconcile, "_wait", lambda *_: None)
    said: list[str] = []
    unknown = drift.Drift(WANTED, problem="cannot be compared: a webhook does not answer")
    assert reconcile.mend(stack, [unknown], said.append) == []
    assert said == [f"{EAST}: Deployment shop/shop is applied again"]
