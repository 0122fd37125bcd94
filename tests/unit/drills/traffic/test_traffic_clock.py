"""The clock of a run is read once: neither a suspend nor who sets the time of day moves it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from drills.traffic import Event, EventKind, Header, TrafficPlan, record
from drills.traffic.generator import Traffic, tools
from tests.support.waiting import eventually


@pytest.mark.parametrize("ahead", [3600.0, -120.0], ids=["suspended", "set back"])
def test_events_and_samples_have_one_clock(
    ahead: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, of_day = time.time(), time.time
    sample = f'"due":{begin},"started":{begin},"duration":0.01,"lane":"kept","protocol":"h1"'
    line = f'{{"type":"sample","id":"r-1",{sample},"method":"GET","status":200}}'
    program = tmp_path / "generator"
    program.write_text(f"#!/bin/sh\necho '{line}'\nexec cat > /dev/null\n")
    program.chmod(0o755)
    monkeypatch.setattr(tools, "path", lambda _: program)
    traffic = Traffic(TrafficPlan.to("http://x/"), Header("r", begin), tmp_path / "run")
    with traffic:
        eventually(lambda: traffic.count == 1, "a request has ended", 20)
        monkeypatch.setattr(time, "time", lambda: of_day() + ahead)
        assert [each.id for each in traffic.recent(60)] == ["r-1"]
        traffic.mark(Event(time.time(), EventKind.FAULT, "gateway-gone", "east-cluster"))
        assert abs(traffic.now() - begin) < 60
    (event,) = record.read(tmp_path / "run").events
    assert abs(event.at - begin) < 60
