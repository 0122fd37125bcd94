"""What the live page shows of a stack."""

from __future__ import annotations

from drills.journal import Entry
from foundation.colours import cluster_colours
from tests.support.browser import Page
from tests.support.page_stack import Stack, has, served, shown, struck
from tests.support.pictures import EAST, WEST
from tests.support.waiting import eventually
from topology import platform_pods
from topology.history import History
from topology.platform_pods import Pod
from topology.proxies import Proxy


def test_each_state_is_in_the_picture_by_role_and_text(page: Page) -> None:
    stack = struck()
    with served(stack) as address:
        page.open(address)
        shown(page, "No news from east-cluster for 3 s")
        eventually(has(page, EAST, "unreachable", "0 %, due 50 %"), "east is unreachable", 20)
        assert has(page, WEST, "serving", "100 %, due 50 %")()
        assert has(page, "gateway", "no answer for 3 s")()
        for text in ("cluster-power in east-cluster for 3 s", "mode: active", "struck"):
            assert page.shows(text)
        stack.flags[EAST] = frozenset({"failed_outlier_check"})
        stack.pass_time(0.25, to=(WEST,))
        eventually(has(page, EAST, "ejected, 30 s left"), "east is ejected", 20)


def test_each_link_says_how_much_goes_there_and_how_much_fails(page: Page) -> None:
    stack = Stack(EAST, WEST)
    stack.pass_time(1.0)
    with served(stack) as address:
        page.open(address)
        shown(page, "1-edge to east-cluster: 40/s, 0.0/s failed")
        shown(page, "cluster-a to 10.1.1.1:3000: 40/s, 0.0/s failed")


def test_what_cannot_be_known_is_said_and_no_number_is_made_up(page: Page) -> None:
    stack = Stack(EAST, WEST)
    found = platform_pods.picture([Pod("shop-1", EAST, ready=True)], {EAST: 1.0, WEST: 0.0}, 100.0)
    limits = platform_pods.LIMITS.format("tetrate")
    stack.latest = History("west").add(found, limits=limits, troubles={WEST: "no route to host"})
    with served(stack) as address:
        page.open(address)
        shown(page, limits)
        assert has(page, EAST, "ready", "due 100 %")()
        assert has(page, "pod shop-1", "ready")() and has(page, "edge", "not known")()
        shown(page, "No news from west-cluster: no route to host")
        assert not page.shows("/s") and not page.shows("NaN") and not page.shows("null")
        assert page.violations() == []


def test_pods_that_nobody_follows_are_named_though_proxies_are_heard(page: Page) -> None:
    stack = Stack(EAST, WEST)
    stack.pass_time(1.0)
    old = {"unwatched": {EAST: 7.0, WEST: 1.0}, "troubles": {EAST: "forbidden"}}
    stack.latest = {**stack.latest, **old}
    with served(stack) as address:
        page.open(address)
        shown(page, "No news of the pods of east-cluster for 7 s: forbidden")
        assert not page.shows("pods of west-cluster")


def test_the_picture_stays_where_it_is_when_something_breaks(page: Page) -> None:
    stack = Stack(EAST, WEST)
    with served(stack) as address:
        page.open(address)
        shown(page, EAST)
        top = "document.querySelector('main').getBoundingClientRect().top"
        before = page.ask(top)
        stack.broken = [Entry("cluster-power", EAST, stack.now)]
        stack.pass_time(34.0)
        shown(page, "cluster-power in east-cluster for 34 s")
        assert page.ask(top) == before


def test_of_pods_that_are_gone_the_last_ones_are_shown_and_the_others_counted(page: Page) -> None:
    stack = Stack(EAST, WEST)
    for number in range(5):
        old = Proxy(f"gateway-old-{number}", EAST, is_edge=False, gone_at=stack.now)
        stack.gateways.append(old)
    stack.pass_time(1.0)
    with served(stack) as address:
        page.open(address)
        eventually(has(page, EAST, "6 more gone"), "three, and pods only they knew", 20)
        assert has(page, "gateway old-4", "gone")() and not has(page, "gateway old-2")()


def test_clusters_have_the_colours_that_reports_and_the_portal_give_them(page: Page) -> None:
    stack = Stack(WEST, EAST)
    stack.pass_time(1.0)
    with served(stack) as address:
        page.open(address)
        eventually(has(page, EAST, "serving"), "the picture is there", 20)
        lanes = page.ask(
            "[...document.querySelectorAll('#picture rect[fill]')].map(e => e.getAttribute('fill'))"
        )
        names = page.ask("[...document.querySelectorAll('#legend li')].map(e => e.textContent)")
    assert dict(zip(names, lanes, strict=True)) == cluster_colours([EAST, WEST])
