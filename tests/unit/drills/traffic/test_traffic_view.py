"""What a person at the terminal sees: the live view, plain lines, the ledger."""

from __future__ import annotations

import dataclasses
import io
import re

from rich.console import Console

from drills.traffic import ErrorKind, Event, EventKind, Objectives, Sample, summary, view
from drills.traffic.ledger import ledger
from drills.traffic.window import Live

T0 = 1_000_000.0
FAULT = Event(T0 + 1, EventKind.FAULT, "gone", "east-cluster", "all pods", ("west-cluster",), 1.0)


def samples(lost: int = 0) -> list[Sample]:
    made = []
    for n in range(300):
        failed = 100 <= n < 100 + lost
        side = "west-cluster" if n % 4 == 0 or n >= 100 else "east-cluster"
        made.append(
            Sample(
                id=f"r-{n}",
                due=T0 + n / 100,
                started=T0 + n / 100,
                duration=0.004,
                lane="new" if n % 2 else "kept",
                method="GET",
                protocol="h1",
                status=None if failed else 200,
                error=ErrorKind.RESET if failed else None,
                cluster="" if failed else side,
            )
        )
    return made


def shown(renderable: object, width: int = 100) -> str:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=False).print(renderable)
    return out.getvalue()


def live(lost: int = 0) -> Live:
    state = Live()
    state.add(samples(lost))
    state.events.append(FAULT)
    return state


def test_the_live_view_has_all_that_happens() -> None:
    state = live(lost=7)
    state.turn(T0 + 2)
    text = shown(view.live("Traffic", state, T0 + 2.999))
    for part in ("east-cluster", "west-cluster", "100%", "reset 7", "FAULT gone", "all pods"):
        assert part in text
    assert "longest gap 80 ms" in text
    lines = [line.split() for line in text.splitlines()]
    assert ["since", "start", "300", "7"] in [line[1:5] for line in lines]


def test_bars_move_with_the_share() -> None:
    state = live()
    state.turn(T0 + 1)
    east, west = (
        line.count("█")
        for line in shown(view.live("Traffic", state, T0 + 1)).splitlines()
        if "-cluster " in line and "FAULT" not in line
    )
    assert (east, west) == (30, 10)


def test_a_narrow_terminal_shows_true_shares_and_the_last_seconds() -> None:
    state = Live()
    for second in range(60):
        side = "west-cluster" if second > 55 else f"east-{'cluster' * 8}"
        state.add(
            dataclasses.replace(made, due=made.due + second, cluster=side)
            for made in samples()[:100]
        )
    state.turn(T0 + 60)
    for width in (120, 80, 50):
        text = shown(view.live("Traffic", state, T0 + 60), width)
        assert "…" not in text
        (west,) = [line for line in text.splitlines() if "west-cl" in line]
        assert "·" not in west and west.endswith("    ████  │"), "all, in the last four seconds"


def test_the_view_before_the_first_request() -> None:
    assert "lost" in shown(view.live("Traffic", Live(), T0))


def test_a_plain_line_a_second() -> None:
    first, second, _ = (view.plain_second(s) for s in live(lost=100).turn(T0 + 3))
    assert "100/s  east-cluster 75%  west-cluster 25%" in first
    assert first.endswith("lost 0")
    assert "nobody answered" in second
    assert second.endswith("lost 100 (reset 100)")


def test_an_event_as_a_line() -> None:
    assert view.plain_event(FAULT).endswith("FAULT gone east-cluster: all pods")


def test_the_ledger_fits_a_terminal_of_80_columns() -> None:
    counted = ledger(samples(lost=7), [FAULT], Objectives())
    text = shown(summary.table(counted), width=80)
    (row,) = [line.split() for line in text.splitlines() if line.strip().startswith("all requests")]
    assert row[2:6] == ["300", "7", "0", "?"]
    assert "Lost by kind: reset 7." in text
    assert "gone (east-cluster):" in text
    assert "Duplicates are not known" in text
    assert "…" not in text
    long = [dataclasses.replace(s, cluster="c" * 63 if s.cluster else "") for s in samples()]
    narrow = shown(summary.table(ledger(long, [FAULT], Objectives())), width=40)
    assert "…" not in narrow, "a figure that is cut short would be another one"


def test_five_clusters_have_a_row_each_and_no_two_the_same_colour() -> None:
    names = ["east", "east2", "west", "west2", "central"]
    state = Live()
    state.add(
        dataclasses.replace(made, cluster=f"{names[n % 5]}-cluster")
        for n, made in enumerate(samples())
    )
    state.turn(T0 + 1)
    out = io.StringIO()
    drawn = view.live("Traffic", state, T0 + 1)
    Console(file=out, width=100, force_terminal=True, color_system="truecolor").print(drawn)
    bars = [line for line in out.getvalue().splitlines() if "-cluster" in line]
    colours = {re.findall(r"38;2;(\d+;\d+;\d+)", line)[0] for line in bars}
    assert len(bars) == len(colours) == 5
    assert all(line.count("█") == 8 for line in bars)
