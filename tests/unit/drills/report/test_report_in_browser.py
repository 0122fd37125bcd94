"""Reports in a browser: all can read them, with long names and on a narrow screen as well."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from drills import report
from drills.compare import page as comparison_page
from drills.compare.balancers import OURS
from drills.compare.figures import Calm, UnderFault
from drills.compare.table import Comparison
from drills.report.matrix_page import Row, Verdict
from drills.traffic import Event, EventKind, Header, Objectives, Sample, TrafficPlan, record
from drills.traffic.accounts import ledger_of
from tests.support.browser import Page, browser

T0 = 1_000_000.0
LONG = "north-america-northeast1-payments-settlement-production-cluster"
TITLE = "خدمات مصرفية: Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamter"
ADDRESS = "https://online-banking.dynabank.com:9443/web-portal/a/path/that/does/not/break/at/all"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("browser")) as made:
        yield made


def run(folder: Path) -> Path:
    """The report of a run with 13 clusters and long names."""
    folder.mkdir()
    plan = TrafficPlan.to("https://localhost/", rate=100)
    objectives = Objectives(slowest=0.1, moved=1.0)
    names = [*(f"region{n}-cluster" for n in range(12)), LONG]
    header = Header("run-1", T0, title=TITLE, plan=plan, objectives=objectives)
    with record.Writer(folder / record.FILE, header) as writer:
        writer.write(Event(T0 + 1, EventKind.FAULT, "gone", LONG, ADDRESS, (names[0],), 1.0))
        writer.write(Event(T0 + 2, EventKind.FIX, "gone", LONG))
        for n in range(400):
            due, cluster = T0 + n / 100, names[n % 13]
            told = Sample(
                f"r-{n}", due, due, 0.01, "kept", "GET", "h2", status=200, cluster=cluster
            )
            writer.write(told)
    return report.write(folder)


def matrix(folder: Path) -> Path:
    ledger = ledger_of(run(folder / "run").parent)
    rows = [
        row
        for mode in ("active", "standby", "locality")
        for row in (
            Row("infrastructure", "region-cut", mode, Verdict.MET, "", ledger, "run"),
            Row("operation", "switch", mode, Verdict.FAILED, f"{ADDRESS} answered 503"),
        )
    ]
    return report.write_matrix(folder, TITLE, rows)


def comparison(folder: Path) -> Path:
    cost = {OURS: UnderFault(100, 0, 0.26, 0.3, 1.0, 1.0)}
    calm = {OURS: Calm(100, 0, 0.002, 0.01, 0.001, 0.3, 0.0, 4 << 20)}
    return comparison_page.write(folder, TITLE, Comparison({"region-cut": cost}, calm))


@pytest.mark.parametrize("kind", [run, matrix, comparison])
def test_a_page_is_as_wide_as_its_window_and_axe_finds_nothing(
    opened: Page, tmp_path: Path, kind: object
) -> None:
    folder = tmp_path / "made"
    if kind is not run:
        folder.mkdir()
    assert callable(kind)
    file = kind(folder)
    for width in (1280, 320):
        opened.open(f"{file.as_uri()}?{width}", width)
        assert opened.ask("document.documentElement.scrollWidth <= innerWidth"), width
        assert opened.violations() == []
