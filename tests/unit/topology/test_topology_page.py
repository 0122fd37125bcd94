"""The live page in a browser: what it shows, how it plays a record, and that all can use it."""

from __future__ import annotations

import base64
import contextlib
import gzip
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from drills import live_picture, report
from drills.journal import Entry
from drills.traffic import Event, EventKind, Header, TrafficPlan, record
from foundation.colours import cluster_colours
from foundation.project import ROOT
from tests.support.browser import Page, browser
from tests.support.waiting import eventually
from topology import platform_pods, recording, server
from topology.admin import Host, Rules
from topology.history import History
from topology.picture import picture
from topology.platform_pods import Pod
from topology.proxies import Proxy

TOKEN = "a-token"
EXAMPLE = ROOT / "docs" / "topology-example.html"
EAST, WEST = "east-cluster", "west-cluster"
SHOTS = os.environ.get("TOPOLOGY_SCREENSHOTS", "")
"""A folder, if somebody wants to look at the pages."""


class Stack:
    """Proxies of an edge and of some clusters, and what they say at each moment."""

    def __init__(self, *clusters: str) -> None:
        self.clusters = clusters
        self.flags: dict[str, frozenset[str]] = {}
        self.history = History("west")
        self.now = 1000.0
        self.silent: set[str] = set()
        self.broken: list[Entry] = []
        self.edge = Proxy("gateway-1-edge", "corp-edge", is_edge=True, ready=True)
        self.gateways = [Proxy(f"gateway-{c}-a", c, is_edge=False, ready=True) for c in clusters]
        self.sent = dict.fromkeys(clusters, 0)
        self.latest: dict[str, Any] = {}
        self.pass_time(0.0)

    def pass_time(self, seconds: float, *told: Event, to: tuple[str, ...] = ()) -> dict[str, Any]:
        """Let time pass in which 40 requests go `to` each of these clusters, or to all."""
        self.now += seconds
        for cluster in to or self.clusters:
            self.sent[cluster] += 40
        hosts = [
            Host(f"10.0.0.{n}:15443", c, flags=self.flags.get(c, frozenset()), total=self.sent[c])
            for n, c in enumerate(self.clusters)
        ]
        self.edge.rules = Rules(base=30.0)
        self.edge.hear(self.now, hosts)
        for number, proxy in enumerate(self.gateways):
            if proxy.cluster not in self.silent:
                pod = Host(f"10.1.{number}.1:3000", proxy.cluster, total=self.sent[proxy.cluster])
                proxy.hear(self.now, [pod])
        found = picture([self.edge, *self.gateways], self.now)
        self.latest = self.history.add(found, told, self.broken, mode="active", command=None)
        return self.latest


class Hand:
    """Notes what is wanted."""

    def __init__(self) -> None:
        self.wanted: list[Any] = []

    def offers(self) -> dict[str, Any]:
        offered = {"what": "No pods.", "in": {EAST: "Then west.", WEST: "Then east."}}
        return {"modes": ["active", "standby"], "faults": {"workload-gone": offered}}

    def do(self, wanted: Any) -> None:
        self.wanted.append(wanted)


@contextlib.contextmanager
def served(stack: Stack, hand: Any = None, port: int = 0) -> Iterator[str]:
    """Serve the live page; gives its address."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    application = server.application(lambda: stack.latest, TOKEN, hand)
    config = uvicorn.Config(application, log_level="critical", timeout_graceful_shutdown=0)
    serving = uvicorn.Server(config)
    thread = threading.Thread(target=serving.run, args=([listening],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/?token={TOKEN}"
    finally:
        serving.should_exit = True
        thread.join()
        listening.close()


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("browser")) as made:
        yield made


@pytest.fixture
def page(opened: Page) -> Iterator[Page]:
    opened.open("about:blank")
    opened.errors.clear()
    yield opened
    opened.prefer("", "")
    assert opened.errors == []


def shown(page: Page, text: str) -> None:
    eventually(lambda: page.shows(text), f"the page shows {text!r}", 20)


def has(page: Page, *words: str) -> Callable[[], bool]:
    """Whether a part of the picture has a name with all these words."""
    return lambda: any(all(word in name for word in words) for name in page.names("image"))


def shot(page: Page, name: str) -> None:
    """Keep a picture of the page, if somebody wants to look at it."""
    if SHOTS:
        data = page.call("Page.captureScreenshot", format="png")["data"]
        (Path(SHOTS) / f"{name}.png").write_bytes(base64.b64decode(data))


def parts(page: Page) -> list[str]:
    """The parts of the picture and their states, without the line of time, which is longer."""
    return [name for name in page.names("image") if not name.startswith("Who answered")]


def struck() -> Stack:
    """A stack whose first cluster was left out after a fault, and whose gateway is silent."""
    stack = Stack(EAST, WEST)
    stack.pass_time(1.0)
    stack.broken = [Entry("cluster-power", EAST, stack.now)]
    stack.flags[EAST] = frozenset({"failed_active_hc"})
    stack.silent.add(EAST)
    stack.pass_time(3.0, Event(stack.now, EventKind.FAULT, "cluster-power", EAST), to=(WEST,))
    return stack


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


def test_a_record_plays_offline_and_shows_what_was_live(page: Page, tmp_path: Path) -> None:
    stack, file = Stack(EAST, WEST), tmp_path / "topology.jsonl"
    recorder = recording.Recorder(file)
    with served(stack) as address:
        page.open(address)
        shown(page, "Stack west")
        live = []
        for step in range(6):
            fault = Event(stack.now + 0.9, EventKind.FAULT, "region-cut", EAST)
            if step == 3:
                stack.flags[EAST] = frozenset({"failed_active_hc"})
            recorder.add(
                stack.pass_time(1.0, *[fault][: step == 3], to=(WEST, EAST)[: 2 - step // 3])
            )
            eventually(lambda: page.ask("latest.at") == stack.now, "the page is told", 20)
            live.append(parts(page))
    recorder.close()
    page.prefer("prefers-reduced-motion", "reduce")  # it does not play by itself then
    page.open(recording.write_page(file).as_uri())
    shown(page, "of 5.0 s")
    replayed = []
    for step in range(6):
        page.ask(f"show({step})")
        replayed.append(parts(page))
    assert replayed == live and live[2] != live[4]
    page.ask("show(0)")
    page.press("n")
    assert page.ask("frames[shown].at") == 1004.0, "the next event"
    page.press(" ")
    eventually(lambda: page.ask("shown") == 5, "it plays to its end", 20)


def test_the_report_of_a_run_plays_its_picture_inside(page: Page, tmp_path: Path) -> None:
    stack = Stack(EAST, WEST)
    recorder = recording.Recorder(tmp_path / live_picture.FILE)
    for _ in range(3):
        recorder.add(stack.pass_time(1.0))
    recorder.close()
    recording.write_page(recorder.file)
    header = Header(
        "run-1", stack.now, "gone", "west", plan=TrafficPlan.to("https://localhost/", rate=1)
    )
    with record.Writer(tmp_path / record.FILE, header):
        pass
    page.open(report.write(tmp_path).as_uri())
    inside = "document.querySelector('iframe').contentDocument"
    eventually(lambda: page.ask(f"{inside}.body.textContent.includes('of 2.0 s')"), "it plays", 20)
    found = page.ask(f"[...{inside}.querySelectorAll('[role=img]')].map(e => e.ariaLabel)")
    assert any(name.startswith(f"{WEST}, serving") for name in found if name)
    assert page.ask("document.querySelector('section a').href").endswith("/topology.html")


def test_the_example_of_the_documentation_is_of_this_page() -> None:
    """GOLDEN=write makes it anew from its own record."""
    text = EXAMPLE.read_text()
    packed = text.partition('id="record">')[2].partition("<")[0]
    made = recording.page(gzip.decompress(base64.b64decode(packed)).decode())[0]
    if os.environ.get("GOLDEN") == "write":
        EXAMPLE.write_text(made)
        return
    assert text == made


def test_the_example_of_the_documentation_plays(page: Page) -> None:
    assert EXAMPLE.stat().st_size < 200_000
    page.open(EXAMPLE.as_uri())
    shown(page, "has its share again")
    page.ask("jump(frames.events.find(event => event.kind === 'moved').at)")
    assert page.shows("gateway-gone in east-cluster")
    assert page.violations() == []


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


def test_a_page_without_javascript_says_what_it_needs(page: Page) -> None:
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        page.open(EXAMPLE.as_uri())
        assert page.ask("document.querySelector('noscript').innerText").endswith("JavaScript.")
        assert page.ask("document.querySelector('noscript').offsetHeight") > 0
    finally:
        page.call("Emulation.setScriptExecutionDisabled", value=False)


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
