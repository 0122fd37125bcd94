"""A cluster that returns by hand or in steps, and certificates that are renewed: real clusters."""

from __future__ import annotations

import json
import re
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.checkout import Checkout
from tests.support.traffic import Traffic, ask, served
from tests.support.waiting import eventually

EAST, WEST = "east-cluster", "west-cluster"
RATE = 50
STAYS_OUT_SECONDS = 10
"""Longer than checks and ejections keep a cluster out by themselves."""


@pytest.fixture(scope="module", autouse=True)
def _at_once_again(copy: Checkout, up: str) -> Iterator[None]:
    yield
    copy.demo("pulumi", "config", "rm", "failback", check=False)
    copy.demo("up")


def pods(demo: Checkout, *clusters: str) -> set[str]:
    """Identities of the gateways' pods."""
    path = "jsonpath={.items[*].metadata.uid}"
    command = ("--namespace", "tetrate-system", "get", "pods", "--output", path)
    return {uid for cluster in clusters for uid in demo.kubectl(cluster, *command).split()}


def shown(outputs: dict[str, Any]) -> bytes:
    """The certificate that the edge shows to a new client."""
    url = urlsplit(outputs["url"])
    context = ssl.create_default_context(cadata=outputs["caCertificate"])
    with (
        socket.create_connection((url.hostname or "", url.port or 443), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=outputs["host"]) as secure,
    ):
        return secure.getpeercert(binary_form=True) or b""


def both(outputs: dict[str, Any]) -> bool:
    return set(served(ask(outputs, 20))) == {EAST, WEST}


def test_by_hand_a_cluster_stays_out_until_the_task_brings_it_back(
    demo: Checkout, outputs: dict[str, Any]
) -> None:
    refused = demo.demo("task", "failback", check=False)
    assert refused.code and "has failback atOnce" in refused.output
    before = pods(demo, "corp-edge", EAST, WEST)
    with Traffic(outputs, RATE) as traffic:
        demo.demo("pulumi", "config", "set", "failback", "manual")
        demo.demo("up")
        demo.demo("task", "break", "--", "workload-gone", "--cluster", WEST)
        demo.demo("task", "fix", "--", "workload-gone", "--cluster", WEST)
        time.sleep(STAYS_OUT_SECONDS)
        assert set(served(ask(outputs, 20))) == {EAST}
        said = demo.demo("task", "status").output
        assert f"{WEST}: well, and held back by 2 pods of the edge" in said
        told = demo.demo("task", "failback").output
        assert f"{WEST}: well, and held back by 2 pods of the edge" in told
        eventually(lambda: both(outputs), "both answer again")
        assert "held back" not in demo.demo("task", "status").output
    print(traffic.summary())
    assert traffic.lost == []
    assert traffic.reopened == 0
    assert pods(demo, "corp-edge", EAST, WEST) == before
    assert demo.preview() == []


@pytest.mark.parametrize(("failback", "words"), [("manual", "brought back"), ("ramped", "")])
def test_a_drill_tells_how_the_cluster_returned(demo: Checkout, failback: str, words: str) -> None:
    if demo.outputs().get("failback") != failback:
        demo.demo("pulumi", "config", "set", "failback", failback)
        demo.demo("up")
    how = ("--cluster", WEST, "--baseline", "2", "--hold", "4")
    done = demo.demo("task", "drill", "--", "gateway-gone", *how, check=False)
    print(done.output)  # its exit code also judges times
    assert "Prediction: right" in done.output
    (report,) = re.findall(r"Report: (\S+)", done.output)
    text = (Path(report).parent / "report.md").read_text()
    assert words in text
    ledger = json.loads((Path(report).parent / "ledger.json").read_text())["ledger"]
    (incident,) = ledger["incidents"]
    shares = incident["returned"]["shares"]
    if failback == "ramped":
        assert incident["returned"]["herd"] <= 0.5
        assert len(shares) > 10 and shares[0] < shares[len(shares) // 2] < shares[-1]
    assert ledger["total"]["lost"] == 0
    for streams in ledger["streams"].values():
        assert streams["lost"] == streams["repeated"] == streams["disordered"] == 0


def test_renewed_certificates_close_nothing_and_replace_no_pod(
    demo: Checkout, outputs: dict[str, Any]
) -> None:
    before, certificate = pods(demo, "corp-edge", EAST, WEST), shown(outputs)
    with Traffic(outputs, RATE) as traffic:
        time.sleep(1)
        renew = ("--yes", "--skip-preview", "--replace", "**:Certificate::**")
        print(f"{demo.demo('pulumi', 'up', *renew).seconds:.1f} s")
        assert shown(outputs) != certificate
        time.sleep(2)  # what comes late
    print(traffic.summary())
    assert traffic.lost == []
    assert traffic.reopened == 0
    assert pods(demo, "corp-edge", EAST, WEST) == before
