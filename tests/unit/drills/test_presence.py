"""The look at each object after an update: what is missing fails it, who is silent does not."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from drills import presence, reconcile, stack_objects, update
from drills.stack import Stack
from drills.stack_objects import REPLICAS, StackObject
from foundation import project, run
from foundation.lists import as_list
from tests.support.drifts import deployment
from tests.support.managed_fields import STACK, entry

EAST = "east-cluster"
KUBECTL = """#!/bin/sh
case " $* " in
  *" --raw=/version "*) exit ${VERSION:-0} ;;
esac
case " $* " in
  *" horizontalpodautoscalers.autoscaling --namespace=shop "*)
    [ -z "$FORBIDDEN" ] || { echo "$FORBIDDEN" >&2; exit 1; } ;;
  *horizontalpodautoscalers*) exit 1 ;;
esac
cat > "$0.sent"
[ -z "$SAID" ] || { echo "$SAID" >&2; exit 1; }
cat "$0.live"
"""


def thing(name: str, kind: str = "ConfigMap", version: str = "v1", **more: Any) -> StackObject:
    metadata = {"namespace": "shop", "name": name}
    document = {"apiVersion": version, "kind": kind, "metadata": metadata, **more}
    return StackObject(EAST, document, "pulumi")


@given(some.sets(some.sampled_from("abcdef")), some.sets(some.sampled_from("abcdef")))
def test_exactly_what_is_not_there_is_named(wanted: set[str], there: set[str]) -> None:
    objects = [thing(name) for name in sorted(wanted)]
    live = {thing(name).identity: {} for name in there}
    assert presence.missing(EAST, objects, live) == [
        f"east-cluster: ConfigMap shop/{name} is missing" for name in sorted(wanted - there)
    ]


def test_what_is_being_deleted_is_neither_there_nor_applied_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    claim, job = thing("db", "PersistentVolumeClaim"), thing("once", "Job", "batch/v1")
    job.document["spec"] = {"ttlSecondsAfterFinished": 0}
    going = {"deletionTimestamp": "2026-12-01T12:00:00Z", "managedFields": []}
    documents = [
        {**o.document, "metadata": {**o.document["metadata"], **going}} for o in (claim, job)
    ]
    live = {o.identity: document for o, document in zip((claim, job), documents, strict=True)}
    line = "PersistentVolumeClaim shop/db is being deleted, and goes once nothing uses it"
    assert presence.missing(EAST, [claim, job], live) == [f"east-cluster: {line}"]
    monkeypatch.setattr(stack_objects, "load", lambda _: [claim, job])
    monkeypatch.setattr(Stack, "kubectl", lambda *_, **__: as_list(documents))
    stack = Stack("west", Path(), Path(), {EAST: 100}, "active")
    drifts = reconcile.look(stack).drifts
    assert [each.line for each in drifts] == [f"east-cluster: {line.replace('db is', 'db: is')}"]
    said: list[str] = []
    assert reconcile.mend(stack, drifts, said.append) == [f"{drifts[0].line}: run this again then"]
    assert not said


def test_another_version_of_the_api_is_the_same_object() -> None:
    wanted = thing("a", "HorizontalPodAutoscaler", "autoscaling/v2")
    live = thing("a", "HorizontalPodAutoscaler", "autoscaling/v1")
    assert not presence.missing(EAST, [wanted], {live.identity: {}})


@pytest.mark.parametrize(
    ("spec", "is_missed"), [({"ttlSecondsAfterFinished": 0}, False), ({}, True)]
)
def test_a_job_that_its_cluster_collects_is_not_missed(
    spec: dict[str, int], is_missed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = thing("migration", "Job", "batch/v1", spec=spec)
    assert bool(presence.missing(EAST, [job], {})) == is_missed
    monkeypatch.setattr(stack_objects, "load", lambda _: [job])
    monkeypatch.setattr(Stack, "kubectl", lambda *_, **__: "")
    stack = Stack("west", Path(), Path(), {EAST: 100}, "active")
    assert [each.line for each in reconcile.look(stack).drifts] == (
        ["east-cluster: Job shop/migration: is missing"] if is_missed else []
    )


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stack with two objects, and a kubectl that answers with what is in a file."""
    program = tmp_path / "kubectl"
    program.write_text(KUBECTL)
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(project, "stack_folder", lambda _: tmp_path)
    objects = [thing("a"), thing("b", "Secret", data={"password": "c2VjcmV0"})]
    monkeypatch.setattr(stack_objects, "load", lambda stack, secrets: objects)
    return program


def answer(program: Path, *names: str) -> None:
    items = [o.document for o in (thing("a"), thing("b", "Secret")) if o.identity.name in names]
    Path(f"{program}.live").write_text(json.dumps({"kind": "List", "items": items}))


def test_an_update_after_which_an_object_is_missing_fails(
    kubectl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(kubectl, "a", "b")
    assert presence.main(["--stack", "west"]) == 0
    assert "c2VjcmV0" not in Path(f"{kubectl}.sent").read_text(), "no values leave the state"
    answer(kubectl, "a")
    assert presence.main(["--stack", "west"]) == 1
    said = capsys.readouterr().err
    assert "east-cluster: Secret shop/b is missing" in said
    assert "./demo task heal-all -- --stack west" in said


def test_a_cluster_without_an_answer_is_named_and_fails_nothing(
    kubectl: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAID", "connection refused")
    monkeypatch.setenv("VERSION", "1")
    assert presence.main(["--stack", "west"]) == 0
    said = capsys.readouterr().err
    assert said == (
        "east-cluster does not answer; its objects were not looked at: connection refused\n"
    )


def test_a_kind_that_a_cluster_does_not_serve_any_more_is_a_loss(
    kubectl: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAID", 'no matches for kind "Cart" in version "shop.example.com/v1"')
    assert presence.main(["--stack", "west"]) == 1
    assert 'no matches for kind "Cart"' in capsys.readouterr().err


@pytest.fixture
def updated(kubectl: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """A Deployment with the replicas of an autoscaler that is gone; gives what is updated."""
    wanted = StackObject(EAST, deployment(2), STACK, urn="urn:of-shop")
    live = deployment(7)
    live["metadata"]["managedFields"] = [
        entry("kube-controller-manager", "Update", REPLICAS, subresource="scale")
    ]
    Path(f"{kubectl}.live").write_text(json.dumps({"kind": "List", "items": [live]}))
    monkeypatch.setattr(stack_objects, "load", lambda stack, secrets: [wanted])
    monkeypatch.setattr(Stack, "selected", lambda stack: stack)
    found: list[object] = []
    monkeypatch.setattr(update, "up", lambda stack, refreshed: found.append((stack, refreshed)))
    return found


def test_what_an_autoscaler_has_left_is_updated_again(
    updated: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    assert presence.main(["--stack", "west"]) == 0
    assert updated == [("west", ["urn:of-shop"])]
    assert capsys.readouterr().out == (
        "east-cluster: Deployment shop/shop has replicas of an autoscaler that is gone; it is"
        " updated again.\n"
    )


def test_who_may_list_no_autoscalers_of_a_namespace_has_an_update_that_went_well(
    updated: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORBIDDEN", "Error from server (Forbidden): horizontalpodautoscalers")
    assert presence.main(["--stack", "west"]) == 0
    assert not updated


def test_where_objects_are_missing_they_are_named_and_nothing_is_updated(
    updated: list[object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [*stack_objects.load("west", secrets=False), thing("a")]
    monkeypatch.setattr(stack_objects, "load", lambda stack, secrets: found)
    assert presence.main(["--stack", "west"]) == 1
    assert "ConfigMap shop/a is missing" in capsys.readouterr().err
    assert not updated  # heal-all mends both


def test_an_update_that_somebody_ends_lets_pulumi_end(
    updated: list[object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ended(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    monkeypatch.setattr(update, "up", ended)
    with run.handling([signal.SIGTERM], lambda *_: None):  # instead of the end of the tests
        assert presence.main(["--stack", "west"]) == 130
