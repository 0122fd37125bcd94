"""What all dynamic providers of the demo have in common.

A dynamic provider is loaded by its module's name from the state, and this module with it: never
move or rename either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi.dynamic import ConfigureRequest, ResourceProvider, UpdateResult


def differ(olds: Mapping[str, Any], news: Mapping[str, Any], *inputs: str) -> bool:
    """Check whether any of these inputs is another than before."""
    return any(olds.get(key) != news.get(key) for key in inputs)


class BaseProvider(ResourceProvider):
    """Reports a UserError by its text alone, and is kept in the state as clear text."""

    # it holds nothing, and clear state is easier to review
    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        """Prepare the provider's process; Pulumi calls this once for each provider class."""
        from foundation.pulumi_process import prepare_provider

        prepare_provider()

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Do what `create` does, and keep the id."""
        return UpdateResult(self.create(news).outs)
