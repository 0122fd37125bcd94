"""Which clusters an update of this checkout may remove."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foundation import project
from localkube import cluster, owner
from localkube.dynamic import ClusterProvider
from localkube.spec import ClusterSpec


@pytest.fixture
def removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The labs of clusters that are removed by the checkout ``here``."""
    found: list[str] = []
    monkeypatch.setattr(project, "PRIVATE", tmp_path / "here" / ".demo")
    monkeypatch.setenv(owner.VARIABLE, (project.PRIVATE / "pulumi").as_uri())
    monkeypatch.setattr(cluster, "delete", lambda spec: found.append(spec.lab))
    return found


def props(checkout: Path, state: str = "pulumi") -> dict[str, Any]:
    """The cluster of a checkout, with the note of the state that has it."""
    lab = checkout / ".demo" / "west" / "lab"
    spec = ClusterSpec(str(lab), "east", 0, 1, 9000, {})
    spec.folder.mkdir(parents=True)
    owner.note(lab, {owner.VARIABLE: (checkout / ".demo" / state).as_uri()})
    (spec.folder / "identity").write_text("one")
    return {**vars(spec), "identity": "one"}


def test_a_copied_checkout_removes_no_cluster_of_the_original(
    tmp_path: Path, removed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    known = props(tmp_path / "original")
    ClusterProvider().delete("", known)
    assert removed == []
    assert (tmp_path / "original" / ".demo" / "west" / "backend").exists()
    assert f"east of {known['lab']} is left alone" in capsys.readouterr().out


def test_a_state_that_two_checkouts_share_removes_the_clusters_of_either(
    tmp_path: Path, removed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(owner.VARIABLE, "s3://shared")
    known = props(tmp_path / "original")
    owner.note(Path(known["lab"]), {owner.VARIABLE: "s3://shared"})
    ClusterProvider().delete("", known)
    assert removed == [known["lab"]]


def test_clusters_of_the_checkout_itself_and_of_one_that_is_gone_are_removed(
    tmp_path: Path, removed: list[str]
) -> None:
    own = props(tmp_path / "here", "former")  # as after another login
    gone = {**own, "lab": str(tmp_path / "gone" / ".demo" / "west" / "lab")}
    for known in (own, gone):
        ClusterProvider().delete("", known)
    assert removed == [own["lab"], gone["lab"]]
