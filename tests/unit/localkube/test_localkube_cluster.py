"""When a cluster counts as started, and what its state is."""

from __future__ import annotations

import os
import ssl
import subprocess
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localkube import LocalKubeError, cluster, status
from localkube import api as api_module
from localkube.api import LOOK_SECONDS, Api, wait_for
from localkube.cluster import joined
from localkube.spec import ClusterSpec

STARTED = 1_000_000.0
NOT_READY = "node.kubernetes.io/not-ready"


def an_api(taints: dict[str, list[str]], ready: str = "True", heard: float = STARTED + 1) -> Api:
    """An API server of these nodes: name -> keys of its taints."""
    renewed = datetime.fromtimestamp(heard, UTC).isoformat()

    def call(_method: str, path: str) -> Any:
        if path.endswith("/leases"):
            renewal = {"renewTime": renewed}
            return {"items": [{"metadata": {"name": name}, "spec": renewal} for name in taints]}
        assert path == "/api/v1/nodes"
        conditions = [{"type": "Ready", "status": ready}]
        return {
            "items": [
                {
                    "metadata": {"name": name},
                    "spec": {"taints": [{"key": key} for key in keys]} if keys else {},
                    "status": {"conditions": conditions},
                }
                for name, keys in taints.items()
            ]
        }

    api = Api.__new__(Api)
    api.call = call  # type: ignore[assignment]
    return api


def is_up(api: Api, *names: str) -> bool:
    return joined(api, set(names), STARTED)


def test_several_nodes_are_up_when_pods_can_be_given_to_each() -> None:
    assert not is_up(an_api({"a": [], "b": [NOT_READY]}), "a", "b")
    assert not is_up(an_api({"a": [], "b": ["node.kubernetes.io/unreachable"]}), "a", "b")
    assert is_up(an_api({"a": [], "b": []}), "a", "b")


def test_a_single_node_is_up_when_it_is_ready() -> None:
    assert is_up(an_api({"a": [NOT_READY]}), "a")


def test_a_taint_of_the_users_is_not_waited_for() -> None:
    cordoned = an_api({"a": [], "b": ["node.kubernetes.io/unschedulable", "dedicated"]})
    assert is_up(cordoned, "a", "b")


@pytest.mark.parametrize(
    "api",
    [
        an_api({"a": []}),
        an_api({"a": [], "b": []}, ready="Unknown"),
        an_api({"a": [], "b": []}, heard=STARTED - 1),
    ],
    ids=["one is missing", "not Ready", "silent since the start"],
)
def test_it_is_not_up(api: Api) -> None:
    assert not is_up(api, "a", "b")


def test_a_running_cluster_without_its_kubeconfigs_has_a_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = ClusterSpec(str(tmp_path / "lab"), "east-cluster", 1, 1, 6443)
    programs = {name: {"statename": "RUNNING"} for name in ("east-1", "east-cluster-relay")}
    programs |= {node.name: {"statename": "RUNNING"} for node in spec.members}
    supervisor = SimpleNamespace(is_up=lambda: True, states=lambda: programs)
    monkeypatch.setattr(status.lab, "supervisor", lambda _: supervisor)
    state = status.status(spec)
    assert (state.running, state.api_ready, state.nodes) == (True, False, {})
    assert not state.healthy


def test_a_cluster_has_a_state_while_its_supervisord_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended() -> None:
        raise ConnectionRefusedError

    supervisor = SimpleNamespace(is_up=lambda: True, states=ended)
    monkeypatch.setattr(status.lab, "supervisor", lambda _: supervisor)
    monkeypatch.setattr(status.supervisord_client, "running", lambda _: supervisor)
    state = status.status(ClusterSpec(str(tmp_path / "lab"), "east-cluster", 1, 1, 6443))
    assert (state.running, state.programs) == (False, {})


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@given(st.lists(st.floats(0, 400), max_size=8), st.floats(1, 2000), st.floats(20, 300))
def test_a_wait_ends_when_it_is_over_or_nothing_moves_any_more(
    steps: list[float], done: float, limit: float
) -> None:
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api_module, "time", clock)

        def reached() -> set[str]:
            return {str(step) for step in steps if step <= clock.now}

        came = wait_for(lambda: clock.now >= done, limit, 1.0, reached)
    moved = [0.0, *sorted(step for step in steps if step < done)]
    longest = max(b - a for a, b in pairwise([*moved, done]))
    slack = LOOK_SECONDS + 2  # a step is seen at the next look
    if longest <= limit - slack:
        assert came
    if longest > limit + slack:
        assert not came
    if not came:
        assert clock.now <= max(step for step in moved if step <= clock.now) + limit + slack


TIMES = st.none() | st.integers(-20, 20)
"""Seconds after the moment that counts; none is a time that is not there."""


@given(st.dictionaries(st.sampled_from("abcd"), st.tuples(st.booleans(), TIMES, TIMES)))
def test_a_ready_node_was_heard_from_by_its_status_or_its_lease(
    nodes: dict[str, tuple[bool, int | None, int | None]],
) -> None:
    moment = 1_764_590_400.5  # what Kubernetes writes of a status has whole seconds

    def written(at: int | None) -> str | None:
        return at if at is None else f"{datetime.fromtimestamp(moment + at, UTC):%FT%T.%fZ}"

    def item(name: str, path: str) -> dict[str, Any]:
        ready, status_at, lease_at = nodes[name]
        if path.endswith("/leases"):
            spec = {} if lease_at is None else {"renewTime": written(lease_at)}
            return {"metadata": {"name": name}, "spec": spec}
        told = {"type": "Ready", "status": str(ready), "lastHeartbeatTime": written(status_at)}
        conditions = [{"type": "DiskPressure", "status": "True"}, told]
        return {"metadata": {"name": name}, "status": {"conditions": conditions}}

    def call(_method: str, path: str) -> dict[str, Any]:
        return {"items": [item(name, path) for name in nodes]}

    known = Api.__new__(Api)
    known.call = call  # type: ignore[method-assign]
    heard = {
        name
        for name, (ready, *times) in nodes.items()
        if ready and any(at is not None and at > 0 for at in times)
    }
    assert known.ready_nodes(moment) == heard


def test_a_new_node_is_ready_before_it_has_a_lease() -> None:
    known, asked = Api.__new__(Api), []
    condition = {"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-12-01T12:00:00Z"}
    node = {"metadata": {"name": "n1"}, "status": {"conditions": [condition]}}

    def call(_method: str, path: str) -> dict[str, Any]:
        asked.append(path)
        return {"items": [node]}

    known.call = call  # type: ignore[method-assign]
    assert known.ready_nodes(datetime(2026, 12, 1, 11, 59, 59, tzinfo=UTC).timestamp()) == {"n1"}
    assert asked == ["/api/v1/nodes"]


def test_what_has_come_true_of_a_starting_cluster_is_progress() -> None:
    name = "east-cluster"
    nothing = status.Status(name, False, False, {}, {"n1": {"etcd": "STARTING"}})
    assert status.milestones(nothing) == set()
    running = {"n1": {"etcd": "RUNNING", "bringup": "EXITED", "kubelet": "BACKOFF"}}
    some = status.Status(name, True, True, {"n1": False}, running)
    assert len(status.milestones(some)) == 3
    all_is_well = status.Status(name, True, True, {"n1": True}, running)
    assert status.milestones(all_is_well) > status.milestones(some)


class SlowServer:
    """An API server whose schema takes longer than its own time-out at first."""

    def __init__(self) -> None:
        self.statuses = [504, 200]
        self.asked: list[tuple[str, str]] = []
        self.status = 0

    def request(self, method: str, path: str, headers: dict[str, str]) -> None:
        self.asked.append((method, path))
        assert "protobuf" in headers["Accept"], "clients in Go ask for another form than JSON"
        self.status = self.statuses.pop(0)

    def getresponse(self) -> SlowServer:
        return self

    def read(self) -> bytes:
        return b""

    def close(self) -> None:
        pass


def test_a_schema_that_takes_too_long_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    server = SlowServer()
    known = Api.__new__(Api)
    monkeypatch.setattr(known, "connect", lambda: server)
    assert wait_for(known.has_schema, 5)
    assert server.asked == [("GET", "/openapi/v2")] * 2


def test_the_clusters_of_a_moved_checkout_end_and_its_former_folder_stays_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[Path] = []
    monkeypatch.setattr(cluster.lab, "destroy", ended.append)
    monkeypatch.setattr(cluster.lab.tools, "cache_dir", lambda: tmp_path / "cache")
    former = tmp_path / "former" / ".demo" / "west" / "lab"
    cluster.delete(ClusterSpec(str(former), "east", 0, 1, 9000, {}))
    assert ended == [former]
    assert not (tmp_path / "former").exists()


@pytest.mark.parametrize("torn", [None, ""])
def test_a_torn_specification_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torn: str | None
) -> None:
    spec = ClusterSpec(str(tmp_path / "lab"), "east", 0, 1, 9000, {})
    spec.folder.mkdir(parents=True)
    if torn is not None:
        (spec.folder / "spec.json").write_text(torn)

    def ensure(_: Path) -> None:
        raise LocalKubeError("it ends here")

    monkeypatch.setattr(cluster.stopped, "resume", lambda *_: [])
    monkeypatch.setattr(cluster.lab, "ensure", ensure)
    with pytest.raises(LocalKubeError, match="it ends here"):
        cluster.start(spec)
    assert ClusterSpec.load(spec.folder) == spec


def test_a_node_that_a_killed_command_left_without_a_link_is_started_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = ClusterSpec("/lab", "east", 0, 3, 9000, {})
    known = {"east-1": 41, "east-2": 42}
    monkeypatch.setattr(cluster, "find", lambda file: known.get(file.parent.name))
    monkeypatch.setattr(cluster.network, "is_cut", lambda process: process == 42)
    ended: list[str] = []
    cluster.end_cut(spec, SimpleNamespace(stop=ended.append))  # type: ignore[arg-type]
    assert ended == ["east:east-2"]


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a network namespace")
def test_a_link_that_is_down_is_seen_from_outside() -> None:
    steps = [
        "ip link add eth0 type veth peer name other", "ip address add 10.89.0.17/24 dev eth0",
        "ip link set other up", "ip link set eth0 up", "echo up", "read go",
        "ip link set eth0 down", "echo down", "read go",
    ]  # fmt: skip
    command = ["unshare", "--net", "sh", "-e", "-c", "\n".join(steps)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as node:
        assert node.stdin and node.stdout
        assert node.stdout.readline() == "up\n" and not cluster.network.is_cut(node.pid)
        print(file=node.stdin, flush=True)
        assert node.stdout.readline() == "down\n" and cluster.network.is_cut(node.pid)
        print(file=node.stdin, flush=True)
    assert not cluster.network.is_cut(node.pid), "it has ended"


def test_a_slow_machine_has_its_patience_for_each_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api.__new__(Api)
    api.server, api.timeout, api.context = (
        urlsplit("https://127.0.0.1:6443"),
        10.0,
        ssl.create_default_context(),
    )
    assert api.connect().timeout == 10.0
    monkeypatch.setenv("DEMO_PATIENCE", "5")
    assert api.connect().timeout == 50.0
