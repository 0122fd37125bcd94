"""Portals' logs: what a line says, and following pods that come, go, and are cut off."""

from __future__ import annotations

import datetime
import json
import threading
from pathlib import Path

import pytest

from drills.traffic import Execution
from drills.traffic.portal import PortalLogs, _instant, execution
from tests.support.waiting import eventually


def line(request: str | None, status: str | int = 200, **more: str) -> str:
    fields = {"time": "1970-01-01T00:00:05.250Z", "demo_request": request, "method": "GET"}
    return json.dumps({**fields, "status": status, **more})


def test_a_line_of_the_log() -> None:
    expected = Execution(5.25, "r-1", "east", "pod-a", "GET", 200)
    assert execution(line("r-1"), "east", "pod-a") == expected
    assert execution(line("r-1", "0"), "east", "pod-a") == Execution(
        5.25, "r-1", "east", "pod-a", "GET", 0
    )


@pytest.mark.parametrize(
    "text", ["", "[warning] something", "{}", "[]", line(None), line("-"), line("r", "x")]
)
def test_lines_about_something_else(text: str) -> None:
    assert execution(text, "east", "pod-a") is None


def tried(cluster: str = "east", sent: str | int = 321, status: str | int = 200) -> str:
    more = {"tried": "10.0.0.7:8080", "tried_cluster": cluster, "sent": str(sent)}
    return line("r-1", status, **more)


def test_a_gateways_line_of_a_try_is_an_execution_where_it_reached_a_pod_of_its_own() -> None:
    assert execution(tried(), "east", "gateway-a") == Execution(
        5.25, "r-1", "east", "10.0.0.7:8080", "GET", 200
    )
    assert execution(tried(cluster="west"), "east", "gateway-a") is None
    assert execution(tried(sent=0, status=0), "east", "gateway-a") is None
    assert execution(tried(sent="-", status=0), "east", "gateway-a") is None


# A kubectl whose answers are files of the test: pods to watch, and a log for each pod.
KUBECTL = """#!/bin/bash
cd "{folder}"
while (($#)); do case $1 in
  --context) cluster=$2; shift ;;
  get) exec tail --follow --lines=+1 --sleep-interval=0.05 "$cluster.pods" ;;
  logs) pod=$2; shift; echo "$pod" >> started ;;
esac; shift; done
if [[ -e $pod.cut ]]; then head --lines=1 "$pod.log"; rm "$pod.cut"; exit 1; fi
if [[ -e $pod.ended ]]; then cat "$pod.log"; exit 0; fi
exec tail --follow --lines=+1 --sleep-interval=0.05 "$pod.log"
"""


class Cluster:
    """Pods and logs as the kubectl above shows them, and what was found in them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.found: list[Execution] = []
        self.guard = threading.Lock()
        (folder / "kubectl").write_text(KUBECTL.format(folder=folder))
        (folder / "kubectl").chmod(0o755)
        for name in ("east.pods", "west.pods", "started"):
            (folder / name).touch()

    def pod(self, cluster: str, name: str, change: str = "ADDED", started: str = "12:00") -> None:
        (self.folder / f"{name}.log").touch()
        with (self.folder / f"{cluster}.pods").open("a") as file:
            file.write(f"{change} {name} {started}\n")

    def log(self, pod: str, stamp: int, text: str) -> None:
        with (self.folder / f"{pod}.log").open("a") as file:
            file.write(f"2999-01-01T00:00:{stamp:02}.000000000Z {text}\n")

    def add(self, entry: Execution) -> None:
        with self.guard:
            self.found.append(entry)

    @property
    def ids(self) -> list[tuple[str, str]]:
        with self.guard:
            return sorted((entry.pod, entry.id) for entry in self.found)


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return Cluster(tmp_path)


def test_pods_of_all_clusters_are_followed_also_those_that_come_later(cluster: Cluster) -> None:
    cluster.pod("east", "a")
    cluster.log("a", 1, line("r-1"))
    with PortalLogs(Path("/x"), ["east", "west"], cluster.add) as logs:
        assert logs.settle(["r-1"])
        cluster.pod("west", "b")
        cluster.log("b", 1, "[warning] not a request")
        cluster.log("b", 2, line("r-2"))
        cluster.log("a", 2, line("r-2", 503))
        eventually(lambda: len(cluster.ids) == 3, "three executions")
        assert not logs.settle(["r-9"], seconds=0.1)
    assert cluster.ids == [("a", "r-1"), ("a", "r-2"), ("b", "r-2")]
    assert {e.cluster for e in cluster.found if e.pod == "b"} == {"west"}


def test_a_connection_that_ends_is_made_again_and_nothing_counts_twice(cluster: Cluster) -> None:
    (cluster.folder / "a.cut").touch()
    cluster.pod("east", "a")
    cluster.log("a", 1, line("r-1"))
    cluster.log("a", 2, line("r-2"))
    with PortalLogs(Path("/x"), ["east"], cluster.add) as logs:
        assert logs.settle(["r-1", "r-2"])
    assert cluster.ids == [("a", "r-1"), ("a", "r-2")]
    assert (cluster.folder / "started").read_text() == "a\na\n"


def test_an_end_that_looks_good_is_asked_again_until_the_pod_is_gone(cluster: Cluster) -> None:
    ended = cluster.folder / "a.ended"
    ended.touch()
    cluster.pod("east", "a")
    cluster.log("a", 1, line("r-1"))
    with PortalLogs(Path("/x"), ["east"], cluster.add) as logs:
        assert logs.settle(["r-1"])
        cluster.log("a", 2, line("r-2"))
        assert logs.settle(["r-2"])
        cluster.pod("east", "a", change="DELETED")
        eventually(lambda: len([t for t in logs._threads if t.is_alive()]) == 1, "log left")
    assert cluster.ids == [("a", "r-1"), ("a", "r-2")]


def test_a_pod_that_nobody_knows_any_more_is_left(cluster: Cluster) -> None:
    (cluster.folder / "a.ended").touch()
    cluster.pod("east", "a")
    error = 'Error from server (NotFound): pods "a" not found\n'
    (cluster.folder / "a.log").write_text(error)
    with PortalLogs(Path("/x"), ["east"], cluster.add) as logs:
        eventually(lambda: len([t for t in logs._threads if t.is_alive()]) == 1, "log left")


def test_a_pod_that_is_not_running_yet_waits(cluster: Cluster) -> None:
    cluster.log("a", 1, line("r-1"))
    cluster.pod("east", "a", started="")
    with PortalLogs(Path("/x"), ["east"], cluster.add) as logs:
        assert not logs.settle(["r-1"], seconds=0.3)
        cluster.pod("east", "a", change="MODIFIED")
        cluster.pod("east", "a", change="MODIFIED")
        assert logs.settle(["r-1"])
    assert (cluster.folder / "started").read_text() == "a\n"


def test_stopping_ends_every_process(cluster: Cluster) -> None:
    for name in ("a", "b", "c"):
        cluster.pod("east", name)
    logs = PortalLogs(Path("/x"), ["east", "west"], cluster.add)
    logs.start()
    eventually(lambda: len((cluster.folder / "started").read_text()) == 6, "three logs")
    logs.stop()
    logs.stop()
    assert not [thread for thread in logs._threads if thread.is_alive()]
    assert not logs._processes


def test_stamps_are_moments_whatever_zone_the_node_is_in() -> None:
    stamps = [
        "2026-11-29T10:14:59.999999999+00:00",
        "2026-11-29T05:15:00.000000001-05:00",
        "2026-11-29T15:45:00.000000002+05:30",
        "2026-11-29T10:15:00.5Z",
    ]
    moments = [_instant(stamp) for stamp in stamps]
    assert moments == sorted(set(moments))


def test_lines_of_a_node_west_of_greenwich_are_found(cluster: Cluster) -> None:
    cluster.pod("east", "a")
    west = datetime.timezone(datetime.timedelta(hours=-10))
    at = datetime.datetime.now(west) + datetime.timedelta(minutes=1)
    with (cluster.folder / "a.log").open("a") as file:
        file.write(f"{at:%Y-%m-%dT%H:%M:%S.%f}000-10:00 {line('r-1')}\n")
    with PortalLogs(Path("/x"), ["east"], cluster.add) as logs:
        assert logs.settle(["r-1"])
