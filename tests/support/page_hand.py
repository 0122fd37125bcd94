"""What the page's hand is asked to do in tests, and its end."""

from __future__ import annotations

from typing import Any

from tests.support.pictures import EAST
from topology.hand import Hand


def ended(hand: Hand) -> dict[str, Any]:
    assert hand._thread
    hand._thread.join()
    return hand.state()


BREAK = {"what": "break", "fault": "workload-gone", "cluster": EAST}
