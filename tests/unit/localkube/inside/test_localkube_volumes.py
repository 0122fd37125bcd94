"""What a provisioner does with volumes, their claims and their folders."""

from __future__ import annotations

import copy
import os
import stat
import tempfile
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localkube import LocalKubeError, folders
from localkube.api import Api, ApiError
from localkube.inside import volumes
from localkube.inside.provisioner import CLAIMS, CLASSES, VOLUMES, Provisioner
from localkube.spec import ClusterSpec
from tests.support.volume_documents import NAME, NODES, a_claim, a_class


class Server:
    """An API server that keeps volumes and claims as Kubernetes does."""

    def __init__(self) -> None:
        self.claims: list[dict[str, Any]] = []
        self.volumes: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.fails = False

    def call(self, method: str, path: str, body: Any = None, _: str = "") -> Any:
        lists: dict[str, Any] = {
            CLAIMS: self.claims, VOLUMES: list(self.volumes.values()), CLASSES: [a_class()],
        }  # fmt: skip
        if method == "GET":
            return {"items": copy.deepcopy(lists[path])}
        if path.endswith("/events"):
            self.events.append(body)
            return body
        if method == "POST":
            if self.fails:
                raise ApiError(503, "not now")
            volume = {**copy.deepcopy(body), "status": {"phase": "Bound"}}
            volume["metadata"]["uid"] = "u"
            self.volumes[body["metadata"]["name"]] = volume
            return volume
        name = path.removeprefix(f"{VOLUMES}/")
        if name not in self.volumes:
            raise ApiError(404, "gone")
        volume = self.volumes[name]
        if method == "DELETE":
            volume["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        else:
            gone = body["metadata"]["$deleteFromPrimitiveList/finalizers"]
            left = [each for each in volume["metadata"]["finalizers"] if each not in gone]
            volume["metadata"]["finalizers"] = left
        if "deletionTimestamp" in volume["metadata"] and not volume["metadata"]["finalizers"]:
            del self.volumes[name]
        return copy.deepcopy(volume)

    def drop(self, claim: dict[str, Any]) -> None:
        """Deletes a claim; its volume is released, as Kubernetes' own controller does."""
        self.claims.remove(claim)
        if volume := self.volumes.get(volumes.name_for(claim)):
            volume["status"]["phase"] = "Released"


@pytest.fixture
def spec(tmp_path: Path) -> ClusterSpec:
    return ClusterSpec(lab=str(tmp_path), name="east", index=0, nodes=2, api_port=1)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def provisioner(spec: ClusterSpec, server: Server) -> Provisioner:
    api = Api.__new__(Api)
    api.call = server.call  # type: ignore[method-assign]
    return Provisioner(api, spec)


def folder(spec: ClusterSpec, node: int = 2) -> Path:
    return spec.members[node - 1].folder / "volumes" / NAME


def test_pods_of_any_user_may_write_into_a_volume(
    spec: ClusterSpec, server: Server, provisioner: Provisioner
) -> None:
    server.claims.append(a_claim())
    provisioner.reconcile()
    assert stat.S_IMODE(folder(spec).stat().st_mode) == 0o777
    assert not folder(spec, 1).exists()
    assert list(server.volumes) == [NAME]


def test_data_stay_as_long_as_the_claim_and_go_with_it(
    spec: ClusterSpec, server: Server, provisioner: Provisioner
) -> None:
    claim = a_claim()
    server.claims.append(claim)
    provisioner.reconcile()
    (folder(spec) / "data").write_text("kept")
    provisioner.reconcile()
    assert (folder(spec) / "data").read_text() == "kept"
    server.drop(claim)
    provisioner.reconcile()
    assert not folder(spec).exists() and server.volumes == {}


def test_a_volume_deleted_by_hand_takes_its_folder_with_it_when_the_claim_goes(
    spec: ClusterSpec, server: Server, provisioner: Provisioner
) -> None:
    claim = a_claim()
    server.claims.append(claim)
    provisioner.reconcile()
    server.call("DELETE", f"{VOLUMES}/{NAME}")
    provisioner.reconcile()
    assert folder(spec).exists()
    server.drop(claim)
    provisioner.reconcile()
    assert not folder(spec).exists() and server.volumes == {}


def test_a_volume_that_is_to_be_kept_keeps_its_folder(
    spec: ClusterSpec, server: Server, provisioner: Provisioner
) -> None:
    claim = a_claim()
    server.claims.append(claim)
    provisioner.reconcile()
    server.volumes[NAME]["spec"]["persistentVolumeReclaimPolicy"] = "Retain"
    server.drop(claim)
    provisioner.reconcile()
    assert list(server.volumes) == [NAME]
    server.call("DELETE", f"{VOLUMES}/{NAME}")
    provisioner.reconcile()
    assert folder(spec).exists() and server.volumes == {}


def test_what_a_link_in_a_volume_leads_to_is_not_deleted(
    spec: ClusterSpec, server: Server, provisioner: Provisioner, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("mine")
    claim = a_claim()
    server.claims.append(claim)
    provisioner.reconcile()
    (folder(spec) / "link").symlink_to(outside)
    (folder(spec) / "file").symlink_to(outside / "file")
    server.drop(claim)
    provisioner.reconcile()
    assert not folder(spec).exists()
    assert (outside / "file").read_text() == "mine"


def test_a_volume_that_is_itself_a_link_is_not_followed(
    spec: ClusterSpec, server: Server, provisioner: Provisioner, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("mine")
    claim = a_claim()
    server.claims.append(claim)
    provisioner.reconcile()
    folder(spec).rmdir()
    folder(spec).symlink_to(outside)
    server.drop(claim)
    provisioner.reconcile()
    assert (outside / "file").read_text() == "mine"
    assert not folder(spec).is_symlink()


def test_a_refusal_leaves_no_folder_behind(
    spec: ClusterSpec, server: Server, provisioner: Provisioner
) -> None:
    server.claims.append(a_claim())
    server.fails = True
    with pytest.raises(ApiError):
        provisioner.reconcile()
    assert not folder(spec).exists()


def test_a_claim_is_told_once_why_it_waits(server: Server, provisioner: Provisioner) -> None:
    server.claims.append(a_claim(accessModes=["ReadWriteMany"]))
    provisioner.reconcile()
    provisioner.reconcile()
    (event,) = server.events
    assert event["reason"] == "ProvisioningFailed" and "ReadWriteMany" in event["message"]
    assert event["involvedObject"]["kind"] == "PersistentVolumeClaim"


def test_a_folder_that_cannot_be_removed_is_told_and_does_not_stop_the_rest(
    server: Server, provisioner: Provisioner, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, other = a_claim(), a_claim(uid=str(uuid.uuid4()))
    server.claims += [claim]
    provisioner.reconcile()
    server.drop(claim)
    server.claims += [other]

    def refuse(_: Path) -> None:
        raise LocalKubeError("it cannot be removed: device busy")

    monkeypatch.setattr(folders, "remove", refuse)
    provisioner.reconcile()
    assert [event["reason"] for event in server.events] == ["VolumeFailedDelete"]
    assert set(server.volumes) == {NAME, volumes.name_for(other)}


@given(
    st.lists(
        st.tuples(st.sampled_from(["add", "drop", "delete", "keep", "pass"]), st.integers(0, 3))
    )
)
def test_in_the_end_there_is_a_volume_and_a_folder_for_each_claim_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    with tempfile.TemporaryDirectory(dir=tmp_path_factory.getbasetemp()) as lab:
        spec = ClusterSpec(lab=lab, name="east", index=0, nodes=2, api_port=1)
        server, api = Server(), Api.__new__(Api)
        api.call = server.call  # type: ignore[method-assign]
        provisioner = Provisioner(api, spec)
        kept: set[str] = set()
        for step, which in steps:
            claim = a_claim(uid=str(uuid.UUID(int=which)), node=NODES[which % 2])
            name = volumes.name_for(claim)
            known = next((each for each in server.claims if volumes.name_for(each) == name), None)
            if step == "add" and known is None and name not in server.volumes:
                server.claims.append(claim)
            elif step == "drop" and known:
                server.drop(known)
            elif step == "delete" and name in server.volumes:
                server.call("DELETE", f"{VOLUMES}/{name}")
            elif step == "keep" and name in server.volumes:
                server.volumes[name]["spec"]["persistentVolumeReclaimPolicy"] = "Retain"
                kept.add(name)
            elif step == "pass":
                provisioner.reconcile()
        provisioner.reconcile()
        wanted = {volumes.name_for(claim) for claim in server.claims}
        there = {each.name for node in spec.members for each in node.folder.glob("volumes/*")}
        assert wanted - set(server.volumes) == set()
        assert wanted <= there <= wanted | kept
        before = copy.deepcopy(server.volumes)
        provisioner.reconcile()
        assert server.volumes == before


def test_a_folder_nested_deeper_than_pythons_stack_is_removed(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    here = os.open(top, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("a", dir_fd=here)
        deeper = os.open("a", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)
    folders.remove(top)
    assert not top.exists()
    folders.remove(top)  # again: not missed


def test_what_cannot_be_removed_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalKubeError, match=r"cannot be removed: rm: .* too long"):
        folders.remove(tmp_path / ("x" * 300))


def test_a_volume_that_the_api_server_refuses_holds_up_no_other(
    server: Server, provisioner: Provisioner
) -> None:
    other = a_claim(str(uuid.uuid4()))
    server.claims += [other, a_claim()]

    def refusing(method: str, path: str, body: Any = None, kind: str = "") -> Any:
        if method == "POST" and body["metadata"]["name"] == volumes.name_for(other):
            raise ApiError(422, "invalid")
        return server.call(method, path, body, kind)

    provisioner.api.call = refusing  # type: ignore[method-assign]
    with pytest.raises(ApiError, match="invalid"):
        provisioner.reconcile()
    assert list(server.volumes) == [NAME]
