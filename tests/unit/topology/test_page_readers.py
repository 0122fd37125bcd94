"""The live page for every reader: keys alone, any screen, paper, and what axe finds."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from drills.journal import Entry
from tests.support.browser import Page
from tests.support.page_stack import Hand, Stack, has, served, shown, struck
from tests.support.pictures import EAST, WEST
from tests.support.waiting import eventually
from topology import platform_pods
from topology.history import History
from topology.platform_pods import Pod

SHOTS = os.environ.get("TOPOLOGY_SCREENSHOTS", "")
"""A folder, if somebody wants to look at the pages."""


def shot(page: Page, name: str) -> None:
    """Keep a picture of the page, if somebody wants to look at it."""
    if SHOTS:
        data = page.call("Page.captureScreenshot", format="png")["data"]
        (Path(SHOTS) / f"{name}.png").write_bytes(base64.b64decode(data))


def test_the_hand_can_be_used_by_keyboard_alone(page: Page) -> None:
    hand = Hand()
    with served(Stack(EAST, WEST), hand) as address:
        page.open(address)
        shown(page, "workload-gone")
        page.press("b")
        assert page.ask("document.activeElement.id") == "fault"
        assert page.shows("Then west.")
        page.ask("document.getElementById('break').focus()")
        page.call("Input.dispatchKeyEvent", type="keyDown", key="Enter", text="\r")
        eventually(lambda: bool(hand.wanted), "the page asks for it", 20)
    assert hand.wanted == [{"what": "break", "fault": "workload-gone", "cluster": EAST}]


def test_on_the_full_screen_type_is_larger_and_only_what_is_seen_from_afar(page: Page) -> None:
    size = "parseFloat(getComputedStyle(document.querySelector('#picture .name')).fontSize)"
    with served(struck(), Hand()) as address:
        page.open(address)
        shown(page, "workload-gone")
        eventually(has(page, EAST, "unreachable"), "the picture is there", 20)
        before = page.ask(size)
        page.press("f")
        eventually(lambda: page.ask(size) > 1.5 * before, "type is larger", 20)
        assert page.ask("getComputedStyle(document.getElementById('hand')).display") == "none"
        assert page.ask("document.documentElement.scrollHeight <= innerHeight"), "all is in sight"
        assert page.violations() == []
        shot(page, "far")
        page.press("f")
        eventually(lambda: page.ask(size) == before, "as it was", 20)


def test_nothing_is_drawn_that_moves_for_who_prefers_that(page: Page) -> None:
    drawn = (
        "(() => { const c = document.getElementById('dots');"
        " return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v); })()"
    )
    stack = Stack(EAST, WEST)
    stack.pass_time(1.0)
    with served(stack) as address:
        page.open(address)
        eventually(lambda: bool(page.ask(drawn)), "requests move", 20)
        page.prefer("prefers-reduced-motion", "reduce")
        page.open(f"{address}&again")
        shown(page, "Stack west")
        page.ask("new Promise(done => setTimeout(done, 300))")
        assert not page.ask(drawn)


_LAID_OVER = """(() => {
  const texts = [...document.querySelectorAll("#picture text")], found = [];
  const edge = document.getElementById("picture").getBoundingClientRect().right;
  const at = texts.map(text => text.getBoundingClientRect());
  texts.forEach((text, n) => {
    if (at[n].right > edge) found.push(text.textContent);
    for (let m = 0; m < n; m++)
      if (at[n].left < at[m].right && at[m].left < at[n].right
          && at[n].top + 2 < at[m].bottom && at[m].top + 2 < at[n].bottom)
        found.push(`${text.textContent} over ${texts[m].textContent}`);
  });
  return found;
})()"""
"""Texts of the picture that others cover, or that its border cuts."""

LONG = [f"north-america-northeast{n}-payments-settlement-production-cluster"[:63] for n in (1, 2)]


@pytest.mark.parametrize("others", [0, 11])
@pytest.mark.parametrize("far", [False, True])
def test_no_text_of_the_picture_covers_another(page: Page, others: int, far: bool) -> None:
    stack = Stack(*LONG, *(f"region{n}-cluster" for n in range(others)))
    stack.flags[LONG[0]] = frozenset({"failed_outlier_check"})
    stack.silent.add(LONG[1])
    stack.pass_time(3.0)
    with served(stack) as address:
        page.open(address)
        eventually(has(page, LONG[0], "ejected, 30 s left"), "names are whole for a reader", 20)
        if far and not others:
            page.press("f")
            eventually(lambda: page.ask("document.body.className") == "far", "it is large", 20)
        assert page.ask(_LAID_OVER) == []
        pods = [Pod(f"web-portal-6d9f7c5b4d-x2x{n}x", LONG[0], ready=True) for n in range(2)]
        found = platform_pods.picture(pods, {LONG[0]: 1.0, LONG[1]: 0.0}, stack.now)
        stack.latest = History("west").add(found, troubles={})
        eventually(has(page, pods[0].name), "pods have long names as well", 20)
        assert page.ask(_LAID_OVER) == []
        if page.ask("Boolean(document.fullscreenElement)"):
            page.press("f")
            eventually(lambda: not page.ask("document.body.className"), "as it was", 20)


def test_on_a_narrow_screen_type_can_be_read(page: Page) -> None:
    stack = struck()
    stack.broken = [Entry("cluster-power", LONG[0], stack.now)]
    stack.pass_time(3.0)
    size = """Math.min(...[...document.querySelectorAll('#picture text')].map(
      text => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a))"""
    with served(stack, Hand()) as address:
        page.open(address, 320, 640)
        shown(page, "cluster-power")
        assert page.ask(size) > 8
        assert page.ask("document.documentElement.scrollWidth <= innerWidth"), "all is in sight"
        assert page.violations() == []


def test_paper_has_the_whole_picture_and_nothing_to_press(page: Page) -> None:
    with served(struck(), Hand()) as address:
        page.open(address, 700, 900)
        shown(page, "workload-gone")
        page.call("Emulation.setEmulatedMedia", media="print")
        seen = "[...document.querySelectorAll('button, summary')].some(e => e.checkVisibility())"
        assert not page.ask(seen)
        scroll = "document.querySelector('.scroll')"
        assert page.ask(f"{scroll}.scrollWidth <= {scroll}.clientWidth")
        page.call("Emulation.setEmulatedMedia", media="")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("clusters", "width", "height"),
    [(3, 1280, 720), (3, 3840, 2160), (13, 1280, 720), (13, 3840, 2160)],
)
def test_axe_finds_nothing(page: Page, clusters: int, width: int, height: int, scheme: str) -> None:
    stack = Stack(*(f"region{n}-cluster" for n in range(clusters)))
    stack.flags = {
        "region0-cluster": frozenset({"failed_outlier_check"}),
        "region1-cluster": frozenset({"failed_active_hc"}),
        "region2-cluster": frozenset({"degraded_active_hc"}),
    }
    stack.silent.add("region1-cluster")
    stack.broken = [Entry("pods-errors", "region0-cluster", stack.now)]
    stack.pass_time(3.0)
    with served(stack, Hand()) as address:
        page.prefer("prefers-color-scheme", scheme)
        page.open(address, width, height)
        shown(page, "workload-gone")
        shown(page, "region0-cluster")
        page.press("b")
        assert page.violations() == []
        assert page.ask("document.documentElement.scrollWidth <= innerWidth"), "all is in sight"
        shot(page, f"{clusters}-{width}-{scheme}")
