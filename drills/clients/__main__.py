"""`./demo task clients`: what a mode switch and faults cost client libraries as they are."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from drills import action, matrix, preconditions, prediction
from drills.alone import only_drill
from drills.arguments import interrupted, positive
from drills.clients import page
from drills.clients.account import Account, account
from drills.clients.catalogue import CLIENTS, Client, Found
from drills.clients.edge_log import EdgeLogs
from drills.clients.flow import Flow, Request, plan_of
from drills.drill import Outcome
from drills.faults import Fault, named
from drills.pace import Pace
from drills.say import say
from drills.stack import Stack
from drills.traffic import provenance
from drills.waiting import until
from foundation import tables, trust
from foundation.entry import entry
from foundation.errors import UserError
from foundation.run import interruptible
from toolchain import client_packages

EVENTS = ("mode-switch", "edge-restart", "gateway-gone", "region-cut")
"""Faults that clients go through, unless others are named."""

READY_SECONDS = 60
"""How long clients may take to their first answer: some are compiled, and a JVM starts slowly."""

REFERENCE = "drills' generator"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(arguments)
    return entry(lambda: _run(options), interrupted=interrupted(options.stack))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./demo task clients --", description=__doc__)
    names = [client.name for client in CLIENTS]
    parser.add_argument("events", nargs="*", metavar="fault", help=f"({', '.join(EVENTS)})")
    parser.add_argument(
        "--client",
        action="append",
        choices=names,
        metavar="NAME",
        help="only this one, as --list names it; several times for several",
    )
    parser.add_argument("--rate", type=positive, default=5.0, help="requests/s of each client (5)")
    parser.add_argument("--hold", type=positive, default=8.0, help="seconds a fault is held (8)")
    parser.add_argument(
        "--mended", action="store_true", help="with the setting that mends it, where there is one"
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there too")
    parser.add_argument("--stack", help="another stack than the selected one")
    parser.add_argument("--list", action="store_true", help="the clients, and what is missing")
    return parser


def _run(options: argparse.Namespace) -> int:
    chosen = [c for c in CLIENTS if not options.client or c.name in options.client]
    found = {client: client.find() for client in chosen}
    missing = {client.name: known.missing for client, known in found.items() if known.missing}
    there = {client: known for client, known in found.items() if not known.missing}
    if options.list:
        for client, known in found.items():
            print(f"{client.name:<16} {known.missing or known.version}")
        return 0
    if not there:
        raise UserError("; ".join(f"{name}: {why}" for name, why in missing.items()))
    faults = [named(name) for name in options.events or EVENTS]
    if len(set(options.events)) < len(options.events):
        raise UserError("A fault is named twice; name each one once")
    stack = Stack.selected(options.stack)
    with only_drill(stack):  # first: what another has broken is not to be mended by hand
        return _measured(options, stack, faults, there, missing)


def _measured(
    options: argparse.Namespace,
    stack: Stack,
    faults: Sequence[Fault],
    there: dict[Client, Found],
    missing: Mapping[str, str],
) -> int:
    _check(stack, faults)
    client_packages.ensure()
    accounts: list[Account] = []
    slow = {fault.name: fault.objectives_at(stack).slowest for fault in faults}
    done: list[str] = []
    left_out = dict(missing)
    try:
        with interruptible(), tempfile.TemporaryDirectory() as folder:
            for number, fault in enumerate(faults, 1):
                say(f"\n{number} of {len(faults)}: {fault.name}")
                before = preconditions.in_force(stack)
                try:
                    accounts += _through(stack, fault, there, options, Path(folder))
                    done.append(fault.name)
                except UserError as error:
                    say(f"error: {fault.name}: {error}")
                    left_out[fault.name] = str(error).rstrip(".")
                    action.heal_new(stack, before, say)  # else the next ones wait in vain
    except BaseException:
        if done:  # what was measured until then is kept
            _finish(accounts, done, left_out, slow, options, stack)
        raise
    if not done:
        raise UserError("No event came to its end, so nothing is kept")
    code = _finish(accounts, done, left_out, slow, options, stack)
    return code if len(done) == len(faults) else 1


def _check(stack: Stack, faults: Sequence[Fault]) -> None:
    """Refuse what cannot be done. Raises UserError before anything is changed."""
    if stack.platform != "envoy":
        raise UserError(f"Stack {stack.name} is on platform {stack.platform}; drills need envoy")
    if not stack.application.is_portal:
        raise UserError(
            f"The clients speak to the portal of manifests/app.yaml, and stack {stack.name} has"
            " another application; send to it by: ./demo task generate-traffic -- --traffic FILE"
        )
    if stack.ca_file and not trust.is_for_address(stack.url, stack.ca_file):
        raise UserError(
            f"The clients ask at {stack.url}, and the certificate in"
            " manifests/online-banking-secret.yaml is not for that address. Add the address to it,"
            f" or leave the Secret empty; then ./demo up {stack.name}"
        )
    for fault in faults:
        struck = prediction.struck_by_default(fault, stack.order)
        matrix.check(stack, fault, struck, force=False)


def _through(
    stack: Stack,
    fault: Fault,
    clients: dict[Client, Found],
    options: argparse.Namespace,
    folder: Path,
) -> list[Account]:
    """Take all clients through one fault, beside the drill's own traffic."""
    preconditions.await_well(stack, matrix.WELL_SECONDS)
    begun = time.time()
    flows = []
    for number, (client, found) in enumerate(clients.items()):
        run = provenance.run_id(f"client{number}", begun)
        assert stack.ca_file
        plan = plan_of(client, run, stack.url, stack.ca_file, options.rate, options.mended)
        flows.append(Flow(client, found, plan, folder))
    logs = EdgeLogs(stack.kubeconfig)
    with logs:
        with contextlib.ExitStack() as running:
            for flow in flows:
                try:
                    running.enter_context(flow)
                except UserError as error:  # the others go on
                    flow.problem = str(error)
            _await_answers([flow for flow in flows if not flow.problem])
            pace = Pace(rate=20.0, hold=options.hold, streams=0)
            outcome = matrix.one(stack, fault, None, pace, say, patience=0.0)
        logs.settle(
            [flow.requests[-1].id for flow in flows if flow.requests and not flow.client.messages]
        )
    logged = [flow for flow in flows if not flow.client.messages]
    answered = [request for flow in logged for request in flow.requests if not request.lost]
    accounts = [_account(flow, fault, logs, stack, answered) for flow in flows]
    return [_reference(fault, outcome), *accounts]


def _await_answers(flows: Sequence[Flow]) -> None:
    """Wait until each client has its first answer; who gets none is accounted for later."""
    with contextlib.suppress(UserError):
        until(lambda: all(flow.has_answer for flow in flows), "Clients are there", READY_SECONDS)
    silent = [flow.client.name for flow in flows if not flow.has_answer]
    say("Every client has an answer." if not silent else f"No answer for {', '.join(silent)}.")


def _reference(fault: Fault, outcome: Outcome) -> Account:
    part = outcome.ledger.promised
    return Account(REFERENCE, "", fault.name, part.sent, part.lost, part.slow, part.latency.max)


def _account(
    flow: Flow, fault: Fault, logs: EdgeLogs, stack: Stack, answered: Sequence[Request]
) -> Account:
    if flow.problem:
        name, version = flow.client.name, flow.found.version
        return Account(name, version, fault.name, problem=flow.problem)
    return account(
        flow.client.name,
        flow.found.version,
        fault.name,
        flow.requests,
        logs.of,
        fault.objectives_at(stack).slowest,
        answered=answered,
        messages=flow.client.messages,
        remedy=flow.client.remedy,
    )


def _finish(
    accounts: Sequence[Account],
    events: Sequence[str],
    left_out: dict[str, str],
    slow: dict[str, float],
    options: argparse.Namespace,
    stack: Stack,
) -> int:
    """Show the tables and keep them; exit code 1 if a client could not be accounted for.

    `left_out` has clients and events that are not in the tables, and why.
    """
    slow = {event: slow[event] for event in events}
    console = tables.console()
    console.print(page.table(accounts, events))
    for line in page.notes(accounts, left_out, slow):
        console.print(line)
    conditions = provenance.described() | {
        "lbMode": stack.mode,
        "requests a second of each client": options.rate,
        "settings": "those that mend" if options.mended else "defaults",
    }
    text = page.markdown(accounts, events, left_out, slow, conditions)
    folder = matrix.folder("clients")
    folder.mkdir(parents=True)
    files = [folder / "clients.md", *([options.markdown] if options.markdown else [])]
    for file in files:
        try:
            file.write_text(text)
        except OSError as error:
            raise UserError(f"{file} cannot be written: {error.strerror}") from None
    print(f"\nTables: {files[-1]}")
    return 1 if any(each.problem for each in accounts) else 0


if __name__ == "__main__":
    sys.exit(main())
