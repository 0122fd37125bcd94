"""A node that asks for the way out of its lab."""

from __future__ import annotations

import pytest

from localkube.inside import egress
from tests.support.egress import OUTSIDE


@pytest.fixture
def a_node_without_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client counts as a node, some of loopback as outside, and no proxy is to be used."""
    monkeypatch.setattr(egress, "is_node_address", lambda _: True)
    monkeypatch.setattr(egress, "allowed", lambda address, _: str(address) in OUTSIDE)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
