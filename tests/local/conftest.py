"""One set of clusters for all tests of this layer, in a copy of the checkout.

The modules run in the order of ORDER: first what only looks, then what damages, then destroy. Each
test leaves the demo as `up` leaves it, or says that the next one has to. Behind destroy come those
with clusters of their own, which then have the machine to themselves.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from localkube import LocalKubeError, preflight
from localkube.rootless import requirements
from tests.support.checkout import Checkout, checkout

ORDER = (
    "up", "kubernetes", "manifest", "volumes", "egress", "access", "switch", "failback",
    "changed_by_hand",
    "topology_page", "failover", "damage", "stopped", "short_of", "breaking", "soak",
    "pulumi_ways", "two_stacks", "destroy", "new_cluster", "own_image", "rootless",
    "existing", "tetrate", "gke", "oldest_provider", "many",
)  # fmt: skip

FAILED = pytest.StashKey[bool]()
"""Whether a test has failed."""

TEST_SECONDS = 800
"""Longest time of a test, the first `up` included."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    local = [item for item in items if item.path.is_relative_to(here)]
    others = [item for item in items if item not in local]
    local.sort(key=lambda item: ORDER.index(item.path.stem.removeprefix("test_")))
    for item in local:
        item.add_marker(pytest.mark.local)
        item.add_marker(pytest.mark.timeout(TEST_SECONDS))
    items[:] = others + local


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """The copy, with nothing up; whatever is up at the end is taken down."""
    if reason := unable(tmp_path_factory.getbasetemp()):
        pytest.skip(reason)
    # ended by a signal, the session still takes down what it brought up
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with checkout() as made:
        yield made


@pytest.fixture(scope="session")
def up(copy: Checkout) -> str:
    """What the first `./demo up` printed; it is called without the stack's name."""
    return copy.demo("up").output


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture
def demo(copy: Checkout, up: str, request: pytest.FixtureRequest) -> Iterator[Checkout]:
    """The copy with stack west up; after a failed test it is mended for the next ones."""
    yield copy
    if request.node.stash.get(FAILED, False):
        copy.demo("up", check=False)


@pytest.fixture
def outputs(demo: Checkout) -> dict[str, Any]:
    """Outputs of stack west."""
    return demo.outputs()


def unable(folder: Path) -> str:
    """Why this machine cannot run the clusters; empty if it can."""
    if os.geteuid() != 0:
        return "; ".join(["the embedded clusters need root", *requirements.to_enter()])
    try:
        preflight.check([], [], folder / "lab")
    except LocalKubeError as error:
        return str(error)
    return ""
