"""Label selectors: what they match, and that workloads' match the labels of their own pods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.documents import fields


def check(
    selector: Mapping[str, Any] | None,
    template: Mapping[str, Any],
    path: str,
    refuse: fields.Refuse,
) -> None:
    """Check that a workload selects its own pods, which Kubernetes wants of all in group apps.

    `path` is the template's own, with a dot at the end.
    """
    wanted = (selector or {}).get("matchLabels") or {}
    expressions = (selector or {}).get("matchExpressions") or ()
    if not wanted and not expressions:
        raise refuse("has no spec.selector; add it, with the labels of its pods in matchLabels")
    labels = (template.get("metadata") or {}).get("labels") or {}
    for key, value in wanted.items():
        if labels.get(key) != value:
            raise refuse(
                f"has in spec.selector.matchLabels.{key} {fields.shown(value)}, and in "
                f"{path}metadata.labels.{key} {fields.shown(labels.get(key))}; make them equal"
            )
    for number, expression in enumerate(expressions):
        if not _matches(expression, labels):
            raise refuse(
                f"has in spec.selector.matchExpressions[{number}] what {path}metadata.labels does "
                "not match; correct one of them"
            )


def matches(selector: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    """Check whether a label selector selects what has these labels; an empty one selects all."""
    wanted = selector.get("matchLabels") or {}
    expressions = selector.get("matchExpressions") or ()
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _matches(each, labels) for each in expressions
    )


def _matches(expression: Mapping[str, Any] | None, labels: Mapping[str, Any]) -> bool:
    given = expression or {}
    key, values = str(given.get("key")), given.get("values") or ()
    match given.get("operator"):
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return key not in labels or labels[key] not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return True
