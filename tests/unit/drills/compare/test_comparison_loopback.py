"""A whole comparison on loopback: our edge as rendered, a balancer, one that is broken, a fault."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.envoy.common import edge_san
from components.routing.targets import LbMode, edge_targets, edge_weights
from drills.application import Application
from drills.compare import beside, run, stack_access, usage
from drills.compare.balancers import DIRECT, ENVOY, OURS, Balancer
from drills.compare.balancers import named as balancers_named
from drills.compare.configuration import Gateway
from drills.compare.inside import Inside
from drills.faults import Fault, Means, Strike, named
from drills.stack import Stack
from foundation.certificates import leaf
from foundation.contract import INGRESS_PORT, gateway_san
from tests.support.envoy_lab import CLUSTERS, EAST, WEST, Lab, lab
from tests.support.envoy_process import HOST

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="network namespaces are entered by root only"
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path / "lab") as made:
        for cluster in CLUSTERS:
            made.add_pod(cluster, 1)
            made.add_gateway(cluster)
        made.start()
        weights = edge_weights(LbMode.ACTIVE, CLUSTERS, EAST.name)
        made.add_edge("edge", edge_targets(weights, CLUSTERS, made.gateways, EAST.region))
        made.start("edge")
        yield made


@pytest.fixture
def stack(world: Lab, tmp_path: Path) -> Stack:
    ca = tmp_path / "clients.pem"
    ca.write_text(world.clients.certificate)
    return Stack(
        "west",
        tmp_path / "stack",
        tmp_path / "kubeconfig",
        {EAST.name: 100, WEST.name: 100},
        "active",
        url=f"https://{world.envoys['edge'].address}:8443/web-portal",
        ca_file=ca,
        order=((EAST.name, WEST.name),),
        application=Application(name="other", host=HOST, path="/web-portal"),
    )


class NoLogs:
    """No cluster has logs to follow here."""

    def __init__(self, *_: object) -> None:
        pass

    def __enter__(self) -> NoLogs:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def settle_answered(self, _: object) -> None:
        pass


@pytest.fixture
def instead_of_clusters(world: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the lab's gateways and certificates in the place of a cluster's objects."""

    def certificates(_: Stack, folder: Path) -> tuple[Path, Path, Path]:
        found = []
        for issuer, name in ((world.clients, HOST), (world.mesh, edge_san("corp-edge"))):
            pair = leaf(issuer, name, [name])
            found.append(folder / f"{name}.pem")
            found[-1].write_text(pair.certificate + pair.key)
        (folder / "ca.pem").write_text(world.mesh.certificate)
        return found[0], found[1], folder / "ca.pem"

    gateways = [
        Gateway(c.name, world.gateways[c.name], INGRESS_PORT, gateway_san(c.name)) for c in CLUSTERS
    ]
    process = world.envoys["edge"].process
    assert process
    monkeypatch.setattr(stack_access, "check", lambda _: None)
    here = Inside(Path(f"/proc/{os.getpid()}/ns/net"))
    monkeypatch.setattr(stack_access, "inside", lambda *_: here)
    monkeypatch.setattr(stack_access, "relay", lambda _: "")
    monkeypatch.setattr(stack_access, "gateways", lambda _: gateways)
    monkeypatch.setattr(stack_access, "certificates", certificates)
    monkeypatch.setattr(run.pods, "envoys", lambda _: [process.pid])
    monkeypatch.setattr(run.matrix, "check", lambda *_, **__: None)
    monkeypatch.setattr(run.guard, "standing", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(run.provenance, "config_digest", lambda *_: "")
    monkeypatch.setattr(run, "PortalLogs", NoLogs)
    monkeypatch.setattr(run, "_IDLE_SECONDS", 1.0)
    monkeypatch.setattr(run, "project", SimpleNamespace(ROOT=tmp_path / "checkout"))


def killed(world: Lab) -> Fault:
    """Gives a fault that kills a gateway's process."""

    def break_(strike: Strike) -> None:
        world.envoys[f"gateway-{strike.cluster}"].kill()

    def mend(strike: Strike) -> None:
        world.start(f"gateway-{strike.cluster}")

    return replace(named("gateway-gone"), means=Means("", break_, mend))


@pytest.mark.usefixtures("instead_of_clusters")
def test_a_comparison_measures_what_runs_and_says_what_does_not(
    world: Lab, stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("static_resources: {listeners: 1}\n")
    pids: list[int] = []
    used = run._usage

    def noted(stack: Stack, others: beside.Beside) -> Any:
        pids.extend(r.process.pid for r in others.running.values())
        return used(stack, others)

    monkeypatch.setattr(run, "_usage", noted)
    chosen = [Balancer("broken", ENVOY, broken), *balancers_named(["envoy-tuned"])]
    said: list[str] = []
    pace = run.Pace(rate=10, calm=2, hold=2, recover=2)
    found, page = run.run(stack, [killed(world)], chosen, pace, said.append)
    lanes = [OURS, "envoy-tuned", DIRECT]
    assert list(found.calm) == lanes and list(found.faults) == ["gateway-gone"]
    assert list(found.faults["gateway-gone"]) == lanes
    for lane in lanes:
        assert found.calm[lane].answered and not found.calm[lane].lost, lane
        assert found.faults["gateway-gone"][lane].lost == 0, lane
    for lane in lanes[:2]:
        cost = found.calm[lane]
        assert cost.cpu and cost.idle and cost.memory and cost.memory > 1 << 20, lane
        assert found.faults["gateway-gone"][lane].moved is not None, lane
    assert list(found.skipped) == ["broken"] and "listeners" in found.skipped["broken"]
    assert any(text.startswith("broken is left out") for text in said)
    assert page.is_relative_to(tmp_path)
    text = page.with_name("comparison.md").read_text()
    assert "## gateway-gone" in text and "broken is not compared" in text
    assert pids and not [pid for pid in pids if usage.descendants(pid) not in ([], [pid])]
    assert list((tmp_path / "stack").glob("compare/*")) == []


@pytest.mark.usefixtures("instead_of_clusters")
@pytest.mark.parametrize("looks", [3, 4], ids=["before the calm part", "in it"])
def test_a_comparison_that_is_interrupted_before_a_fault_keeps_what_there_is(
    looks: int, stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used, count = run._usage, itertools.count(1)

    def look(stack: Stack, others: beside.Beside) -> Any:
        if next(count) == looks:
            raise KeyboardInterrupt
        return used(stack, others)

    monkeypatch.setattr(run, "_usage", look)
    said: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        run.run(stack, [], balancers_named(["envoy-tuned"]), run.Pace(10, 1, 1, 1), said.append)
    pages = [file.read_text() for file in tmp_path.glob("checkout/reports/*/comparison.md")]
    if looks == 3:
        assert pages == []
        assert said[-1] == "There is no report: the record has no part without a fault"
    else:
        assert "Ended before its time, in the part without a fault. " in pages[0]


@pytest.mark.usefixtures("instead_of_clusters")
def test_an_interrupted_comparison_keeps_what_was_measured(
    world: Lab, stack: Stack, tmp_path: Path
) -> None:
    def interrupt(_: Strike) -> None:
        raise KeyboardInterrupt

    fault = killed(world)
    second = replace(named("region-cut"), means=Means("", interrupt, lambda _: None))
    said: list[str] = []
    pace = run.Pace(rate=10, calm=1, hold=1, recover=1)
    with pytest.raises(KeyboardInterrupt):
        run.run(stack, [fault, second], balancers_named(["envoy-tuned"]), pace, said.append)
    (file,) = tmp_path.glob("checkout/reports/*/comparison.md")
    text = file.read_text()
    assert "Ended before its time, during region-cut, which is left out. " in text
    assert "## gateway-gone" in text and "## region-cut" not in text
    assert said[-1].endswith(f"Report: {file.with_suffix('.html')}")
