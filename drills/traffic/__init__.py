"""Traffic as a client sees it: generator, record, ledger, and the view in the terminal.

What other parts use:

    Plan.to(url, rate=100, ca_file=...)        what to send; .beside(...) adds lanes to compare
    Traffic(plan, header, folder)              sends it, in a process of its own; with-statement
      .mark(event)                             puts a fault or switch on the record
      .recent(seconds) .since(number)          live samples, of lanes that count and of all
      .halt() .stop()                          waits for what is under way; ends the record
    portal.PortalLogs(kubeconfig, clusters, traffic.add)    who executed what, for duplicates
    record.read(path) -> Record                header, samples, events, executions
    ledger(samples, events, objectives)        what it cost
    accounts.ledger_of(path)                   the same, from a record on disk
    incidents(samples, events)                 where the seconds went, fault by fault
    events.announce(folder, event)             tells a generator in another terminal of an event
"""

from drills.traffic.model import (
    ErrorKind,
    Event,
    EventKind,
    Execution,
    Header,
    Objectives,
    Sample,
    StreamEntry,
    StreamStep,
)
from drills.traffic.plan import Lane, LanePlan, Request, TrafficPlan

__all__ = [
    "ErrorKind",
    "Event",
    "EventKind",
    "Execution",
    "Header",
    "Lane",
    "LanePlan",
    "Objectives",
    "Request",
    "Sample",
    "StreamEntry",
    "StreamStep",
    "TrafficPlan",
]
