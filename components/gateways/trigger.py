"""A text that stays in the state until it is replaced: then the edge brings back clusters.

A dynamic provider is loaded by its module's name from the state: never move or rename this module.
"""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi.dynamic import CheckResult, CreateResult, DiffResult, Resource

from foundation import contract
from foundation.dynamic_provider import BaseProvider


class _TriggerProvider(BaseProvider):
    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Keep the text, an input, so that previews know it. A replacement has no `olds`."""
        from foundation.pulumi_process import seed_of_check

        return CheckResult({**news, "text": olds.get("text") or seed_of_check().hex()}, [])

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(props["text"], dict(props))

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        return DiffResult(changes=False)


class FailbackTrigger(Resource, module="failback", name=contract.FAILBACK_TRIGGER):
    """Replaced by `./demo task failback`, in one update; the settings know nothing of it."""

    text: pulumi.Output[str]

    def __init__(self, name: str, parent: pulumi.Resource | None) -> None:
        """Register the trigger."""
        options = pulumi.ResourceOptions(parent=parent)
        super().__init__(_TriggerProvider(), name, {"text": None}, options)
