"""What `./demo local` refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation.commands import Failed
from localkube import __main__ as commands
from localkube.spec import ClusterSpec, Node


@pytest.mark.parametrize("folder", ["", ".demo", ".demo/west", "lab", ".demo/west/lab/clusters"])
def test_only_a_labs_folder_is_removed(
    tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / folder / "kept"
    kept.mkdir(parents=True)
    monkeypatch.setattr(commands.lab, "destroy", lambda _: pytest.fail("it is removed"))
    assert commands.main(["sweep", str(tmp_path / folder)]) == 1
    assert "is no lab's state folder, and nothing was removed" in capsys.readouterr().err
    assert kept.exists()


def test_a_labs_folder_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / ".demo" / "west" / "lab"
    folder.mkdir(parents=True)
    assert commands.main(["sweep", str(folder)]) == 0
    assert not folder.exists()


def test_a_stopped_cluster_is_started_again_by_the_command_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a stack it would be refused where two stacks have clusters of this name."""
    spec = ClusterSpec(str(tmp_path / ".demo" / "west" / "lab"), "east", 0, 2, 9000, {})
    done: list[tuple[str, str]] = []
    monkeypatch.setattr(commands, "named", lambda name, stack: done.append((name, stack)) or spec)
    monkeypatch.setattr(commands.cluster, "stop", lambda _: None)
    monkeypatch.setattr(commands.cluster, "start", lambda _: None)
    assert commands.main(["stop", "east", "--stack", "west"]) == 0
    command = capsys.readouterr().out.split("`")[1]
    assert commands.main(command.split()[2:]) == 0
    assert done == [("east", "west")] * 2


def test_a_node_that_takes_no_image_keeps_it_from_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = ClusterSpec(str(tmp_path / ".demo" / "west" / "lab"), "east", 0, 2, 9000, {})

    def load(node: Node) -> bool:
        if node.ordinal == 1:
            raise Failed("no room")
        return True

    monkeypatch.setattr(commands, "labs", lambda: [tmp_path])
    monkeypatch.setattr(commands.cluster, "clusters", lambda _: [spec])
    monkeypatch.setattr(commands.own_images, "drop", lambda _: None)
    monkeypatch.setattr(commands.own_images, "load", load)
    assert commands.main(["unload", "shop:1"]) == 1
    said = capsys.readouterr()
    assert said.err == "error: east-1 of stack west: no room\n"
    assert said.out == "east-2 of stack west: done\n"
