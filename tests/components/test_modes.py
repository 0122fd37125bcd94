"""What a mode, a switch and the way of failback change in what the program registers."""

from __future__ import annotations

import pytest

from components.gateways import gateway
from foundation.contract import FAILBACK_TRIGGER
from tests.components.conftest import APPLICATION, Demo, Run

EXPOSED = "gateway.tetrate.io/edge-clusters"


@pytest.mark.parametrize(
    ("mode", "east", "west"),
    [
        ("active", "corp-edge:100", "corp-edge:100"),
        ("standby", "corp-edge:0", "corp-edge:100"),
        ("locality", "corp-edge", "corp-edge"),
    ],
)
def test_the_mode_is_on_the_services_on_the_edge_and_in_the_outputs(
    run: Run, mode: str, east: str, west: str
) -> None:
    demo = run(lbMode=mode, activeCluster="west-cluster")
    services = demo.of_type("core/v1:Service")
    given = [
        services[f"{cluster}/transaction-service/web-portal"]["metadata"]["annotations"][EXPOSED]
        for cluster in APPLICATION
    ]
    assert given == [east, west]
    weights = {
        name: int(text.partition(":")[2]) if ":" in text else None
        for name, text in zip(APPLICATION, given, strict=True)
    }
    edge = demo.of_type("demo:edge:Edge")["corp-edge"]
    assert edge["lbMode"] == mode == demo.outputs["lbMode"]
    assert edge["edgeWeights"] == {n: "locality" if w is None else w for n, w in weights.items()}
    assert demo.outputs["edgeWeights"] == weights


def test_a_switch_changes_the_edge_and_the_weights_only(run: Run) -> None:
    before, after = (
        {(made.typ, made.name): made.inputs for made in run(lbMode=mode).made}
        for mode in ("active", "standby")
    )
    assert before.keys() == after.keys()
    changed = {key[1] for key in before if before[key] != after[key]}
    assert changed == {
        "west-cluster",  # the component that tells people
        "west-cluster/transaction-service/web-portal",
        "corp-edge",
        "corp-edge/tetrate-system/gateway-config",  # its pods load it, so no Deployment changes
        "corp-edge-answer",
        "corp-edge-loaded",
    }


@pytest.mark.parametrize(
    ("mode", "clusters"),
    [
        ("active", ["east-cluster", "west-cluster"]),
        ("standby", ["east-cluster"]),
        ("locality", ["east-cluster"]),
    ],
)
def test_the_answers_have_to_come_from_the_clusters_that_get_the_traffic(
    run: Run, mode: str, clusters: list[str]
) -> None:
    demo = run(lbMode=mode, activeCluster="east-cluster")
    assert demo.of_type("answer:Answer")["corp-edge-answer"]["clusters"] == clusters


def test_by_default_failback_leaves_no_trace(run: Run) -> None:
    demo = run()
    assert not [name for name in demo.outputs if name.startswith("failback")]
    assert "failback" not in demo.of_type("demo:edge:Edge")["corp-edge"]
    files = edge_files(demo)
    assert "-joined_" not in "".join(files[name] for name in files if name.startswith("rds-"))
    assert "name: regions-0_" not in files["cds.yaml"]


@pytest.mark.parametrize("way", ["ramped", "manual"])
def test_another_failback_changes_what_the_edge_loads_and_no_pod(run: Run, way: str) -> None:
    before, after = (
        {(made.typ, made.name): made.inputs for made in run(failback=chosen).made}
        for chosen in ("atOnce", way)
    )
    assert {key[1] for key in before if before[key] != after[key]} == {
        "corp-edge",
        "corp-edge/tetrate-system/gateway-config",
        "corp-edge-answer",
        "corp-edge-loaded",
    }


def test_drills_are_told_how_a_cluster_returns(run: Run) -> None:
    demo = run(failback="ramped")
    assert (demo.outputs["failback"], demo.outputs["failbackSeconds"]) == ("ramped", 30)


def test_a_trigger_is_there_only_where_somebody_says_when(run: Run) -> None:
    demo = run(failback="manual")
    (trigger,) = demo.of_type(f":{FAILBACK_TRIGGER}")
    assert f"failback: text of {trigger}" in edge_files(demo)["cds.yaml"]
    assert not run(failback="ramped").of_type(f":{FAILBACK_TRIGGER}")


def test_an_update_that_replaces_gateways_brings_back_what_their_ends_put_out(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loaded_by_edge() -> list[str]:
        ways = ("manual", "atOnce", "ramped")
        return [edge_files(run(failback=way))["cds.yaml"] for way in ways]

    before = loaded_by_edge()
    assert loaded_by_edge() == before
    upgraded = {"envoy.yaml": "of the next version"}
    monkeypatch.setattr(gateway, "gateway_files", lambda config: upgraded)
    after = loaded_by_edge()
    assert [new != old for new, old in zip(after, before, strict=True)] == [True, False, False]


def test_what_would_be_held_back_comes_before_the_edge(run: Run) -> None:
    """Nobody is there at the edge's first look who is not ready."""
    names = [made.name for made in run(failback="manual").made]
    edge = names.index("corp-edge/tetrate-system/gateway-config")
    for cluster in APPLICATION:
        assert names.index(f"{cluster}/tetrate-system/gateway") < edge
        assert names.index(f"{cluster}/transaction-service/web-portal") < edge


def edge_files(demo: Demo) -> dict[str, str]:
    return demo.of_type("core/v1:ConfigMap")["corp-edge/tetrate-system/gateway-config"]["data"]
