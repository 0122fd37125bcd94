"""The policy pack: hands each resource that the engine shows it to the rules.

Run by `pulumi preview --policy-pack policies`, in an environment of its own (requirements.txt).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import rules
from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError


def plain(value: Any) -> Any:
    """Return the value as the rules know it: the engine's own raises where something is unknown."""
    if isinstance(value, Mapping):
        return {key: _item(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_item(value, index) for index in range(len(value))]
    return value


def _item(container: Any, key: Any) -> Any:
    try:
        return plain(container[key])
    except UnknownValueError:
        return rules.UNKNOWN


def resource(args: ResourceValidationArgs) -> rules.Resource:
    """Return the resource as the rules know it."""
    return rules.Resource(
        type=args.resource_type,
        name=args.name,
        inputs=plain(args.props),
        provider=args.provider.name if args.provider else "",
        # the engine names no provider for a component
        custom=args.provider is not None or args.resource_type.startswith("kubernetes:"),
        secret_outputs=args.opts.additional_secret_outputs,
        shows_secrets=False,
    )


def policy(rule: rules.Rule) -> ResourceValidationPolicy:
    """Return a rule as the engine asks for it."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        for found in rule.check(resource(args)):
            report(found)

    return ResourceValidationPolicy(rule.name, rule.what, validate, EnforcementLevel.MANDATORY)


PolicyPack("multi-cluster-resiliency", [policy(rule) for rule in rules.RULES])
