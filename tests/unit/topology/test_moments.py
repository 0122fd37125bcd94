"""What follows a fault, from picture to picture."""

from __future__ import annotations

from typing import Any

import pytest

from drills.traffic import Event, EventKind
from topology.moments import Moments

EAST, WEST = "east-cluster", "west-cluster"
FAULT = Event(100.0, EventKind.FAULT, "pod-killed", EAST)


def picture(at: float, rate: float, last: float) -> dict[str, Any]:
    """A picture at a moment: half of the answers are east's, whose last one was counted then."""
    half = {"answers": rate / 2, "counted": [(last, at)]}
    return {"at": at, "clusters": [{"name": EAST, **half}, {"name": WEST, **half}]}


@pytest.mark.parametrize(("rate", "moved"), [(2.0, False), (20.0, True)])
def test_a_pause_that_few_requests_make_is_no_silence(rate: float, moved: bool) -> None:
    moments = Moments()
    moments.add(picture(99.5, rate, 99.4), [])
    moments.add(picture(100.0, rate, 99.9), [FAULT])
    events = moments.add(picture(100.7, rate, 99.9), [])
    assert ("moved" in [event["kind"] for event in events]) is moved
    assert any(e["kind"] == "moved" for e in moments.add(picture(106.0, rate, 99.9), [])) or moved
