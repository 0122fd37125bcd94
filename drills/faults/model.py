"""What a fault is: data that says what it does, what follows, and the means by which."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from drills.stack import Stack
from drills.traffic import Objectives
from localkube.machine import ClusterSpec


class Layer(StrEnum):
    """What is lost, from the inside out."""

    WORKLOAD = "workload"
    GATEWAY = "gateway"
    CLUSTER = "cluster"
    INFRASTRUCTURE = "infrastructure"
    OPERATION = "operation"


class Kind(StrEnum):
    """How the struck part behaves towards those that call it; CONTROL: no request comes by it."""

    REFUSES = "refuses"
    HANGS = "hangs or vanishes"
    WRONG = "answers wrongly"
    CONTROL = "control plane"


_EXECUTIONS = (1.5, 1.1)
"""A request is tried again until the fault is known, and a few are in the rest of it."""

OBJECTIVES = {
    Kind.REFUSES: Objectives(slowest=0.25, moved=1.0, back=2.0, executions=_EXECUTIONS),
    Kind.HANGS: Objectives(slowest=0.6, moved=2.0, back=3.0, executions=_EXECUTIONS),
    Kind.WRONG: Objectives(slowest=0.6, moved=3.0, back=4.0, executions=_EXECUTIONS),
    Kind.CONTROL: Objectives(slowest=0.1, moved=None, cut=0, executions=_EXECUTIONS),
}
"""What is promised to clients, by kind."""

KUBECTL_SECONDS = 1.0
"""How much later a fault strikes than is noted, where kubectl has to carry it to the cluster."""

STEPS_SECONDS = 0.5
"""How much later the last step of a ramped failback knows: each goes by checks of its own, one
every half second, and a step of a tenth of the requests has few others to learn from."""


class Moves(StrEnum):
    """Which part of the struck cluster's traffic goes elsewhere while the fault is in force."""

    ALL = "all"
    NONE = "none"
    SOME = "some"
    """It depends: on luck, on the load, on which of several paths is struck."""


@dataclass(frozen=True)
class Strike:
    """Where a fault strikes, and what it has to remember of the time before."""

    stack: Stack
    cluster: str
    memory: Mapping[str, str] = field(default_factory=dict)

    def kubectl(self, *arguments: str, seconds: float = 20) -> str:
        """Return what kubectl prints about this cluster. Raises UserError (see `Stack.kubectl`)."""
        return self.stack.kubectl(self.cluster, *arguments, seconds=seconds)

    def running_pods(self, namespace: str, selector: str) -> list[dict[str, Any]]:
        """Return `metadata` of each pod that runs, by its labels. Raises UserError."""
        which = ("pods", "--namespace", namespace, "--selector", selector)
        found = self.stack.get(self.cluster, *which, "--field-selector=status.phase=Running")
        return [pod["metadata"] for pod in found["items"]]

    @property
    def spec(self) -> ClusterSpec:
        """The embedded cluster. Raises UserError where the cluster is none of ours."""
        return self.stack.spec(self.cluster)


def nothing(_: Strike) -> dict[str, str]:
    """Do nothing, and return nothing to remember."""
    return {}


def never(_: Strike) -> bool:
    """Return False: the fault leaves nothing that could be seen, or heals by itself."""
    return False


@dataclass(frozen=True)
class Load:
    """What is sent while a fault is in force, in place of the drill's usual traffic."""

    path: str
    """Below the application's own."""
    usual: float
    """Requests a second before and after the fault."""
    during: float
    """Requests a second while it is in force."""
    goodput: float
    """Good answers a second that are promised meanwhile."""


Trigger = Callable[[], object]
"""Breaks what was made ready for it."""


@dataclass(frozen=True)
class Means:
    """How a fault is made and mended. `break_` and `mend` may be called again at any time.

    Both return when their effect is there, and raise UserError when it does not come in time.
    """

    how: str
    """What is done, and to what, in a few words: `drill:list` shows it."""
    break_: Callable[[Strike], None]
    mend: Callable[[Strike], None]
    seen: Callable[[Strike], bool] = never
    """Whether the fault can be seen to be in force, without any record of it."""
    remember: Callable[[Strike], dict[str, str]] = nothing
    """What `mend` has to know of the time before, and what `break_` then need not look for.

    It is recorded before `break_` is called.
    """
    arm: Callable[[Strike], AbstractContextManager[Trigger]] | None = None
    """What costs no client anything and is done before the fault counts as begun."""
    machine: bool = False
    """Whether they need the machine below the cluster; else Kubernetes' own are enough."""

    def armed(self, strike: Strike) -> AbstractContextManager[Trigger]:
        """Do what `arm` says, and hand out what then breaks it. Raises UserError."""
        if self.arm:
            return self.arm(strike)
        return contextlib.nullcontext(functools.partial(self.break_, strike))


def either(local: Means, elsewhere: Means) -> Means:
    """Return the first means where the clusters run on this machine, the second elsewhere.

    Both mend, wherever the first can: a fault of either kind heals, however it was made.
    """

    def chosen(strike: Strike) -> Means:
        return local if strike.stack.is_local else elsewhere

    def mend(strike: Strike) -> None:
        here = dataclasses.replace(strike, stack=dataclasses.replace(strike.stack, elsewhere=False))
        if here.stack.is_local:
            local.mend(here)
        elsewhere.mend(strike)

    return Means(
        f"{local.how}; where the machine is not ours, {elsewhere.how}",
        lambda strike: chosen(strike).break_(strike),
        mend,
        seen=lambda strike: chosen(strike).seen(strike) or elsewhere.seen(strike),
        remember=lambda strike: chosen(strike).remember(strike),
        arm=lambda strike: chosen(strike).armed(strike),
    )


@dataclass(frozen=True)
class Fault:
    """Something that is broken on purpose."""

    name: str
    layer: Layer
    kind: Kind
    what: str
    """What it does, in one sentence."""
    means: Means
    moves: Moves = Moves.ALL
    edge: bool = False
    """Whether it strikes the edge instead of an application cluster."""
    workloads: tuple[str, ...] = ()
    """Kinds of the application's workload that it can be made in; empty: it does not matter."""
    portal: str = ""
    """What it needs of the demo's own application; empty when any will do."""
    during: Callable[[Stack, str], tuple[str, ...]] | None = None
    """Which clusters answer while it is in force, where `moves` cannot say."""
    in_flight: int = 0
    """Requests that may be lost, because nobody is left to send them again."""
    update: bool = False
    """Whether `pulumi up` does it: who answers then changes when `break_` returns, not before."""

    load: Callable[[Stack, tuple[str, ...]], Load] | None = None
    """What is sent to the clusters that answer while it is in force; None: the usual traffic."""
    promises: Objectives | None = None
    """What is promised instead of what its kind says."""

    @property
    def objectives(self) -> Objectives:
        """What is promised to clients while it is in force."""
        return self.promises or dataclasses.replace(OBJECTIVES[self.kind], lost=self.in_flight)

    def objectives_at(self, stack: Stack) -> Objectives:
        """Return the same for a stack: kubectl strikes later, a ramp's steps learn of it later."""
        found = self.objectives
        if found.moved is None:
            return found
        later = 0.0 if stack.is_local else KUBECTL_SECONDS
        later += STEPS_SECONDS if stack.failback == "ramped" else 0.0
        return dataclasses.replace(found, moved=found.moved + later)

    def grace_at(self, stack: Stack) -> float:
        """Return the seconds for which clusters that served before it may go on answering."""
        return dataclasses.replace(self, promises=None).objectives_at(stack).moved or 0.0

    def unavailable(self, stack: Stack) -> str:
        """Return why it cannot be done there; empty if it can."""
        if self.means.machine and not stack.is_local:
            return f"needs the machine below the cluster: {self.means.how}"
        if self.portal and not stack.application.is_portal:
            return f"needs the application of manifests/app.yaml: {self.portal}"
        return stack.application.lacks(self.workloads) if self.workloads else ""
