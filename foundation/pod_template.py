"""Where a document describes the pods that are made for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foundation.identity import mapping


def pod_template(document: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return the path of the field that describes a document's pods, and what it holds.

    A Pod describes itself, at the path ""; any other kind, custom ones too, by `spec.template`, a
    CronJob by that of its job. What is not there or no mapping is empty.
    """
    kind = document.get("kind")
    if kind == "Pod":
        return "", document
    spec, path = mapping(document.get("spec")), "spec."
    if kind == "CronJob":
        spec, path = mapping(mapping(spec.get("jobTemplate")).get("spec")), "spec.jobTemplate.spec."
    return f"{path}template.", mapping(spec.get("template"))
