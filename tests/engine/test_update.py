"""Updates by the real engine and the real Kubernetes provider, which writes YAML files here.

The provider's own render mode stands in for the clusters, so that there is a real state: what a
second update, a switch or a lost file would change is the real answer of both.
"""

from __future__ import annotations

import runpy
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest
from pulumi import automation

from components.backends.local import LocalBackend
from components.backends.protocol import MadeCluster
from components.clusters import cluster
from components.gateways import edge, envoys
from tests.components.conftest import kubeconfig
from tests.engine.conftest import changes, copy, new_stack

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("update")


@pytest.fixture(scope="module")
def stack(folder: Path) -> Iterator[automation.Stack]:
    """The whole demo, up in mode active, in clusters that are folders of YAML files."""
    patch = pytest.MonkeyPatch()
    patch.setattr(LocalBackend, "check", lambda self: None)
    patch.setattr(LocalBackend, "make", make)
    patch.setattr(edge, "Answer", lambda *args: None)  # nobody would answer
    load = envoys.load

    def loaded(*given: Any) -> Any:
        """Stands in for the edge's wait, which alone has a version: no pod would load it."""
        return given[1] if len(given) == 4 else load(*given)

    patch.setattr(envoys, "load", loaded)

    def rendering(name: str, *, opts: pulumi.ResourceOptions, **inputs: Any) -> Any:
        kept = ("enable_config_map_mutable", "enable_secret_mutable", "cluster_identifier")
        return kubernetes.Provider(
            name,
            render_yaml_to_directory=str(folder / "rendered" / name),
            opts=opts,
            **{key: inputs[key] for key in kept},
        )

    arguments = kubernetes.KubeClientSettingsArgs
    stand_in = SimpleNamespace(Provider=rendering, KubeClientSettingsArgs=arguments)
    patch.setattr(cluster, "kubernetes", stand_in)
    program = copy(folder) / "__main__.py"
    made = new_stack(folder, lambda: runpy.run_path(str(program)) and None)
    made.up()
    yield made
    made.destroy()
    patch.undo()


def make(self: LocalBackend, name: str, parent: pulumi.Resource) -> MadeCluster:
    return MadeCluster(kubeconfig(name), f"identity {name}", f"10.0.0.{len(name)}", None)


def test_every_object_reaches_its_own_cluster(stack: automation.Stack, folder: Path) -> None:
    places = (folder / "rendered").iterdir()
    objects = {place.name: len(list(place.rglob("*.yaml"))) for place in places}
    assert objects == {"corp-edge": 7, "east-cluster": 12, "west-cluster": 12}


def test_nothing_to_do_means_nothing_done(stack: automation.Stack) -> None:
    summary, touched = changes(stack)
    assert (summary.keys(), touched) == ({"same"}, set())


def test_the_switch_plans_updates_only_and_names_the_mode(stack: automation.Stack) -> None:
    stack.set_config("lbMode", automation.ConfigValue("standby"))
    try:
        summary, touched = changes(stack)
    finally:
        stack.remove_config("lbMode")
    assert summary.keys() == {"same", "update"}
    assert touched == {
        "Application west-cluster",
        "Service west-cluster/transaction-service/web-portal",
        "Edge corp-edge",
        "ConfigMap corp-edge/tetrate-system/gateway-config",
    }


def test_a_missing_kubeconfig_is_written_again_and_nothing_else(stack: automation.Stack) -> None:
    path = Path(stack.outputs()["kubeconfig"].value)
    path.unlink()
    summary, touched = changes(stack)
    assert (summary.get("update"), touched) == (1, {"PrivateFile kubeconfig"})
    stack.up()
    assert path.stat().st_mode & 0o777 == 0o600


def test_no_key_and_no_kubeconfig_can_be_read_in_the_state(
    stack: automation.Stack, folder: Path
) -> None:
    (file,) = (folder / "state").rglob("stacks/**/west.json")
    text = file.read_text()
    assert "BEGIN CERTIFICATE" in text, "the state is not what this test thinks it is"
    for key in ("EC PRIVATE KEY", "BEGIN PRIVATE KEY", "token-of-"):
        for shift in range(3):  # base64 of it may begin at any of three places
            # all characters that nothing but the key decides: few would be found by chance
            first, end = -(-shift * 8 // 6), (shift + len(key)) * 8 // 6
            encoded = b64encode(b" " * shift + key.encode()).decode()[first:end]
            assert len(encoded) >= 10
            assert key not in text and encoded not in text, key
