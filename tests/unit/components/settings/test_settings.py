"""What the configuration may hold, and how each wrong value is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from components.routing.failback import Failback
from components.routing.targets import ApplicationCluster, LbMode
from components.settings.existing import ExistingSettings
from components.settings.local import LocalSettings
from components.settings.model import Settings, read
from components.settings.values import SettingsError
from foundation.project import ROOT
from tests.support.isolation import PROJECT
from tests.support.stack_settings import settings


def local(chosen: Settings) -> LocalSettings:
    assert isinstance(chosen.backend, LocalSettings)
    return chosen.backend


def test_every_key_has_a_default() -> None:
    chosen = settings()
    assert chosen.lb_mode is LbMode.ACTIVE
    assert local(chosen).nodes == 1
    assert chosen.clusters == (
        ApplicationCluster("east-cluster", "us-east1"),
        ApplicationCluster("west-cluster", "us-west1"),
    )
    assert chosen.active_cluster == "east-cluster"
    assert chosen.edge_region == "us-east1"
    assert (chosen.gateway_replicas, chosen.edge_replicas) == (2, 2)
    assert chosen.manifest == (ROOT / "manifests" / "app.yaml",)


def test_the_edge_is_in_the_active_clusters_region_unless_told_otherwise() -> None:
    assert settings(activeCluster="west-cluster").edge_region == "us-west1"
    assert settings(activeCluster="west-cluster", edgeRegion="us-south1").edge_region == "us-south1"


@pytest.mark.parametrize(("given", "meant"), [("true", True), ("false", False), (True, True)])
def test_true_and_false_are_what_pulumi_makes_of_them(given: object, meant: bool) -> None:
    chosen = settings(backend="existing", allowSharedCluster=given).backend
    assert isinstance(chosen, ExistingSettings) and chosen.may_share is meant


def test_modes_give_weights() -> None:
    both = {"east-cluster": 100, "west-cluster": 100}
    west = {"east-cluster": 0, "west-cluster": 100}
    assert settings(lbMode="active").edge_weights == both
    assert settings(lbMode="standby", activeCluster="west-cluster").edge_weights == west
    assert settings(lbMode="locality").edge_weights == dict.fromkeys(both)


def test_ports_are_a_run_that_begins_with_the_edge_and_goes_on_with_the_clusters() -> None:
    ports = local(settings(localPort="8443")).ports
    assert (ports.https, ports.http) == (8443, 8444)
    assert [ports.api(index) for index in range(3)] == [8445, 8446, 8447]


def test_clusters_are_in_the_order_of_the_settings_behind_the_edge() -> None:
    two = [{"name": "a", "region": "us-east1"}, {"name": "b", "region": "us-west1"}]
    three = [*two, {"name": "c", "region": "us-west1", "weight": 5}]
    many = settings(clusters=three)
    assert many.cluster_names == ("corp-edge", "a", "b", "c")
    assert many.clusters[2].weight == 5


def test_configuration_of_pulumi_itself_is_left_alone() -> None:
    assert read({"pulumi:disable-default-providers": "[]"}, "west", ROOT).stack == "west"


def test_a_list_given_as_a_value_is_read_as_one_given_as_text() -> None:
    clusters = [{"name": "a", "region": "us-east1"}]
    given: dict[str, object] = {f"{PROJECT}:clusters": clusters}
    assert read(given, "west", ROOT).clusters[0].name == "a"  # type: ignore[arg-type]


CLUSTER = {"name": "a", "region": "us-east1"}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "lbMode",
            "standy",
            r"^lbMode in Pulumi\.west\.yaml is 'standy': use one of active, standby, locality "
            r"\(did you mean standby\?\)$",
        ),
        ("lbMode", "", "lbMode .* is '': use one of active, standby, locality$"),
        ("backend", "locl", r"is 'locl': .* local, existing, gke \(did you mean local\?\)$"),
        ("platform", "tetrat", r"use one of envoy, tetrate \(did you mean tetrate\?\)$"),
        ("lbmode", "standby", r"unknown key lbmode .* \(did you mean lbMode\?\); remove it: "),
        ("colour", "red", "unknown key colour in Pulumi.west.yaml; .* config rm colour$"),
        (
            "clusters[2].region",
            "a",
            r"config rm 'clusters\[2\]\.region'; a key into a list is set w",
        ),
        ("activeCluster", "north", "'north': use one of east-cluster, west-cluster$"),
        ("edgeRegion", "US East", "edgeRegion .* is 'US East': use a region's name"),
        (
            "manifest",
            "manifests/none.yaml",
            "manifest .* there is no such file or folder in .*; name",
        ),
        ("httpProfile", "manifests", "httpProfile .* there is no such file"),
        ("localPort", "80", "localPort .* is '80': use a whole number from 1024 to 65520$"),
        ("localPort", "65521", "use a whole number from 1024 to 65520$"),
        ("localPort", "8443.5", "localPort .* use a whole number"),
        ("localNodes", "0", "localNodes .* from 1 to 5$"),
        ("gatewayReplicas", "-1", "gatewayReplicas .* from 1 to 10$"),
        ("edgeReplicas", "two", "edgeReplicas .* is 'two': use a whole number from 1 to 10$"),
        ("lbmode", "active", r"unknown key lbmode .* \(did you mean lbMode\?\)"),
        ("clusters", [], "use a list with at least one name and region"),
        ("clusters", "east", "use a list with at least one name and region"),
        ("clusters", {"name": "a"}, "use a list with at least one name and region"),
        (
            "clusters",
            [None, CLUSTER],
            r"clusters\[0\] in .* is empty; a list .* config rm clusters",
        ),
        ("clusters", ["a"], r"clusters\[0\] .* is 'a': use an object with name and region"),
        ("clusters", [CLUSTER] * 14, "has 14 entries; use at most 13"),
        ("clusters", [CLUSTER, CLUSTER], r"clusters\[1\]\.name .* 'a': another cluster has it"),
        ("clusters", [{**CLUSTER, "name": "corp-edge"}], "'corp-edge': that is the edge's own"),
        ("clusters", [{**CLUSTER, "name": "A"}], r"clusters\[0\]\.name .* is 'A': use 1 to 40"),
        ("clusters", [{"region": "us-east1"}], r"clusters\[0\] .* has no name; a list"),
        ("clusters", [{"name": "a"}], r"clusters\[0\] .* has no region; a list"),
        ("clusters", [{**CLUSTER, "weight": -1}], r"weight .* is '-1': use a whole number from 0"),
        ("clusters", [{**CLUSTER, "weight": 1.5}], r"weight .* is '1.5': use a whole number"),
        ("clusters", [{**CLUSTER, "weight": 0}], "clusters in Pulumi.west.yaml: .* weight"),
        ("clusters", [{**CLUSTER, "wieght": 1}], r"unknown key clusters\[0\]\.wieght .* weight\?"),
    ],
)
def test_wrong_values_are_refused(key: str, value: object, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as refusal:
        settings(**{key: value})
    assert "\n" not in str(refusal.value)


def test_failback_is_at_once_unless_it_is_chosen_otherwise() -> None:
    assert settings().failback is Failback.AT_ONCE
    assert settings(failback="manual").failback is Failback.MANUAL


def test_an_unknown_failback_is_refused_and_the_platform_decides_itself() -> None:
    allowed = "use one of atOnce, ramped, manual"
    with pytest.raises(SettingsError, match=f"failback in Pulumi.* is 'slowly': {allowed}"):
        settings(failback="slowly")
    with pytest.raises(SettingsError, match=r"failback .* is 'ramped': platform tetrate decides"):
        settings(platform="tetrate", backend="existing", failback="ramped")


def test_the_refusal_names_the_stacks_own_file() -> None:
    with pytest.raises(SettingsError, match=r"in Pulumi\.east\.yaml is"):
        settings(stack="east", lbMode="none")


def test_a_key_that_pulumi_yaml_does_not_declare_is_not_read(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "manifests", tmp_path / "manifests")
    project = (ROOT / "Pulumi.yaml").read_text()
    (tmp_path / "Pulumi.yaml").write_text(project.replace("  edgeReplicas:", "  renamed:"))
    with pytest.raises(SettingsError, match="unknown key edgeReplicas"):
        settings(tmp_path, edgeReplicas="2")


@pytest.mark.parametrize(
    "key", ["gcp:project", "kubernetes:context", "aws:region", "pulumi:tags", "a:lbMode", "x:y:z"]
)
def test_keys_of_other_namespaces_are_no_business_of_ours(key: str) -> None:
    chosen = read({key: "theirs", f"{PROJECT}:lbMode": "standby"}, "west", ROOT)
    assert chosen.lb_mode is LbMode.STANDBY


@pytest.mark.parametrize(
    "key", ["multi-cluster-resilency:lbMode", f"{PROJECT}:gcp:project", f"{PROJECT}:lbmode"]
)
def test_a_key_that_is_meant_for_the_demo_is_not_ignored(key: str) -> None:
    with pytest.raises(SettingsError, match=r"unknown key .* in Pulumi\.west\.yaml.* remove it"):
        read({key: "standby"}, "west", ROOT)


@pytest.mark.parametrize("key", ["manifest", "httpProfile"])
@pytest.mark.parametrize("lines", [1, 200], ids=["short", "longer than a name may be"])
def test_contents_in_place_of_a_path_are_refused_in_one_short_line(key: str, lines: int) -> None:
    text = "apiVersion: v1\nkind: Secret\n" * lines
    with pytest.raises(
        SettingsError, match=rf"^{key} .* is 'apiVersion: v1.*': there is no such"
    ) as refusal:
        settings(**{key: text})
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 300 + len(str(ROOT))


def test_a_manifest_may_be_several_files_and_folders() -> None:
    names = ["manifests/app.yaml", "manifests"]
    chosen = read({"manifest": json.dumps(names)}, "west", ROOT)
    assert chosen.manifest == tuple(ROOT / name for name in names)
    with pytest.raises(
        SettingsError, match=r"manifest .* is 'none': there is no such file or folder"
    ):
        read({"manifest": '["manifests/app.yaml", "none"]'}, "west", ROOT)
    with pytest.raises(
        SettingsError, match=r"manifest .* name a file, a folder, or a list of them"
    ):
        read({"manifest": "[]"}, "west", ROOT)
