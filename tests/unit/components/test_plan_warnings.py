"""What stops an update, what a preview and an update only warn of, and how the program ends."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components import plan
from components.backends import choice
from components.errors import one_line
from components.profile.lint import traps
from components.profile.lint.model import Context
from components.routing.targets import ApplicationCluster, LbMode
from components.settings.model import Platform, read
from foundation.errors import UserError
from foundation.project import ROOT
from tests.support.plans import OWN, chosen, service, warned
from tests.support.profiles import EARLIER
from toolchain import patience


class Incapable:
    """A backend that this machine cannot run."""

    def check(self) -> None:
        raise UserError("no room")


@pytest.fixture
def incapable(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Lets `plan.make` meet such a backend; gives the warnings that follow."""
    warnings: list[str] = []
    monkeypatch.setattr(plan, "load", lambda root: read({}, "west", root))
    monkeypatch.setattr(choice, "of", lambda settings: Incapable())
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    return warnings


def test_an_update_stops_where_the_machine_cannot_run_the_clusters(
    incapable: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    with pytest.raises(UserError, match=r"^no room$"):
        plan.make(ROOT)
    assert incapable == []


def test_a_preview_goes_on_with_a_warning(
    incapable: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    assert plan.make(ROOT).routes
    assert incapable == ["pulumi up would stop here: no room"]


@pytest.mark.parametrize(
    ("mode", "edge", "named"),
    [
        (LbMode.LOCALITY, "z-1", ["region z-1 of stack west counts as farther than all others"]),
        (LbMode.LOCALITY, "us-west1", []),
        (LbMode.ACTIVE, "z-1", []),
    ],
)
def test_a_region_of_no_known_place_is_warned_of_where_it_decides_who_is_next(
    mode: LbMode, edge: str, named: list[str]
) -> None:
    settings = dataclasses.replace(read({}, "west", ROOT), lb_mode=mode, edge_region=edge)
    assert [line.partition(":")[0] for line in plan.unplaced(settings)] == named


def test_a_custom_kind_of_nobodys_is_warned_of_before_an_update_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": {"name": "shop", "namespace": "shops"},
    }
    settings = chosen(tmp_path, service("shop", OWN), monitor)
    warnings = warned(monkeypatch, settings)
    plan.make(ROOT)
    (line,) = warnings
    assert "defines ServiceMonitor (monitoring.coreos.com/v1); " in line


def test_what_pods_would_wait_for_is_warned_of_before_an_update_waits_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = [{"configMapRef": {"name": name}} for name in ("cluster-info", "shop")]
    container = {"name": "shop", "image": "shop:1", "envFrom": groups}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "shop", "namespace": "shops", "labels": {"app": "shop"}},
        "spec": {"containers": [container]},
    }
    other = {**pod, "metadata": {"name": "mill", "namespace": "mills"}}
    mills = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mills"}}
    settings = chosen(tmp_path, service("shop", OWN), pod, mills, other)
    warnings = warned(monkeypatch, settings)
    plan.make(ROOT)
    said = [line.partition(" there, which")[0] for line in warnings]
    assert said == [
        "Pod shop in namespace shops needs the ConfigMap shop",
        "Pod mill in namespace mills needs the ConfigMap cluster-info",  # where nothing is exposed
        "Pod mill in namespace mills needs the ConfigMap shop",
    ]


@pytest.mark.parametrize("preview", [True, False], ids=["preview", "up"])
def test_a_wrong_patience_is_refused_before_anything_is_registered(
    incapable: list[str], monkeypatch: pytest.MonkeyPatch, preview: bool
) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: preview)
    monkeypatch.setenv(patience.VARIABLE, "five")
    with pytest.raises(UserError, match=r"^DEMO_PATIENCE is 'five', which is no number from 1 to"):
        plan.make(ROOT)
    assert incapable == []


@pytest.mark.parametrize("preview", [True, False], ids=["preview", "up"])
def test_traps_in_the_profile_are_warned_of_and_refused_by_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, preview: bool
) -> None:
    settings = chosen(tmp_path, service("shop", OWN), http_profile=EARLIER)
    monkeypatch.chdir(ROOT)
    warnings = warned(monkeypatch, settings)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: preview)
    made = plan.make(ROOT)
    context = Context("tests/support/profiles/earlier-demo.yaml")
    assert warnings == [trap.line for trap in traps(made.profile, context)] != []


@pytest.mark.parametrize(
    ("settings", "warning"),
    [
        ({"clusters": (ApplicationCluster("a", "b"),)}, "clusters (1)"),
        ({"platform": Platform.TETRATE, "lb_mode": LbMode.STANDBY}, "lbMode (standby)"),
    ],
)
def test_the_warnings_know_the_stacks_settings(
    incapable: list[str],
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    warning: str,
) -> None:
    changed = dataclasses.replace(read({}, "west", ROOT), **settings)
    monkeypatch.setattr(plan, "load", lambda root: changed)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    plan.make(ROOT)
    assert incapable[0].startswith(f"the stack's settings: {warning}: ")


def test_an_error_for_people_ends_the_program_with_its_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "error", said.append)
    with pytest.raises(SystemExit) as end, one_line():
        raise UserError("no room")
    assert (end.value.code, said) == (32, ["no room"])


def test_an_error_of_ours_keeps_its_traceback() -> None:
    with pytest.raises(KeyError), one_line():
        raise KeyError("a mistake in the program")
