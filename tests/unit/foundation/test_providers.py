"""Every dynamic provider of the demo reports errors for people by their text, in clear state."""

from __future__ import annotations

import importlib
import traceback
from pathlib import Path

import pytest
from pulumi.dynamic import Config, ConfigureRequest, ResourceProvider

from foundation import project, pulumi_process
from foundation.errors import UserError

PACKAGES = ("components", "foundation", "launcher", "localkube", "toolchain")


def providers() -> list[type[ResourceProvider]]:
    """Every provider class of the packages' modules that import `pulumi.dynamic`."""
    found = set()
    for package in PACKAGES:
        for file in sorted(Path(project.ROOT, package).rglob("*.py")):
            if "pulumi.dynamic" in file.read_text():
                name = ".".join(file.relative_to(project.ROOT).with_suffix("").parts)
                found |= {
                    each
                    for each in vars(importlib.import_module(name)).values()
                    if isinstance(each, type)
                    and issubclass(each, ResourceProvider)
                    and each.__module__ == name
                }
    return sorted(found, key=lambda each: each.__qualname__)


@pytest.mark.parametrize("provider", providers(), ids=lambda each: each.__qualname__)
def test_a_provider_reports_an_error_for_people_by_its_text(
    provider: type[ResourceProvider], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traceback, "format_exc", traceback.format_exc)  # put back at the end
    monkeypatch.setattr(pulumi_process, "end_quickly", lambda: None)
    provider().configure(ConfigureRequest(Config({}, "project")))
    try:
        raise UserError("no port")
    except UserError:
        assert traceback.format_exc() == "no port"
    assert not provider.serialize_as_secret_always


def test_all_providers_are_found() -> None:
    names = {each.__qualname__ for each in providers()}
    assert {"ClusterProvider", "_AuthorityProvider", "_CertificateProvider"} <= names
    assert len(names) >= 6
