"""The keys of backend gke: what they mean, and how each wrong value or combination is refused."""

from __future__ import annotations

import itertools
from ipaddress import IPv4Network

import pytest

from components.backends.gke_network import MAX_CLUSTERS, ranges
from components.settings.clusters import MAX_APPLICATION_CLUSTERS
from components.settings.gke import Location, Mode, ReleaseChannel
from components.settings.local import LocalSettings
from components.settings.values import SettingsError
from tests.support.stack_settings import gke_settings, google


def test_a_project_is_all_that_has_to_be_said() -> None:
    chosen = gke_settings()
    assert chosen.edge_region == "us-central1"
    gke = google(chosen)
    assert (gke.mode, gke.location) == (Mode.STANDARD, Location.ZONAL)
    assert (gke.machine_type, gke.nodes, gke.max_nodes) == ("e2-standard-2", 1, 3)
    assert gke.is_autoscaled and gke.private_nodes and not gke.deletion_protection
    assert gke.release_channel is ReleaseChannel.REGULAR
    assert gke.authorized_networks == () and gke.labels == {}


def test_the_edges_region_is_that_of_the_settings_and_googles_middle_only_with_gke() -> None:
    assert gke_settings(edgeRegion="us-south1").edge_region == "us-south1"
    assert gke_settings(backend="local").edge_region == "us-east1"


def test_autopilot_is_regional_without_being_told() -> None:
    gke = google(gke_settings(gkeMode="autopilot"))
    assert gke.is_autopilot and gke.location is Location.REGIONAL


def test_lists_are_read_as_they_are_written() -> None:
    gke = google(
        gke_settings(gkeLabels=["team=web", "cost="], gkeAuthorizedNetworks=["10.0.0.0/8"])
    )
    assert gke.labels == {"team": "web", "cost": ""}
    assert gke.authorized_networks == ("10.0.0.0/8",)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("gkeProject", "", "gkeProject in .* is missing: .* config set gkeProject PROJECT-ID$"),
        ("gkeProject", "My Demo", "gkeProject .* is 'My Demo': use a project's id"),
        ("gkeMode", "autopilt", r"gkeMode .* standard, autopilot \(did you mean autopilot\?\)$"),
        ("gkeLocation", "zone", "gkeLocation .* use one of regional, zonal"),
        ("gkeMachineType", "big", "gkeMachineType .* is 'big': use a machine type, such as e2-"),
        ("gkeNodes", "0", "gkeNodes .* from 1 to 20$"),
        ("gkeNodes", "4", r"gkeMaxNodes .* is '3': use gkeNodes \(4\) or more$"),
        (
            "gkeReleaseChannel",
            "fast",
            "gkeReleaseChannel .* rapid, regular, stable, extended, none",
        ),
        ("gkePrivateNodes", "yes", "gkePrivateNodes .* use true or false"),
        ("gkeAuthorizedNetworks", ["10.0.0.1/8"], "has host bits set; use ranges such as"),
        (
            "gkeAuthorizedNetworks",
            "10.0.0.0/8",
            r"use a list: .*--path 'gkeAuthorizedNetworks\[0\]'",
        ),
        ("gkeLabels", ["Team=web"], "gkeLabels .* is 'Team=web': use entries name=value"),
        ("gkeLabels", {"team": "web"}, "gkeLabels .* use a list"),
        ("edgeRegion", "moon", "corp-edge .* in region 'moon': backend gke needs one of Google's"),
        ("clusters", [{"name": "a", "region": "eu"}], "^a in .* is in region 'eu'"),
        ("clusters", [{"name": "a" * 40, "region": "us-east1"}], "longer than 40 .* shorter name"),
        ("exposure", "NodePort", "exposure .* is 'NodePort': backend gke has load balancers"),
        ("gcp:project", "my-demo-1", r"unknown key gcp:project .*\(did you mean gkeProject\?\)"),
    ],
)
def test_wrong_values_are_refused(key: str, value: object, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as refusal:
        gke_settings(**{key: value})
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("also", "message"),
    [
        ({"gkeLocation": "zonal"}, "gkeLocation .* Autopilot clusters are regional"),
        ({"gkeReleaseChannel": "none"}, "gkeReleaseChannel .* Autopilot clusters need a channel"),
    ],
)
def test_what_autopilot_has_not_is_refused(also: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        gke_settings(gkeMode="autopilot", **also)


@pytest.mark.parametrize("stack", ["West", "my_stack", "a" * 21, "west-"])
def test_a_stack_whose_name_google_does_not_take_is_refused(stack: str) -> None:
    with pytest.raises(SettingsError, match="call a stack of backend gke by 1 to 20"):
        gke_settings(stack)


def test_other_backends_need_nothing_of_it() -> None:
    chosen = gke_settings("My_Stack", backend="local", gkeProject="")
    assert isinstance(chosen.backend, LocalSettings)


def test_the_edges_address_is_that_of_the_settings() -> None:
    gke = google(gke_settings(edgeAddress="edge.example.com:8443"))
    assert (gke.edge_host, gke.edge_port) == ("edge.example.com", 8443)
    assert (google(gke_settings()).edge_host, google(gke_settings()).edge_port) == ("", 443)


def test_no_range_of_any_cluster_meets_another() -> None:
    assert MAX_CLUSTERS >= MAX_APPLICATION_CLUSTERS + 1
    plans = [ranges(index) for index in range(MAX_APPLICATION_CLUSTERS + 1)]
    networks = [
        IPv4Network(text)
        for plan in plans
        for text in (plan.nodes, plan.pods, plan.services, plan.control_plane)
    ]
    for one, other in itertools.combinations([*networks, IPv4Network("172.17.0.0/16")], 2):
        assert not one.overlaps(other), f"{one} and {other}"
    assert {IPv4Network(plan.control_plane).prefixlen for plan in plans} == {28}
    assert all(network.is_private for network in networks)


def test_there_are_no_more_places_than_ranges() -> None:
    with pytest.raises(ValueError, match="no position 16"):
        ranges(MAX_CLUSTERS)
