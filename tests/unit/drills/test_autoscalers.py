"""Replicas that an autoscaler has left: seen once it is gone, and never while one scales."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from drills import autoscalers, drift, reconcile, stack_objects
from drills.stack import Stack
from drills.stack_objects import REPLICAS, StackObject
from foundation.errors import UserError
from foundation.lists import as_list
from tests.support.drifts import IMAGE, WANTED, deployment
from tests.support.drill_stack import EAST
from tests.support.managed_fields import STACK, entry

KUBERNETES = "kube-controller-manager"


def scaled(replicas: int, by: str = KUBERNETES, subresource: str = "scale") -> dict[str, Any]:
    """The Deployment as it is in the cluster after somebody has set its replicas."""
    found = deployment(replicas)
    found["metadata"]["managedFields"] = [
        entry(STACK, "Apply", IMAGE),
        entry(by, "Update", REPLICAS, subresource=subresource),
    ]
    return found


def autoscaler(name: str = "shop") -> dict[str, Any]:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"namespace": "shop", "name": "any"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}},
    }


@given(some.integers(0, 3), some.integers(0, 3), some.booleans())
def test_only_other_replicas_than_the_stacks_are_suspect(
    wanted: int, live: int, is_left: bool
) -> None:
    own = StackObject(EAST, deployment(wanted), STACK, (REPLICAS,) if is_left else ())
    found = autoscalers.suspects([own], {own.identity: deployment(live)})
    assert bool(found) == (wanted != live and not is_left)


def test_what_is_not_there_or_gives_no_replicas_is_not_suspect() -> None:
    silent = StackObject(EAST, deployment(None), STACK)
    assert not autoscalers.suspects([silent], {silent.identity: deployment(3)})
    assert not autoscalers.suspects([WANTED], {})


@pytest.mark.parametrize(
    ("by", "subresource", "scalers", "is_forsaken"),
    [
        (KUBERNETES, "scale", [], True),
        (KUBERNETES, "scale", [autoscaler("other")], True),
        (KUBERNETES, "scale", [autoscaler()], False),
        (KUBERNETES, "status", [], False),
        ("keda", "scale", [], False),
        ("kubectl", "scale", [], False),
    ],
)
def test_what_kubernetes_own_has_scaled_is_forsaken_when_none_scales_it(
    by: str, subresource: str, scalers: list[dict[str, Any]], is_forsaken: bool
) -> None:
    live = scaled(7, by, subresource)
    found = autoscalers.forsaken({WANTED.identity: live}, scalers)
    assert set(found) == ({WANTED.identity} if is_forsaken else set())
    if is_forsaken:
        assert drift.to_apply(WANTED, found[WANTED.identity])["spec"]["replicas"] == 2


@pytest.mark.parametrize("scalers", [[], [autoscaler()], None])
def test_status_names_replicas_of_an_autoscaler_that_is_gone(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, scalers: list[dict[str, Any]] | None
) -> None:
    """None: whoever asks may not list them."""
    applied = deployment()
    applied["metadata"]["managedFields"] = [entry(STACK, "Apply", REPLICAS, IMAGE)]

    def kubectl(_: Stack, __: str, *arguments: str, **more: Any) -> str:
        if arguments[0] == "apply":
            return as_list([applied if "replicas" in more["stdin"] else scaled(7)])
        if "horizontalpodautoscalers.autoscaling" not in arguments:
            return as_list([scaled(7)])
        assert "--namespace=shop" in arguments
        if scalers is None:
            raise UserError("forbidden")
        return as_list(scalers)

    monkeypatch.setattr(stack_objects, "load", lambda _: [WANTED])
    monkeypatch.setattr(Stack, "kubectl", kubectl)
    said = [each.line for each in reconcile.look(stack).drifts]
    line = (
        f"{EAST}: Deployment shop/shop: spec.replicas is 7, set by {KUBERNETES}, the stack's is 2"
    )
    assert said == ([line] if scalers == [] else [])
