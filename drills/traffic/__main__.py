"""`python -m drills.traffic`: constant traffic, live, and its ledger at the end."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from rich.live import Live as Screen

from drills import arguments, report
from drills.arguments import streams_for, timeout_for
from drills.compare import balancers, stack_access
from drills.compare.beside import beside
from drills.say import say
from drills.stack import Stack
from drills.traffic import provenance, record, summary, view
from drills.traffic.accounts import ledger_of
from drills.traffic.command_line import parser
from drills.traffic.events import Announcements
from drills.traffic.generator import Traffic, TrafficError
from drills.traffic.model import Event, Header, Objectives
from drills.traffic.plan import Lane, LanePlan, TrafficPlan
from drills.traffic.portal import PortalLogs, source_for
from drills.traffic.requests import load
from drills.traffic.window import TOLD, Live, Second
from drills.updates import Updates
from foundation import project, run, tables
from foundation.entry import entry
from foundation.errors import UserError

_TICK = 0.2  # seconds between two looks at what came
_KEEP = 10.0  # seconds of samples in memory; the record has them all


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = parser().parse_args(arguments)
    return entry(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    stack = None if options.url else Stack.selected(options.stack)
    url = options.url or (stack.url if stack else "")
    if not arguments.is_http(url):
        raise UserError(f"{url!r} is not an http or https address.")
    authority = options.ca or (stack.ca_file if stack else None)
    is_portal = stack is not None and stack.application.is_portal
    is_own = bool(options.traffic) or (stack is not None and not is_portal)
    plan = TrafficPlan(
        lanes=tuple(LanePlan(name, url, name == Lane.KEPT) for name in options.lanes),
        rate=options.rate,
        duration=options.duration,
        timeout=timeout_for(options.timeout, is_own),
        host=stack.application.host if stack else "",
        ca_file=str(authority or ""),
        protocols=options.protocols,
        streams=streams_for(options.streams, is_portal),
    )
    if options.traffic:
        plan = dataclasses.replace(plan, requests=load(options.traffic))
    if not options.beside:
        return _send(options, stack, plan, url)
    chosen = balancers.named(options.beside)
    if stack is None:
        raise UserError("--beside compares balancers of a stack; leave --url out.")
    stack_access.check(stack)
    with beside(stack, chosen, say) as others:
        lanes = plan.beside(others.lanes, stack.application.host)
        return _send(options, stack, lanes, url)


def _send(options: argparse.Namespace, stack: Stack | None, plan: TrafficPlan, url: str) -> int:
    """Send as planned, show it, and give the ledger."""
    now = time.time()
    run = provenance.run_id("traffic", now)
    header = Header(
        run=run,
        started=now,
        title=f"Traffic to {url}",
        stack=stack.name if stack else "",
        config_digest=provenance.config_digest(stack.name) if stack else "",
        objectives=Objectives(slowest=options.slow, moved=None),
        serving=stack.serving if stack else None,
        portal_logs=stack is not None and not options.no_duplicates,
        environment=provenance.described() | ({"lbMode": stack.mode} if stack else {}),
    )
    file = options.record or project.ROOT / "reports" / run / record.FILE
    traffic = Traffic(plan, header, file.parent, name=file.name, keep=_KEEP)
    announced = Announcements(stack.folder) if stack else None
    updates = Updates(stack) if stack else None
    logs = (
        PortalLogs(
            stack.kubeconfig, stack.weights, traffic.add, source_for(stack.application.is_portal)
        )
        if stack and header.portal_logs
        else None
    )
    state = Live(uncounted=plan.uncounted)
    try:
        with updates.followed() if updates else contextlib.nullcontext():
            sources = [each for each in (announced, updates) if each]
            _watch(traffic, logs, sources, _output(options.json, header, plan), state)
    except FileExistsError as error:
        raise UserError(f"{error.filename} exists already. Name another: --record FILE") from None
    except TrafficError:  # what was recorded until then is told
        with contextlib.suppress(record.RecordError):
            _finish(traffic, options.json, with_report=not options.record)
        raise
    return _finish(traffic, options.json, with_report=not options.record)


class _Output:
    """Shows what comes; `None` in `update` says that nothing is to be drawn."""

    def __init__(self, line: Callable[[Second | Event], str] | None, title: str) -> None:
        self._line = line
        self._title = title
        self._screen: Screen | None = None

    def __enter__(self) -> _Output:
        if self._line is None:
            self._screen = Screen(console=tables.console(), auto_refresh=False, transient=False)
            self._screen.__enter__()
        return self

    def __exit__(self, *details: Any) -> None:
        if self._screen:
            self._screen.__exit__(*details)

    def update(
        self, state: Live, closed: Sequence[Second], events: Sequence[Event], now: float
    ) -> None:
        """Show the seconds that are over and the events that came."""
        if self._screen:
            self._screen.update(view.live(self._title, state, now), refresh=True)
        elif self._line:
            for event in events:
                print(self._line(event), flush=True)
            for second in closed:
                print(self._line(second), flush=True)


def _output(as_json: bool, header: Header, plan: TrafficPlan) -> _Output:
    if as_json:
        return _Output(_json_line, "")
    if tables.console().is_terminal:
        return _Output(None, f"{header.title}   {plan.counted_rate:g}/s")
    return _Output(_plain_line, "")


def _plain_line(entry: Second | Event) -> str:
    return view.plain_event(entry) if isinstance(entry, Event) else view.plain_second(entry)


def _json_line(entry: Second | Event) -> str:
    if isinstance(entry, Event):
        return record.encode(entry)
    return json.dumps({"type": "second", **dataclasses.asdict(entry)})


def _watch(
    traffic: Traffic,
    logs: PortalLogs | None,
    told: Sequence[Announcements | Updates],
    output: _Output,
    state: Live,
) -> None:
    """Show the traffic until its end, Ctrl-C, or the terminal's closing."""
    over = threading.Event()
    seen = 0
    with (
        run.handling(run.ENDING, lambda *_: over.set()),
        output,
        traffic,
        logs or contextlib.nullcontext(),
    ):
        while not over.wait(_TICK) and traffic.running:
            seen = _look(traffic, state, seen, told, output)
        traffic.halt()
        _look(traffic, state, seen, told, output, is_last=True)
        if logs:
            logs.settle_answered(traffic.recent(_KEEP))


def _look(
    traffic: Traffic,
    state: Live,
    seen: int,
    told: Sequence[Announcements | Updates],
    output: _Output,
    is_last: bool = False,
) -> int:
    events = [event for each in told for event in each.new()] if traffic.running else []
    for event in events:
        traffic.mark(event)
        state.events.append(event)
    samples, seen = traffic.since(seen)
    state.add(samples)
    now = traffic.now() if traffic.running else state.last_end
    # at last the second that is under way, too
    over = state.last_end + 2 if is_last else traffic.now() - TOLD
    output.update(state, state.turn(over), events, now)
    return seen


def _finish(traffic: Traffic, as_json: bool, with_report: bool) -> int:
    ledger = ledger_of(traffic.path)
    if as_json:
        print(json.dumps({"type": "ledger", **summary.as_json(ledger)}))
    else:
        tables.console().print(summary.table(ledger))
    if with_report:
        page = report.write(traffic.path.parent)
        if not as_json:
            print(f"\nReport: {page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
