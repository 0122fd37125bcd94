"""What the live picture tells of what has happened: events, moments, the line of time."""

from __future__ import annotations

import gc
import tracemalloc

from drills.journal import Entry
from drills.traffic import EventKind
from tests.support.pictures import EAST, WEST, answering, edge, host, told
from topology.admin import Host
from topology.history import History
from topology.picture import picture


def test_changes_of_state_are_events_and_the_first_sight_is_none() -> None:
    history = History("west")
    proxy = edge(host(EAST, 1), host(WEST, 1))
    assert history.add(picture([proxy], 100.0))["events"] == []
    proxy.hear(101.0, [host(EAST, 1, flags=frozenset({"failed_active_hc"})), host(WEST, 90)])
    (first, *_) = history.add(picture([proxy], 101.0))["events"]
    assert first["text"] == "east-cluster: idle, now unreachable"


def test_a_fault_leads_to_answers_elsewhere_to_all_moved_and_back() -> None:
    history = History("west")
    history.add(picture(answering(100.0, 50, 50), 100.0))
    kept = answering(101.0, 40, 60)
    history.add(picture(kept, 101.1), [told(101.0, EventKind.FAULT)])
    east = kept[1]  # passes on what still comes
    kept[0].hear(101.5, [host(EAST, 60), host(WEST, 90)])
    east.hear(101.5, [Host("10.1.0.1:80", EAST, total=40), Host("10.9.9.9:1", WEST, total=20)])
    kept[0].hear(102.2, [host(EAST, 60), host(WEST, 180)])
    history.add(picture(kept, 102.2))
    history.add(picture(answering(110.0, 0, 90), 110.0), [told(109.0, EventKind.FIX)])
    found = history.add(picture(answering(115.0, 50, 50), 115.0))
    moments = {e["kind"]: e for e in found["events"] if e["kind"] != "state"}
    assert list(moments) == ["struck", "elsewhere", "moved", "mended", "back"]
    assert moments["moved"]["at"] == 101.0, "then its pods counted the last request"
    assert moments["back"]["text"] == f"{EAST} has its share again, 6.0 s after the fix"
    numbers = [event["number"] for event in found["events"]]
    assert numbers == sorted(set(numbers))


def test_a_share_that_few_requests_made_is_not_waited_for() -> None:
    history = History("west")
    history.add(picture(answering(100.0, 3, 0), 100.0))
    history.add(picture(answering(101.0, 0, 3), 101.0), [told(100.5, EventKind.FAULT)])
    found = history.add(picture(answering(115.0, 50, 50), 115.0), [told(109.0, EventKind.FIX)])
    assert "back" in [event["kind"] for event in found["events"]]


def test_a_silence_of_the_proxies_is_no_quiet_of_the_struck_side() -> None:
    history = History("west")
    kept = answering(100.0, 50, 50)
    history.add(picture(kept, 100.0))
    history.add(picture(kept, 100.2), [told(100.1, EventKind.FAULT)])
    found = history.add(picture(kept, 101.4))
    assert "moved" not in [event["kind"] for event in found["events"]], "nobody knows yet"
    kept[0].hear(101.5, [host(EAST, 120), host(WEST, 60)])
    kept[1].hear(101.5, [Host("10.1.0.1:80", EAST, total=120)])
    found = history.add(picture(kept, 101.5))
    assert "moved" not in [event["kind"] for event in found["events"]], "it answered all along"
    kept[0].hear(102.1, [host(EAST, 120), host(WEST, 160)])
    found = history.add(picture(kept, 102.1))
    (moved,) = [event for event in found["events"] if event["kind"] == "moved"]
    assert moved["at"] == 101.5


def test_a_cluster_that_answered_nothing_has_nothing_to_move() -> None:
    history = History("west")
    history.add(picture(answering(100.0, 0, 100), 100.0))
    found = history.add(
        picture(answering(101.0, 0, 100), 101.0),
        [told(100.5, EventKind.FAULT)],
        broken=[Entry("workload-gone", EAST, 100.5)],
    )
    assert [event["kind"] for event in found["events"]] == ["struck"]
    assert found["broken"] == [{"fault": "workload-gone", "cluster": EAST, "since": 100.5}]


def test_a_switch_is_an_event_once_it_is_in_force() -> None:
    history = History("west")
    history.add(picture([edge(host(EAST), host(WEST))], 100.0))
    switched = picture([edge(host(EAST), host(WEST, priority=1))], 100.5)
    found = history.add(history.add(switched))
    (event,) = [event for event in found["events"] if event["kind"] == "switch"]
    assert event["text"].endswith(f"{EAST} 100%, {WEST} 0%")
    assert [each["text"] for each in found["events"] if each["kind"] == "state"] == [
        f"{WEST}: idle, now standby"
    ]


def test_pictures_leave_no_memory_behind() -> None:
    history, proxies = History("west"), answering(100.0, 50, 50)

    def add(count: int) -> int:
        """Add pictures, a change of state in every third; gives the bytes that are held then."""
        for number in range(count):
            at = (proxies[0].heard_at or 0.0) + 0.25
            flags = frozenset({"failed_active_hc"} if number // 3 % 2 else ())
            proxies[0].hear(at, [host(EAST, number, flags=flags), host(WEST, number)])
            history.add(picture(proxies, at))
        gc.collect()
        ours = [tracemalloc.Filter(True, "*/topology/*")]  # other tests' threads may still run
        found = tracemalloc.take_snapshot().filter_traces(ours)
        return sum(each.size for each in found.statistics("filename"))

    tracemalloc.start()
    try:
        before = add(700)  # as many events and points as are ever kept
        assert add(700) - before < 70_000, "a hundred bytes a picture"
    finally:
        tracemalloc.stop()


def test_a_clock_that_is_set_back_takes_no_points_from_the_line_of_time() -> None:
    history = History("west")
    for at in (100.0, 101.0, 40.0, 41.0):
        found = history.add(picture(answering(at, 50, 50), at))
    assert [each["at"] for each in found["points"]] == [40.0, 41.0]
