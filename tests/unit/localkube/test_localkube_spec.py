"""The address plan and what is written for each cluster."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from itertools import combinations
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from localkube import spec
from localkube.cluster import clusters
from localkube.spec import MAX_CLUSTERS, ClusterSpec

MAX_NODES = 14
"""As many as the addresses of a cluster allow: sixteen, less the outer two."""


def cluster(index: int = 0, nodes: int = 1, lab: str = "/demo/lab") -> ClusterSpec:
    return ClusterSpec(lab, f"cluster-{index}", index, nodes, 9000 + index, {"9443": 443})


def test_no_two_clusters_share_an_address() -> None:
    for one, other in combinations(range(MAX_CLUSTERS), 2):
        for kind in (spec.node_range, spec.pod_range, spec.service_range):
            assert not ip_network(kind(one)).overlaps(ip_network(kind(other))), (kind, one, other)


def test_nodes_pods_and_services_do_not_overlap() -> None:
    ranges = [
        ip_network(kind(index))
        for index in range(MAX_CLUSTERS)
        for kind in (spec.node_range, spec.pod_range, spec.service_range)
    ]
    assert not any(one.overlaps(other) for one, other in combinations(ranges, 2))


def test_the_bridge_has_an_address_that_no_node_has() -> None:
    nodes = [node for index in range(MAX_CLUSTERS) for node in cluster(index, MAX_NODES).members]
    assert spec.BRIDGE_ADDRESS not in {node.address for node in nodes}
    assert len({node.address for node in nodes}) == MAX_CLUSTERS * MAX_NODES


def test_each_node_has_pods_of_its_own_within_the_clusters_range() -> None:
    members = cluster(3, MAX_NODES).members
    ranges = [ip_network(node.pod_range) for node in members]
    assert all(each.subnet_of(ip_network(spec.pod_range(3))) for each in ranges)
    assert len(set(ranges)) == MAX_NODES


def test_dns_and_api_have_addresses_of_the_service_range() -> None:
    services = ip_network(spec.service_range(2))
    assert ip_address(spec.dns_address(2)) == services[10]


def test_the_relay_leads_to_the_first_node() -> None:
    assert cluster(1).relayed == {
        9001: ("10.89.0.33", spec.API_PORT),
        9443: ("10.89.0.33", 443),
    }


def test_a_saved_cluster_is_read_back_the_same(tmp_path: Path) -> None:
    saved = cluster(2, 3, str(tmp_path))
    saved.folder.mkdir(parents=True)
    saved.save()
    assert ClusterSpec.load(saved.folder) == saved


def test_labs_in_two_folders_have_two_cgroups() -> None:
    assert spec.lab_cgroup(Path("/a/lab")) != spec.lab_cgroup(Path("/b/lab"))
    assert cluster(lab="/a/lab").members[0].cgroup != cluster(lab="/b/lab").members[0].cgroup


def test_the_name_of_a_link_fits_the_kernel() -> None:
    from localkube.network import port_name

    last = cluster(MAX_CLUSTERS - 1, MAX_NODES).members[-1]
    assert len(port_name(last)) <= 15


NAMES = st.lists(st.sampled_from("abcdefghijklmnopqrst"), unique=True, max_size=MAX_CLUSTERS - 1)


def test_a_new_lab_numbers_its_clusters_in_order() -> None:
    assert spec.numbered(["edge", "a", "b"], {}) == {"edge": 0, "a": 1, "b": 2}


@given(NAMES, NAMES)
def test_a_cluster_that_stays_keeps_its_addresses_wherever_others_come_and_go(
    before: list[str], after: list[str]
) -> None:
    known = spec.numbered(["edge", *before], {})
    found = spec.numbered(["edge", *after], known)
    stay = [name for name in after if name in before]
    assert {name: found[name] for name in stay} == {name: known[name] for name in stay}
    assert len(set(found.values())) == len(found)
    assert set(found.values()) <= set(range(MAX_CLUSTERS))
    new = {found[name] for name in after if name not in before}
    if len({*before, *after}) < MAX_CLUSTERS:
        assert not new & set(known.values()), "those that go hold theirs until the end"


def test_a_cluster_that_is_not_whole_has_no_index_yet(tmp_path: Path) -> None:
    for index, text in enumerate((None, "", "{}", "[1]")):
        made = cluster(index, lab=str(tmp_path))
        made.folder.mkdir(parents=True)
        made.save() if text is None else (made.folder / "spec.json").write_text(text)
    assert spec.indexes(tmp_path) == {"cluster-0": 0}
    assert [each.name for each in clusters(tmp_path)] == ["cluster-0"]
    assert spec.indexes(tmp_path / "none") == {}
