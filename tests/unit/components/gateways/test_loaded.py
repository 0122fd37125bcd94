"""Whether `up` waits until each edge pod has loaded the new version, and says why one has not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from pulumi.runtime.rpc import UNKNOWN

from components import kubectl
from components.gateways.loaded import (
    NOT_TAKEN,
    REFUSED_AFTER,
    SECONDS,
    _LoadedProvider,
    refusal,
    state,
    wait,
)
from foundation.commands import Failed
from foundation.errors import UserError

PROPS = {
    "cluster": "corp-edge",
    "kubeconfig": "",
    "namespace": "tetrate-system",
    "selector": "app=gateway",
    "version": "new",
}
REFUSAL = (
    "[2026-11-27 18:35:03.615][1][warning][config] [filesystem_subscription_impl.cc:1] "
    "Filesystem config update rejected: no such field: 'prority'"
)


def told(files: str, *loaded: str, warming: int = 0) -> str:
    lines = [f'http.{number}.version_text: "{each}"' for number, each in enumerate(loaded)]
    return "\n".join([f"files: {files}", *lines, f"cluster_manager.warming_clusters: {warming}"])


GOOD, OLD, UNWILLING = told("new", "new", "new"), told("old", "old", "old"), told("new", "old")


class Pods:
    """Pods that tell one thing after another; time goes on with every look."""

    def __init__(self, log: str = "", **sayings: Sequence[str]) -> None:
        self.log, self.now = log, 0.0
        self.asked: list[int] = []
        self.sayings: dict[str, Iterator[str]] = {pod: iter(s) for pod, s in sayings.items()}
        self.last: dict[str, str] = {}

    def load(self, _: object, tries: int) -> list[str]:
        self.asked.append(tries)
        self.now += 2.5
        return list(self.sayings)

    def look(self, _: object, pod: str) -> str:
        self.last[pod] = next(self.sayings[pod], self.last.get(pod, ""))
        return self.last[pod]

    def wait(self) -> None:
        def pause(seconds: float) -> None:
            self.now += seconds

        wait(PROPS, self.load, self.look, lambda *_: self.log, lambda: self.now, pause)


def test_every_pod_is_waited_for_and_asked_again() -> None:
    pods = Pods(one=[GOOD], two=[OLD, told("new", "new", warming=1), GOOD])
    pods.wait()
    assert pods.asked == [1, 2, 3]


def test_pods_that_have_it_are_asked_once() -> None:
    pods = Pods(one=[GOOD], two=[GOOD])
    pods.wait()
    assert pods.asked == [1]


def test_a_pod_that_ends_while_it_is_asked_is_no_failure() -> None:
    pods = Pods(one=[GOOD])
    load, gone = pods.load, iter([Failed('pods "gateway-old" not found')])

    def once(props: object, tries: int) -> list[str]:
        for error in gone:
            raise error
        return load(props, tries)

    pods.load = once  # type: ignore[method-assign]
    pods.wait()
    assert pods.asked == [2]


def test_what_keeps_pods_from_being_asked_is_said() -> None:
    pods = Pods()

    def never(_: object, __: int) -> list[str]:
        pods.now += 2.5
        raise Failed("pods is forbidden")

    pods.load = never  # type: ignore[method-assign]
    with pytest.raises(UserError, match=f"within {SECONDS:.0f} s, pods is forbidden; look: "):
        pods.wait()


def test_a_pod_that_ends_before_its_log_is_read_is_no_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ask(*_: object) -> str:
        raise Failed('pods "one" not found')

    monkeypatch.setattr(kubectl, "ask", ask)
    pods = Pods(one=[UNWILLING] * REFUSED_AFTER + [GOOD])
    wait(PROPS, pods.load, pods.look, None, lambda: pods.now, lambda _: None)


def test_a_slow_machine_has_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO_PATIENCE", "2")
    Pods(one=[OLD] * 30 + [GOOD]).wait()


def test_a_refusal_ends_the_update_with_the_reason_of_envoy() -> None:
    pods = Pods(REFUSAL, one=[GOOD], two=[UNWILLING])
    with pytest.raises(UserError, match=r"corp-edge: Envoy refuses .*no such field: 'prority'"):
        pods.wait()
    assert len(pods.asked) == REFUSED_AFTER


def test_a_slow_pod_is_not_taken_for_an_unwilling_one() -> None:
    Pods(REFUSAL, one=[UNWILLING, GOOD]).wait()
    Pods("", one=[UNWILLING] * 5 + [GOOD]).wait()


@pytest.mark.parametrize(
    ("sayings", "why"),
    [
        ({"one": [OLD]}, "one: its volume still has the old files"),
        ({"one": [told("new", "new", warming=2)]}, "one: it still looks for its gateways"),
        ({"one": ["container not found"]}, "one: it does not tell: container not found"),
        ({}, "no such pod runs"),
    ],
)
def test_what_stays_late_is_said(sayings: dict[str, list[str]], why: str) -> None:
    pods = Pods(**sayings)
    with pytest.raises(UserError, match=f"within {SECONDS:.0f} s, {why}; look: "):
        pods.wait()
    assert pods.now >= SECONDS


def test_a_pod_is_done_only_when_all_its_files_are() -> None:
    assert state(GOOD, "new") == ""
    assert state(told("new", "new", "old"), "new") == NOT_TAKEN
    assert state(told("new"), "new").startswith("it does not tell")
    assert state("", "new") == "it does not tell: no answer"


CERTIFICATES = {"mesh_": "m2", "bank.example": "b2"}


def shown(text: str, **versions: str) -> str:
    """What a pod tells that has certificates."""
    lines = [f'sds.{name}.version_text: "{each}"' for name, each in versions.items()]
    return "\n".join([text, *lines])


def test_a_pod_is_done_only_when_it_shows_every_certificate() -> None:
    assert state(shown(GOOD, **CERTIFICATES), "new", CERTIFICATES) == ""
    old = {**CERTIFICATES, "bank.example": "b1"}
    late = "it shows the old certificate bank.example"
    assert state(shown(GOOD, **old), "new", CERTIFICATES) == late
    assert state(GOOD, "new", CERTIFICATES) == "it shows the old certificate mesh"


def test_a_gateway_loads_certificates_alone() -> None:
    plain = "files: \ncluster_manager.warming_clusters: 0"
    wanted = {"mesh_": "m2"}
    assert state(shown(plain, mesh_="m2"), "", wanted) == ""
    assert state(shown(plain, mesh_="m1"), "", wanted) == "it shows the old certificate mesh"
    assert state(plain, "", wanted).startswith("it does not tell")


def test_the_last_refusal_counts() -> None:
    other = REFUSAL.replace("rejected", "failure").replace("prority", "weigth")
    assert refusal(f"{REFUSAL}\nx\n{other}\n") == "no such field: 'weigth'"
    assert refusal("all is well\n") == ""


def test_the_reason_comes_after_the_text_of_what_is_refused() -> None:
    dump = REFUSAL.partition("rejected: ")[0] + 'rejected: goo.gle/debugonly   \nname: "a"\n}'
    assert refusal(f"{dump}\n: Proto constraint validation failed (a)\n{{}}\n") == (
        "Proto constraint validation failed (a)"
    )


def test_a_reason_without_end_is_cut() -> None:
    assert refusal(REFUSAL + " x" * 1000).startswith("no such field: 'prority' x")
    assert len(refusal(REFUSAL + " x" * 1000)) <= 500


@pytest.mark.parametrize("files_version", ["7", "9"])
def test_files_that_changed_meanwhile_are_waited_for_though_the_version_is_the_old_one(
    files_version: str,
) -> None:
    noted = {**PROPS, "files_version": "7"}
    now = {**PROPS, "files_version": files_version, "kubeconfig": "another"}
    assert _LoadedProvider().diff("", noted, now).changes == (files_version != "7")


@pytest.mark.parametrize(
    ("preview", "files", "files_version", "planned"),
    [
        (True, "a", "7", "7"),
        (True, "b", "7", UNKNOWN),  # they will change
        (True, "a", "9", UNKNOWN),  # they are changed already, and will be changed back
        (False, "b", "9", "9"),
    ],
)
def test_a_plan_does_not_hold_an_update_to_the_version_of_files_that_will_change(
    preview: bool, files: str, files_version: str, planned: str
) -> None:
    noted = {**PROPS, "files": "a", "files_version": "7"}
    now = {**PROPS, "files": files, "files_version": files_version}
    checked = _LoadedProvider().check(noted, {**now, "preview": preview})
    assert checked.inputs == {**now, "files_version": planned}
