"""What is shown of a lab's findings, and what nodes are short of."""

from __future__ import annotations

from typing import Any

import pytest

from localkube.__main__ import lines
from localkube.diagnosis import Finding, pressure


def test_findings_fit_eighty_columns_and_end_with_their_remedy() -> None:
    text = "etcd of east-cluster got SIGKILL at 2026-11-28 10:10:00, and more is said of it here"
    shown = lines([Finding(text, "./demo up west"), Finding("one", "two")])
    assert max(map(len, shown)) <= 80
    assert shown[0].startswith("- etcd") and shown[1].startswith("  ")
    assert shown[-1] == "- one: two"
    assert " ".join(line[2:] for line in shown[:-1]) == f"{text}: ./demo up west"


def test_conditions_that_hold_are_named_with_the_kubelets_reason() -> None:
    def condition(name: str, status: str) -> dict[str, Any]:
        return {"type": name, "status": status, "message": f"kubelet has {name}"}

    every = [condition("DiskPressure", "True"), condition("PIDPressure", "False")]
    node = {
        "metadata": {"name": "n1"},
        "status": {"conditions": [*every, condition("Ready", "True")]},
    }
    (found,) = pressure.judge([node])
    assert found.text == "node n1 has DiskPressure: kubelet has DiskPressure"
    assert "kubectl describe node n1" in found.remedy


@pytest.mark.parametrize("status", ["False", "Unknown"])
def test_why_a_node_is_not_ready_is_said(status: str) -> None:
    condition = {"type": "Ready", "status": status, "message": "container runtime is down"}
    node = {"metadata": {"name": "n1"}, "status": {"conditions": [condition]}}
    (found,) = pressure.judge([node])
    assert found.text == "node n1 is not Ready: container runtime is down"
