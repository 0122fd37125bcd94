"""What keeps the tests away from the user's own clusters."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support import isolation
from tests.support.checkout import Checkout, choose_ports, copy_files
from tests.support.isolation import PROJECT, ForeignBackend

EXISTING = f"config: {{'{PROJECT}:backend' : existing}}\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A checkout whose user works on clusters that were there before."""
    folder = tmp_path / "source"
    folder.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    (folder / "Pulumi.yaml").write_text(
        f"name: {PROJECT}\nconfig:\n  backend: {{type: string, default: existing}}\n"
    )
    for stack in ("west", "production"):
        (folder / f"Pulumi.{stack}.yaml").write_text(EXISTING)
    return folder


def test_a_copy_has_the_settings_of_the_tests_and_no_others(source: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy_files(source, copy)
    ports = choose_ports(copy)
    assert (copy / "Pulumi.yaml").read_text() == (source / "Pulumi.yaml").read_text()
    found = {file.name: yaml.safe_load(file.read_text()) for file in copy.glob("Pulumi.*.yaml")}
    assert sorted(found) == ["Pulumi.east.yaml", "Pulumi.west.yaml"]
    assert found["Pulumi.west.yaml"]["config"] == {
        f"{PROJECT}:activeCluster": "west-cluster",
        f"{PROJECT}:backend": "local",
        f"{PROJECT}:localPort": str(ports["west"]),
    }
    isolation.check(copy, {"local"})


@pytest.mark.parametrize("text", [EXISTING, "config: [\n", "config: {}\n", "backend\n"])
def test_no_command_runs_on_clusters_that_the_test_has_not_made(source: Path, text: str) -> None:
    (source / "Pulumi.west.yaml").write_text(text)
    (source / "Pulumi.production.yaml").unlink()
    copy, ran = Checkout(source, {}), source / "ran"
    with pytest.raises(ForeignBackend, match=r"Pulumi\.west\.yaml says backend "):
        copy.run("touch", str(ran))
    assert not ran.exists()


def test_a_test_that_makes_its_own_clusters_says_so(source: Path) -> None:
    Checkout(source, {}, ["existing"]).run("touch", str(source / "ran"))
    assert (source / "ran").exists()


def test_nothing_that_leads_to_clusters_or_clouds_is_inherited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leading = (
        "KUBECONFIG", "DEMO_USER_KUBECONFIG", "PULUMI_BACKEND_URL", "PULUMI_STACK",
        "GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG", "CLOUDSDK_CORE_PROJECT",
        "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AZURE_CONFIG_DIR", "ARM_CLIENT_ID",
    )  # fmt: skip
    for name in leading:
        monkeypatch.setenv(name, "the user's")
    env = Checkout(tmp_path / "copy", {}).environment
    assert "the user's" not in env.values()
    assert not Path(env["KUBECONFIG"]).exists()  # else kubectl would read ~/.kube/config
    assert not Path(env["CLOUDSDK_CONFIG"]).exists()
