"""Programs of nodes that are gone: another commit was checked out, and the cache removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from localkube import LocalKubeError, cluster, preflight
from localkube.diagnosis import gone
from localkube.spec import ClusterSpec
from localkube.supervisord_config import Program, configuration


@pytest.fixture
def spec(tmp_path: Path) -> ClusterSpec:
    """A cluster of one node, whose tools are in a folder with a name that is hard to write."""
    spec = ClusterSpec(str(tmp_path / "west" / "lab"), "east-cluster", 0, 1, 6443)
    (node,) = spec.members
    etcd = tmp_path / 'b"in 100%' / "etcd"
    etcd.parent.mkdir()
    etcd.touch()
    node.folder.mkdir(parents=True)
    text = configuration(node.folder / "log", [Program("etcd", [str(etcd), "--name=a"])])
    (node.folder / "supervisord.conf").write_text(text)
    spec.save()
    return spec


def test_nothing_is_wrong_while_the_programs_are_there(spec: ClusterSpec) -> None:
    assert gone.look(Path(spec.lab)) is None


def test_nothing_is_started_without_its_programs(spec: ClusterSpec, tmp_path: Path) -> None:
    (tmp_path / 'b"in 100%' / "etcd").unlink()
    remedy = r"/etcd, which is gone.*: \./demo destroy west and \./demo up west make new clusters"
    with pytest.raises(LocalKubeError, match=remedy):
        preflight.refuse(gone.look(Path(spec.lab)))
    with pytest.raises(LocalKubeError, match=f"^east-cluster-1 needs {tmp_path}.*{remedy}"):
        cluster.start(spec)


@pytest.mark.parametrize("torn", ["[program:etcd\ncommand", '[program:etcd]\ncommand = "/etc'])
def test_a_node_that_is_not_written_yet_lacks_nothing(spec: ClusterSpec, torn: str) -> None:
    file = spec.members[0].folder / "supervisord.conf"
    file.write_text(torn)
    assert gone.look(Path(spec.lab)) is None
    file.unlink()
    assert gone.look(Path(spec.lab)) is None
    assert gone.look(Path(spec.lab) / "other") is None
