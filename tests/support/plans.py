"""Manifests of a user's own, and the plan that is made of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from components import plan
from components.backends import choice
from components.backends.local import LocalBackend
from components.settings.model import Settings, read
from foundation.project import ROOT

OWN = {"host": "shop.example.com", "protocol": "HTTPS", "tls-secret": "shop-certs"}
PLAIN = {"host": "plain.example.com"}


def service(name: str, annotations: dict[str, str]) -> dict[str, Any]:
    notes = {f"gateway.tetrate.io/{key}": text for key, text in annotations.items()}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "shops", "annotations": notes},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8000}]},
    }


NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shops"}}


def chosen(folder: Path, *documents: dict[str, Any], **more: Any) -> Settings:
    manifest = folder / "own.yaml"
    manifest.write_text(yaml.safe_dump_all([NAMESPACE, *documents]))
    return dataclasses.replace(read({}, "west", ROOT), manifest=(manifest,), **more)


def warned(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> list[str]:
    """Have `plan.make` read these settings, on any machine; return the list of its warnings."""
    warnings: list[str] = []
    monkeypatch.setattr(plan, "load", lambda root: settings)
    monkeypatch.setattr(LocalBackend, "check", lambda self: None)
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    return warnings


def made(settings: Settings) -> plan.Plan:
    return plan.read(settings, choice.of(settings))
