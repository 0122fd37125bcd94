"""Changes between two plans, and results of previews, as one job hands them to the next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from policies.rules import Resource
from preview import compare, model
from preview.model import Change, Kind, Property, Result, StackDiff, StackPlan

DEPLOYMENT = "kubernetes:apps/v1:Deployment"


def resource(kind: str = DEPLOYMENT, **inputs: Any) -> Resource:
    return Resource(kind, "gateway", inputs, "west-cluster")


def change(old: Resource, new: Resource) -> Change:
    (found,) = compare.changes(StackPlan({"it": old}), StackPlan({"it": new}))
    return found


CHANGED = Change(Kind.CHANGED, DEPLOYMENT, "gateway", (Property("spec.replicas", "2", "3"),))
RESULT = Result(
    "abc1234",
    "def5678",
    (
        StackDiff("east", "active", 54, (CHANGED,)),
        StackDiff("west", "active", 54, (CHANGED,)),
        StackDiff("west", "standby", 54),
    ),
)


def written_and_read(result: Result, folder: Path) -> Result:
    model.write(result, folder / "result.json")
    return model.read([folder / "result.json"])
