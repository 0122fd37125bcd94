"""Where traffic will go, said from the configuration before anything is broken. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from drills.faults.model import Fault, Moves
from drills.stack import Stack
from foundation.contract import EDGE_CLUSTER

Order = Sequence[Sequence[str]]
"""Clusters by preference: the first group shares all traffic, the next one waits, and so on."""


@dataclass(frozen=True)
class Prediction:
    """Which clusters answer before the fault and while it is in force."""

    before: tuple[str, ...]
    during: tuple[str, ...] | None
    """None: nobody can say."""

    @property
    def text(self) -> str:
        """The prediction in words."""
        before = listed(self.before)
        verb = "answer" if len(self.before) > 1 else "answers"
        if self.during is None:
            return f"{before} {verb} now; part of it may move."
        if not self.during:
            return f"{before} {verb} now; then nobody can."
        return f"{before} {verb} now; then {listed(self.during)}."


def listed(names: Sequence[str]) -> str:
    """Name as a sentence has them: a, b and c."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def struck_by_default(fault: Fault, order: Order) -> str:
    """Return the cluster that a fault strikes unless told otherwise: the first that answers now."""
    return EDGE_CLUSTER if fault.edge else order[0][0]


def predict(
    fault: Fault, struck: str, order: Order, during: tuple[str, ...] | None = None
) -> Prediction:
    """Say who answers. `during` is what the fault itself says of it (`Fault.during`)."""
    before = _first(order, set())
    if during is not None:
        return Prediction(before, during)
    if fault.moves is Moves.SOME:
        return Prediction(before, None)
    if fault.moves is Moves.NONE or fault.edge:
        return Prediction(before, before)
    return Prediction(before, _first(order, {struck}))


def of(fault: Fault, struck: str, stack: Stack) -> Prediction:
    """Say who answers in a stack."""
    during = fault.during(stack, struck) if fault.during else None
    return predict(fault, struck, stack.order, during)


def score(prediction: Prediction, answered: Iterable[str]) -> str:
    """Return what is wrong with a prediction, given who answered meanwhile; empty if nothing."""
    if prediction.during is None:
        return ""
    seen, said = set(answered), set(prediction.during)
    if seen == said:
        return ""
    return f"predicted {_names(said)}, answered {_names(seen)}"


def _first(order: Order, lost: set[str]) -> tuple[str, ...]:
    groups = (tuple(name for name in group if name not in lost) for group in order)
    return next((group for group in groups if group), ())


def _names(names: Iterable[str]) -> str:
    return listed(sorted(names)) or "nobody"
