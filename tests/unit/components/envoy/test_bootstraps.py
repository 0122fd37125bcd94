"""What is rendered for Envoy as a whole; the real Envoy checks every bootstrap."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from components.envoy.common import checksum, render
from components.envoy.edge_clusters import EdgeConfig
from components.envoy.edge_config import edge_bootstrap, edge_files
from components.envoy.gateway_config import gateway_files
from components.envoy.tls import MESH, SDS_FILE, sds_file
from components.profile.requests import RequestRules
from components.routing.targets import LbMode
from foundation.certificates import authority, leaf
from tests.support.envoy_lab import CLUSTERS, paths
from tests.support.envoy_process import envoy_binary
from tests.support.rendered import (
    EARLIER,
    PLAIN,
    PORTAL,
    PROFILE,
    SHOP,
    SILENT,
    SOUTH,
    edge,
    gateway,
)

LARGEST = replace(PROFILE, requests=RequestRules(headers_size=8 * 1024 * 1024))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with every certificate that a bootstrap of these tests names."""
    root = tmp_path_factory.mktemp("validate")
    issuer = authority("test")
    pair = leaf(issuer, "test", ["test"])
    for name in ("mesh", "certs/online-banking-certs", "certs/shop-certs"):
        (root / name).mkdir(parents=True)
        (root / name / "tls.crt").write_text(pair.certificate)
        (root / name / "tls.key").write_text(pair.key)
        (root / name / "ca.crt").write_text(issuer.certificate)
        known = MESH if name == "mesh" else (root / name).name
        (root / name / SDS_FILE).write_text(sds_file(known, pair.certificate, pair.key))
    (root / "config").mkdir()
    return root


EVERY_BOOTSTRAP = {
    **{f"edge {mode}": edge(mode) for mode in LbMode},
    "edge with several certificates": edge(routes=(PORTAL, SHOP, PLAIN)),
    "edge without https": edge(routes=(PLAIN,)),
    "edge with own addresses": edge(own_addresses=("127.0.0.1", "localhost"), https_port=10443),
    "edge with three clusters": edge(clusters=[*CLUSTERS, SOUTH]),
    "gateway": gateway(),
    "gateway with several services": gateway((PORTAL, SHOP, PLAIN)),
    "gateway with two peers": gateway(clusters=[*CLUSTERS, SOUTH]),
    "gateway alone": gateway(clusters=CLUSTERS[:1]),
    "edge of the earlier demo": replace(edge(), profile=EARLIER),
    "gateway of the earlier demo": replace(gateway(), profile=EARLIER),
    "edge of an empty profile": replace(edge(), profile=SILENT),
    "gateway of an empty profile": replace(gateway(), profile=SILENT),
    "edge with the largest headers": replace(edge(), profile=LARGEST),
    "gateway with the largest headers": replace(gateway(), profile=LARGEST),
}


@pytest.mark.parametrize("name", EVERY_BOOTSTRAP)
def test_envoy_accepts_the_bootstrap_without_a_warning(name: str, folder: Path) -> None:
    config = replace(EVERY_BOOTSTRAP[name], paths=paths(folder))
    if isinstance(config, EdgeConfig):  # as a whole, for Envoy does not validate other files
        files = {"envoy.yaml": render(edge_bootstrap(config))}
    else:
        files = gateway_files(config)
    for file, text in files.items():
        (folder / "config" / file).write_text(text)
    done = subprocess.run(
        [
            envoy_binary(),
            *("--mode", "validate", "--config-path", folder / "config" / "envoy.yaml"),
            *("--service-node", "test", "--service-cluster", "test", "--log-level", "warning"),
        ],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_equal_settings_give_equal_text_and_any_change_another_checksum() -> None:
    active = edge_files(edge())
    assert active == edge_files(edge())
    assert checksum(active) == checksum(edge_files(edge()))
    assert checksum(active) != checksum(edge_files(edge(LbMode.STANDBY)))
    assert checksum({"a": "b", "c": ""}) != checksum({"a": "", "c": "b"})
    assert active["version"] != edge_files(edge(LbMode.STANDBY))["version"]


def test_the_edges_files_are_its_whole_configuration() -> None:
    """What leaves the bootstrap is what is loaded: nothing is lost or there twice."""
    files = edge_files(edge(routes=(PORTAL, SHOP, PLAIN)))
    parts = {name: yaml.safe_load(text) for name, text in files.items()}
    assert {parts[n]["version_info"] for n in parts if n.startswith(("cds", "rds"))} == {
        files["version"]
    }
    whole = parts["envoy.yaml"]
    del whole["dynamic_resources"]
    loaded = [dict(each) for each in parts["cds.yaml"]["resources"]]
    whole["static_resources"]["clusters"] = loaded
    for listener in whole["static_resources"]["listeners"]:
        for chain in listener["filter_chains"]:
            manager = chain["filters"][0]["typed_config"]
            if rds := manager.pop("rds", None):
                path = rds["config_source"]["path_config_source"]["path"]
                (routes,) = parts[path.rpartition("/")[2]]["resources"]
                manager["route_config"] = {k: v for k, v in routes.items() if k != "@type"}
    for each in loaded:
        del each["@type"]
    version = files["version"]
    expected = replace(edge(routes=(PORTAL, SHOP, PLAIN)), version=version)
    assert whole == edge_bootstrap(expected)


@pytest.mark.parametrize("mode", [LbMode.STANDBY, LbMode.LOCALITY])
def test_a_switch_leaves_the_bootstrap_as_it_is(mode: LbMode) -> None:
    active, other = edge_files(edge()), edge_files(edge(mode))
    assert active["envoy.yaml"] == other["envoy.yaml"]
    assert active["cds.yaml"] != other["cds.yaml"]


def test_text_has_no_aliases() -> None:
    shared = [1]
    assert render({"a": shared, "b": shared}) == "a:\n- 1\nb:\n- 1\n"
