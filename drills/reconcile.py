"""The stack's own objects in its clusters: what drifts, and what is applied again."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from drills import autoscalers, drift, rollout, stack_objects
from drills.application import Workload
from drills.drift import Drift
from drills.live_objects import Conflict
from drills.say import Say
from drills.stack import Stack
from drills.stack_objects import StackObject, absence, by_identity, shown
from foundation import managed_fields, project
from foundation.errors import UserError
from foundation.identity import Identity
from foundation.lists import as_list, items
from toolchain import patience

SECONDS = 60
"""How long a look at all objects of a cluster, or their application, may take."""

TRIES = 5
"""How often an owner is written back if others change the object at the same time."""

_REQUEST_SECONDS = 10

_LOOKS = 4
"""How many objects of a cluster are looked at at once, where they cannot be looked at together."""


@dataclass(frozen=True)
class Look:
    """What was found in all clusters."""

    drifts: Sequence[Drift] = ()
    silent: Mapping[str, str] = field(default_factory=dict)
    """Clusters that could not be looked at, and why."""


def look(stack: Stack) -> Look:
    """Compare every object of the stack with its cluster, all clusters at once.

    A cluster that does not answer is named, and the others are looked at. Raises UserError if the
    stack's state cannot be read.
    """
    objects = stack_objects.load(stack.name)
    clusters = list(dict.fromkeys(each.cluster for each in objects))

    def one(cluster: str) -> tuple[list[Drift], str]:
        try:
            return _drifts(stack, cluster, [o for o in objects if o.cluster == cluster]), ""
        except UserError as error:
            return [], str(error).removeprefix(f"{cluster}: ")

    with ThreadPoolExecutor(max_workers=max(1, len(clusters))) as pool:
        found = dict(zip(clusters, pool.map(one, clusters), strict=True))
    return Look(
        [each for drifts, _ in found.values() for each in drifts],
        {cluster: problem for cluster, (_, problem) in found.items() if problem},
    )


def mend(stack: Stack, drifts: Iterable[Drift], say: Say) -> list[str]:
    """Apply drifted objects again as the stack does, and wait for their pods.

    Says what was done. Returns what could not be done, a line each. No object of others is touched.
    """
    failed: list[str] = []
    by_cluster: dict[str, list[Drift]] = {}
    for each in drifts:
        by_cluster.setdefault(each.object.cluster, []).append(each)
    for cluster, found in by_cluster.items():
        for each in found:  # in the stack's order: a namespace before what is in it
            what = shown(each.object.identity)
            if each.is_leaving:
                failed.append(f"{each.line}: run this again then")
                continue
            try:
                _mend(stack, each)
            except UserError as error:
                failed.append(f"{cluster}: {what} is not mended: {error}")
                continue
            if each.is_missing:
                say(f"{cluster}: {what} is made again")
            else:
                names = ", ".join(managed_fields.written(change.path) for change in each.changes)
                say(f"{cluster}: {what} is applied again" + (f" ({names})" if names else ""))
        for each in found:
            try:
                _wait(stack, each.object)
            except UserError as error:
                failed.append(str(error))
    return failed


def _drifts(stack: Stack, cluster: str, wanted: Sequence[StackObject]) -> list[Drift]:
    # One request that any user may make: kubectl repeats what it asks of a silent cluster else.
    stack.kubectl(cluster, "get", "--raw=/version", patience.of_requests(5))
    live = _live(stack, cluster, wanted)
    there = [each for each in wanted if each.identity in live]
    applied, problems = _applied(stack, cluster, there, live)
    found: list[Drift | None] = []
    for each in wanted:
        known = each.identity
        if problem := absence(each, live.get(known)):
            found.append(Drift(each, problem=problem))
        elif known not in live:
            continue
        elif known in problems:
            found.append(Drift(each, problem=f"cannot be compared: {problems[known]}"))
        else:
            found.append(drift.compare(each, live[known], applied[known]))
    return [each for each in found if each is not None]


def _live(
    stack: Stack, cluster: str, wanted: Sequence[StackObject]
) -> dict[Identity, dict[str, Any]]:
    """Return those of the objects that are in the cluster, as they are. Raises UserError.

    Replicas of an autoscaler that is gone do not look like an autoscaler's.
    """
    if not wanted:
        return {}
    how = (
        "--ignore-not-found",
        "--show-managed-fields",
        "--output=json",
        patience.of_requests(_REQUEST_SECONDS),
    )
    documents = as_list(each.document for each in wanted)
    said = stack.kubectl(cluster, "get", "--filename=-", *how, seconds=SECONDS, stdin=documents)
    live = by_identity(said)
    with contextlib.suppress(UserError):  # who may not list them, is told of none that is gone
        texts = [stack.kubectl(cluster, *words, *how) for words in autoscalers.asked(live)]
        live |= autoscalers.forsaken(live, [each for text in texts for each in items(text)])
    return live


def _applied(
    stack: Stack,
    cluster: str,
    there: Sequence[StackObject],
    live: Mapping[Identity, Mapping[str, Any]],
) -> tuple[dict[Identity, dict[str, Any]], dict[Identity, str]]:
    """Return what the objects would be after an apply, and why it would be refused.

    All are sent at once. If one is refused kubectl tells of none, and each is sent alone.
    """
    found: dict[Identity, dict[str, Any]] = {}
    problems: dict[Identity, str] = {}
    for manager in dict.fromkeys(each.manager for each in there):
        chosen = [each for each in there if each.manager == manager]
        try:
            found.update(_apply(stack, chosen, live, dry_run=True))
        except UserError:

            def alone(each: StackObject) -> dict[Identity, dict[str, Any]] | str:
                try:
                    return _apply(stack, [each], live, dry_run=True)
                except UserError as error:
                    return str(error).removeprefix(f"{cluster}: ")

            with ThreadPoolExecutor(max_workers=_LOOKS) as pool:
                for each, answer in zip(chosen, pool.map(alone, chosen), strict=True):
                    if isinstance(answer, str):
                        problems[each.identity] = answer
                    else:
                        found.update(answer)
    return found, problems


def _apply(
    stack: Stack,
    wanted: Sequence[StackObject],
    live: Mapping[Identity, Mapping[str, Any]],
    dry_run: bool = False,
) -> dict[Identity, dict[str, Any]]:
    """Apply objects of one cluster and one field manager as the stack does. Raises UserError."""
    documents = as_list(drift.to_apply(each, live.get(each.identity)) for each in wanted)
    manager = f"--field-manager={wanted[0].manager}"
    how = (
        "--server-side",
        "--force-conflicts",
        manager,
        "--validate=ignore",
        patience.of_requests(_REQUEST_SECONDS),
    )
    more = ("--show-managed-fields", "--output=json", "--filename=-")
    dry = ("--dry-run=server",) if dry_run else ()
    said = stack.kubectl(
        wanted[0].cluster, "apply", *how, *dry, *more, seconds=SECONDS, stdin=documents
    )
    return by_identity(said)


def _mend(stack: Stack, found: Drift) -> None:
    """Apply one object again. Raises UserError."""
    wanted = found.object
    for _ in range(TRIES):
        live = _live(stack, wanted.cluster, [wanted])
        there = live.get(wanted.identity)
        managed = managed_fields.entries(there) if there else []
        # what kubectl added is the stack's first, so that its apply removes it
        taken = managed_fields.taken_over(managed, wanted.manager, wanted.document["apiVersion"])
        try:
            if there and taken != managed:
                _set_owners(stack, wanted, there, taken)
                continue  # what it owns now decides what is sent
        except Conflict:
            continue
        _apply(stack, [wanted], live)
        return
    again = project.task("heal-all", stack.name)
    raise UserError(f"it is changed all the time by others. Again: {again}")


def _set_owners(
    stack: Stack, wanted: StackObject, live: Mapping[str, Any], managed: Sequence[Any]
) -> None:
    change, document = managed_fields.replaced(live, managed), json.dumps(wanted.document)
    stack.objects.patch_by_kubectl(wanted.cluster, ["--filename=-"], change, "json", stdin=document)


def _wait(stack: Stack, wanted: StackObject) -> None:
    """Wait until the pods of a workload are ready. Raises UserError."""
    group, kind, namespace, name = wanted.identity
    if group == "apps":
        rollout.wait_ready(stack, wanted.cluster, Workload(kind, namespace, name))
