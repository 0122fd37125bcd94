"""What is asked of real Envoys, by the commands that run in their pods, and what becomes of it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from components.routing.targets import edge_targets
from drills.stack import EDGE
from foundation import project
from tests.support import loopback_kubectl
from tests.support.envoy_lab import CLUSTERS, Lab, lab
from tests.support.envoy_process import ask
from tests.support.pictures import EAST, EJECTED, WEST, host
from tests.support.waiting import eventually
from topology import feed
from topology.admin import Rules
from topology.feed import Feed
from topology.live import Live

UNHEARD = "gateway-unheard"


@pytest.fixture(scope="module")
def envoys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("lab")) as made:
        weights = dict.fromkeys((EAST, WEST), 50)
        made.add_edge("edge-1", edge_targets(weights, CLUSTERS, made.gateways, "us-east1"))
        for cluster in CLUSTERS:
            made.add_gateway(cluster)
            made.add_pod(cluster, 1)
        made.start()
        yield made


@pytest.fixture
def live(envoys: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    pods = {EDGE: {"edge-1": envoys.envoys["edge-1"].address}}
    pods |= {c.name: {f"gateway-{c.name}": envoys.gateways[c.name]} for c in CLUSTERS}
    pods["third-cluster"] = {UNHEARD: ""}
    folder = loopback_kubectl.install(tmp_path / "bin", pods)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(project, "PRIVATE", tmp_path)
    expected = {EAST: 0.5, "third-cluster": 0.5}
    made = Live("west", Feed(Path("kubeconfig"), list(pods), expected))
    yield made
    made.source.stop()
    eventually(lambda: not loops(), "the commands end", 20)


def loops() -> list[str]:
    """The programs that ask the lab's Envoys."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has just ended
            found.append(process.read_text(errors="replace"))
    return [text for text in found if text.startswith("bash\0-c\0") and "/dev/tcp/127." in text]


def states(live: Live) -> dict[str, str]:
    return {each["name"]: each["state"] for each in live.latest["clusters"]}


def test_ejections_are_counted_by_the_rules_of_edge_and_gateways(live: Live, envoys: Lab) -> None:
    live.start()
    rules = envoys.profile.outlier_detection
    wanted = Rules(rules.interval, rules.base_ejection_time, rules.max_ejection_time)
    assert wanted != Rules()

    def heard() -> dict[str, Rules]:
        return {proxy.name: proxy.rules for proxy in live.source.proxies() if proxy.hosts}

    names = ("edge-1", *(f"gateway-{each.name}" for each in CLUSTERS))
    eventually(lambda: heard() == dict.fromkeys(names, wanted), "rules are heard", 20)


def test_who_answers_and_who_is_away_is_in_the_picture_at_once(live: Live, envoys: Lab) -> None:
    told: list[Any] = []
    live.tell = told.extend
    assert states(live) == {EAST: "not known", "third-cluster": "not known"}, "by the outputs"
    live.start()
    edge = envoys.envoys["edge-1"]

    def under_requests(condition: Callable[[], bool], what: str) -> None:
        def once() -> bool:
            ask(edge.address, 8443, tls=envoys.client_context())
            return condition()

        eventually(once, what, 20)

    def serve() -> set[str]:
        return {name for name, state in states(live).items() if state == "serving"}

    def shares() -> list[float]:
        return [each["due"] for each in live.latest["clusters"]]

    def pods() -> list[str]:
        return [pod["state"] for pod in live.latest["clusters"][0]["pods"]]

    under_requests(lambda: serve() >= {EAST, WEST}, "both serve")
    assert [each["name"] for each in live.latest["clusters"]] == [EAST, "third-cluster", WEST]
    under_requests(lambda: shares() == [0.5, 0.0, 0.5], "shares are those that the edge says")
    under_requests(lambda: pods() == ["serving"], "the pod serves")
    under_requests(lambda: live.latest["rate"] > 0, "requests are counted")
    envoys.envoys[f"gateway-{EAST}"].kill()
    under_requests(lambda: states(live)[EAST] == "unreachable", "east is unreachable")
    under_requests(lambda: live.latest["clusters"][0]["gateways"][0]["state"] == "silent", "silent")
    under_requests(lambda: states(live)[WEST] == "serving", "the other one serves")
    numbers = [event["number"] for event in told]
    assert numbers == list(range(1, len(told) + 1)), "each event is told once"
    changes = [(event["part"], event["state"]) for event in told if event["kind"] == "state"]
    assert {(EAST, "serving"), (EAST, "unreachable")} <= set(changes)
    assert "switch" not in {event["kind"] for event in told}, "nobody has switched anything"


def test_why_a_proxy_is_not_heard_is_said(live: Live) -> None:
    live.start()
    eventually(lambda: bool(live.latest.get("troubles")), "a command has failed", 20)
    why = f"Error from server: no exec into {UNHEARD}"
    assert live.latest["troubles"]["third-cluster"] == why


def test_seconds_stand_still_while_the_machine_is_suspended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Feed(tmp_path / "kubeconfig", [EDGE])
    made._spawn = lambda *_: None  # type: ignore[method-assign]
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    made._note(EDGE, "ADDED", {"metadata": {"name": "edge-1"}, "status": ready})
    (proxy,) = made.proxies()
    proxy.hear(50.0, [host(EAST, 0, flags=EJECTED), host(WEST)])
    proxy.hear(51.0, [host(EAST, 5, flags=EJECTED), host(WEST, 20)])
    monkeypatch.setattr(feed, "_clock", lambda: 51.5)
    before, after = made.picture(1000.0), made.picture(4600.0)
    assert (before["at"], after["at"]) == (1000.0, 4600.0)
    assert after["edge"] == before["edge"] and after["edge"][0]["silent"] == 0.5
    east, west = after["clusters"]
    assert (east["left"], west["rate"]) == (28.5, 20.0), "as Envoy counts"
    assert list(west["counted"][0]) == [4599.5, 4599.5], "when it was, by the time of day"


def test_only_the_last_of_those_that_are_gone_stay(tmp_path: Path) -> None:
    made = Feed(tmp_path / "kubeconfig", ["east-cluster"])
    made._spawn = lambda *_: None  # type: ignore[method-assign]
    for number in range(20):
        pod = {"metadata": {"name": f"gateway-{number}"}, "status": {}}
        for kind in ("ADDED", "DELETED"):
            made._note("east-cluster", kind, pod)
    names = [proxy.name for proxy in made.proxies()]
    assert names == [f"gateway-{number}" for number in range(12, 20)]
