"""A Deployment that a stack applies, and what drift of it is looked for in."""

from __future__ import annotations

from typing import Any

from drills.stack_objects import StackObject
from foundation.managed_fields import Path
from tests.support.drill_stack import EAST
from tests.support.managed_fields import STACK

IMAGE: Path = ("spec", "template", "spec", "containers", (("name", "web"),), "image")


def deployment(replicas: int | None = 2) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "template": {"spec": {"containers": [{"name": "web", "image": "web:1"}]}},
    }
    if replicas is not None:
        spec["replicas"] = replicas
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": "shop", "name": "shop"},
        "spec": spec,
    }


WANTED = StackObject(EAST, deployment(), STACK)
