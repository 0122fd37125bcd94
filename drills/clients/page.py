"""The table of clients and events, for a terminal and as Markdown. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from drills.clients.account import EXPLAINED, Account
from drills.report import text
from foundation import tables

HEADS = ("client", "version")


def cell(account: Account | None) -> str:
    """Return what an event cost a client, in a few words."""
    if account is None:
        return "-"
    if account.problem:
        return "no account"
    slow = f", {account.slow} slow" if account.slow else ""
    return f"{account.lost} of {account.sent}{slow}"


def rows(accounts: Iterable[Account], events: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the cells of each client: name, version, and what each event cost it."""
    found: dict[tuple[str, str], dict[str, Account]] = {}
    for each in accounts:
        found.setdefault((each.client, each.version), {})[each.event] = each
    return [
        (*names, *(cell(known.get(event)) for event in events)) for names, known in found.items()
    ]


def losses(accounts: Iterable[Account]) -> list[tuple[str, ...]]:
    """Return the cells of each kind of loss: client, event, count, why, whose, what mends it."""
    return [
        (
            each.client,
            each.event,
            str(loss.count),
            loss.why,
            f"{loss.whose}: {EXPLAINED[loss.whose]}",
            each.remedy or "none in the library: the application has to try again",
        )
        for each in accounts
        for loss in each.losses
    ]


LOSS_HEADS = ("client", "event", "lost", "in the library's words", "whose", "what mends it")


def table(accounts: Sequence[Account], events: Sequence[str]) -> Table:
    """Return the table for a terminal."""
    grid = tables.folded((*HEADS, *events), "Lost of sent, by client")
    for row in rows(accounts, events):
        grid.add_row(*(Text(shown, _style(shown, index)) for index, shown in enumerate(row)))
    return grid


def _style(shown: str, index: int) -> str:
    if index < len(HEADS) or shown == "-":
        return ""
    return "green" if shown.startswith("0 of") else "bold red"


def notes(
    accounts: Sequence[Account], left_out: Mapping[str, str], slow: Mapping[str, float]
) -> list[str]:
    """Return what is to be said below the table, a line each."""
    found = [
        f"{client} {event}, {count} lost: {why}; {whom}. Mends it: {mend}."
        for client, event, count, why, whom, mend in losses(accounts)
    ]
    found += [f"{a.client}, {a.event}: {a.problem}." for a in accounts if a.problem]
    found += [f"{name} is left out: {why}." for name, why in left_out.items()]
    limits = ", ".join(f"{event} {limit * 1000:.0f} ms" for event, limit in slow.items())
    return [*found, f"Slow is later than what is promised: {limits}."]


def markdown(
    accounts: Sequence[Account],
    events: Sequence[str],
    left_out: Mapping[str, str],
    slow: Mapping[str, float],
    conditions: Mapping[str, object],
) -> str:
    """Return tables and notes as Markdown."""
    lines = [*text.table((*HEADS, *events), rows(accounts, events)), ""]
    if found := losses(accounts):
        lines += [*text.table(LOSS_HEADS, found), ""]
    more = notes([a for a in accounts if a.problem], left_out, slow)
    lines += [*(f"- {line}" for line in more), ""]
    lines += [", ".join(f"{key}: {value}" for key, value in conditions.items()), ""]
    return "\n".join(lines)
