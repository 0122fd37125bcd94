"""Keeps tests away from the user's own clusters: settings, variables and a guard of the tests' own.

Whatever the checkout's `Pulumi.<stack>.yaml` say, a test works on the stacks below. It finds no
kubeconfig, no cloud's credentials and no Pulumi settings of the user.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

import yaml

PROJECT = "multi-cluster-resiliency"

STACKS: dict[str, dict[str, str]] = {
    "east": {"activeCluster": "east-cluster", "localPort": "9443"},
    "west": {"activeCluster": "west-cluster", "localPort": "8443"},
}
"""Settings of each stack, as the demo is delivered."""

BACKEND = "local"

NOT_INHERITED = (
    "PULUMI_", "DEMO_", "VIRTUAL_ENV", "KUBE", "HELM_",
    "GOOGLE_", "GCLOUD_", "GCP_", "CLOUDSDK_", "GKE_",
    "AWS_", "AZURE_", "ARM_", "DIGITALOCEAN_", "OCI_", "ALICLOUD_", "IBMCLOUD_",
)  # fmt: skip
"""Beginnings of variables that lead to clusters, clouds or a Pulumi state."""


class ForeignBackend(AssertionError):
    """A stack of a test's copy that would act on clusters other than the test's own."""


def is_settings(path: str) -> bool:
    """Check whether a path in a checkout is a stack's settings file."""
    return path.startswith("Pulumi.") and path.endswith(".yaml") and path != "Pulumi.yaml"


def write_settings(folder: Path, ports: Mapping[str, int] | None = None) -> None:
    """Write the settings file of each stack; `ports` has their first ports, if not the default."""
    for stack, settings in STACKS.items():
        own = {"localPort": str(ports[stack])} if ports else {}
        text = yaml.safe_dump({"config": config({**settings, **own})})
        (folder / f"Pulumi.{stack}.yaml").write_text(text)


def config(settings: Mapping[str, str]) -> dict[str, str]:
    """Return settings under the project's name, as a settings file has them.

    The backend is set too, in case the user has changed its default in Pulumi.yaml.
    """
    return {f"{PROJECT}:{key}": value for key, value in {"backend": BACKEND, **settings}.items()}


def environment(base: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return `base` without what leads to clusters, clouds or a Pulumi state of the user.

    Tools that look into the home folder without a variable get a path in `folder` that is not
    there.
    """
    env = {key: value for key, value in base.items() if not key.startswith(NOT_INHERITED)}
    nowhere = str(folder / "nowhere")
    return {**env, "KUBECONFIG": nowhere, "CLOUDSDK_CONFIG": nowhere}


def check(folder: Path, allowed: Container[str]) -> None:
    """Raise ForeignBackend if a stack of the copy in `folder` has a backend not in `allowed`.

    A settings file that cannot be read counts as one that has.
    """
    default = _backend(folder / "Pulumi.yaml") or BACKEND
    for file in sorted(folder.glob("Pulumi.*.yaml")):
        backend = _backend(file) or default
        if backend not in allowed:
            raise ForeignBackend(f"{file} says backend {backend}, which this test has not chosen")


def _backend(file: Path) -> str:
    """Return the backend that a settings file or Pulumi.yaml names; empty text for none."""
    try:
        document: Any = yaml.safe_load(file.read_text())
        config = (document or {}).get("config") or {}
        found = [value for key, value in config.items() if key.rpartition(":")[2] == "backend"]
    except (OSError, ValueError, AttributeError, yaml.YAMLError):
        return "unreadable" if file.exists() else ""
    value = found[-1] if found else ""
    return str(value.get("default", "") if isinstance(value, dict) else value)
