"""When the live page draws what it is told: at once, later, or not at all."""

from __future__ import annotations

from drills.traffic import Event, EventKind
from tests.support.browser import Page
from tests.support.page_stack import Stack, has, served, shown
from tests.support.pictures import EAST, WEST
from tests.support.waiting import eventually


def test_a_picture_that_stands_still_is_old_though_its_server_answers(page: Page) -> None:
    stack = Stack(EAST, WEST)
    stack.pass_time(1.0)
    with served(stack) as address:
        page.open(address)
        shown(page, "No news for 3 s")
        stack.pass_time(1.0)
        eventually(lambda: not page.shows("No news for"), "there is news", 20)


def test_a_page_finds_a_server_that_was_started_again(page: Page) -> None:
    stack = Stack(EAST, WEST)
    with served(stack) as address:
        page.open(address)
        shown(page, "Stack west")
    shown(page, "No news for")
    stack.pass_time(1.0, Event(stack.now, EventKind.FIX, "meanwhile", EAST))
    with served(stack, port=int(address.partition(":")[2].partition(":")[2].partition("/")[0])):
        shown(page, "meanwhile")
        eventually(lambda: not page.shows("No news for"), "there is news", 20)


def test_numbers_wait_for_one_another_and_news_is_drawn_at_once(page: Page) -> None:
    stack = Stack(EAST, WEST)
    stack.pass_time(1.0)  # from none to some would be news
    with served(stack) as address:
        page.open(address)
        shown(page, EAST)
        drawn = page.ask(
            """(() => {
              let count = 0;
              const before = draw, begin = lastDrawn.at;
              draw = found => { count++; before(found); };
              const after = (seconds, change) => {
                const found = structuredClone(latest);
                delete found.points;
                Object.assign(found, { at: begin + seconds, events: [] });
                change(found);
                take(found);
                return count;
              };
              after(.05, () => {});  // the first snapshot had the points of before
              count = 0;
              return [
                after(.1, found => { found.clusters[0].rate += 1; }),
                after(.15, found => { found.clusters[0].state = "ejected"; }),
                after(.2, found => { found.edge[0].links[0].bad = 2; }),
                after(.3, found => { found.edge[0].links[0].bad = 1; }),
                after(.7, found => { found.clusters[0].rate += 1; }),
              ];
            })()"""
        )
        assert drawn == [0, 1, 2, 2, 3]
        page.ask("take({ ...latest, points: undefined, at: latest.at - 60, events: [] })")
        assert page.ask("points.map(one => one.at === latest.at)") == [True], "a clock is set back"


def test_a_page_that_nobody_sees_draws_nothing_until_it_is_seen(page: Page) -> None:
    stack = Stack(EAST, WEST)
    stack.pass_time(1.0)
    with served(stack) as address:
        page.open(address)
        eventually(has(page, EAST, "serving"), "the picture is there", 20)
        hide = "Object.defineProperty(document, 'hidden', { value: %s, configurable: true })"
        page.ask(hide % "true")
        stack.flags[EAST] = frozenset({"failed_active_hc"})
        stack.pass_time(1.0)
        eventually(lambda: page.ask("latest.at") == stack.now, "the page is told", 20)
        assert not has(page, EAST, "unreachable")()
        page.ask(hide % "false")
        page.ask("document.dispatchEvent(new Event('visibilitychange'))")
        assert has(page, EAST, "unreachable")()


_MANY = """(count => {
  for (let n = 0; n < count; n++) {
    const at = latest.at + .25, last = events.length ? events[events.length - 1].number : 0;
    const told = n % 2 ? [] : [{ number: last + 1, at, kind: "state", text: `one more, ${last}` }];
    take({ ...structuredClone(latest), points: undefined, at, rate: n % 90, events: told });
  }
  return document.querySelectorAll("*").length;
})"""
"""Let a page take so many pictures, each with other numbers; gives how many elements it has."""


def test_pictures_leave_no_memory_behind(page: Page) -> None:
    def held() -> float:
        page.call("HeapProfiler.collectGarbage")
        return float(page.call("Runtime.getHeapUsage")["usedSize"])

    stack = Stack(EAST, WEST)
    with served(stack) as address:
        page.open(address)
        shown(page, "Stack west")
        elements = page.ask(f"{_MANY}(600)")  # as many events and points as are ever kept
        before = held()
        assert page.ask(f"{_MANY}(1200)") == elements
        assert page.ask("points.length < 600 && events.length") == 200, "of two minutes"
        assert held() - before < 100_000, "less than a hundred bytes a picture"
