"""What a new cluster begins with: the objects of another one, as its own."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localkube import pki
from localkube.api import Api
from localkube.inside import bootstrap_objects
from localkube.inside.bootstrap_objects import is_own, stored, transaction
from localkube.spec import ClusterSpec

NOW = datetime(2026, 12, 1, 17, 30, tzinfo=UTC)
THEN = "2026-01-02T03:04:05Z"
NAMES = st.from_regex(r"[a-z][a-z0-9:.-]{0,20}", fullmatch=True)


def made(name: str, namespace: str = "", manager: str = "kube-apiserver") -> dict[str, Any]:
    """Return an object as an API server lists it."""
    metadata = {
        "name": name,
        "uid": "11111111-1111-1111-1111-111111111111",
        "resourceVersion": "7",
        "creationTimestamp": THEN,
        "managedFields": [{"manager": manager, "time": THEN, "fieldsV1": {"f:rules": {}}}],
    }
    if namespace:
        metadata["namespace"] = namespace
    status = {"conditions": [{"type": "Available", "lastTransitionTime": THEN}]}
    return {"apiVersion": "v1", "kind": "Role", "metadata": metadata, "status": status}


@given(st.lists(NAMES, unique=True, max_size=8), st.sampled_from(["", "kube-system"]))
def test_each_object_is_the_same_under_a_uid_and_a_time_of_its_own(
    names: list[str], namespace: str
) -> None:
    items = [made(name, namespace) for name in names]
    pairs = list(stored({"roles": items}, NOW))
    below = f"/registry/roles/{namespace}/" if namespace else "/registry/roles/"
    assert [key for key, _ in pairs] == [f"{below}{name}" for name in names]
    found = [json.loads(text) for _, text in pairs]
    uids = {each["metadata"].pop("uid") for each in found}
    assert (len(uids) == len(names) and items[0:1] != found[0:1]) or not names
    for item, each in zip(items, found, strict=True):
        assert THEN not in json.dumps(each) and "resourceVersion" not in each["metadata"]
        del item["metadata"]["uid"], item["metadata"]["resourceVersion"]
        assert json.loads(json.dumps(item).replace(THEN, "2026-12-01T17:30:00Z")) == each


@given(st.lists(NAMES, unique=True, min_size=1, max_size=100))
def test_a_transaction_writes_all_or_nothing_over(names: list[str]) -> None:
    pairs = [(f"/registry/roles/{name}", f"value of {name}") for name in names]
    asked = transaction(pairs)
    puts = [each["requestPut"] for each in asked["success"]]
    text = [(b64decode(p["key"]).decode(), b64decode(p["value"]).decode()) for p in puts]
    assert text == pairs
    assert [c["key"] for c in asked["compare"]] == [p["key"] for p in puts]
    assert all(c["target"] == "CREATE" and c["create_revision"] == "0" for c in asked["compare"])
    assert "failure" not in asked


def test_what_somebody_else_made_or_changed_is_left_out() -> None:
    assert is_own(made("system:node"))
    account = made("job-controller", "kube-system")
    del account["metadata"]["managedFields"]
    assert is_own(account)
    assert not is_own(made("localkube:controllers", manager="localkube"))
    assert not is_own(made("default", "kube-system"))
    both = made("admin")
    both["metadata"]["managedFields"].append({"manager": "kubectl-edit"})
    assert not is_own(both)
    owned = made("a")
    owned["metadata"]["ownerReferences"] = [{"uid": "u"}]
    assert not is_own(owned)


class Server:
    """An API server whose controllers have begun at the second question."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def call(self, _: str, path: str) -> dict[str, Any]:
        self.asked.append(path)
        if path.endswith("/coredns"):
            return {"status": {"observedGeneration": 1} if len(self.asked) > 1 else {}}
        name = path.rpartition("/")[2]
        items = [made(f"own-{name}"), made("coredns"), made("others", manager="kubectl")]
        for item in items:
            del item["apiVersion"], item["kind"]  # as in a list
        return {"apiVersion": "v1", "kind": "ThingList", "items": items}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path / "objects" / "kubernetes-v1.json"
    monkeypatch.setattr(bootstrap_objects, "known", lambda: found)
    return found


def record(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    server, api = Server(), Api.__new__(Api)
    monkeypatch.setattr(api, "call", server.call)
    bootstrap_objects.record(api, {"coredns"})
    return server.asked


def test_the_first_cluster_writes_down_what_it_has_made(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(monkeypatch)
    assert file.stat().st_mode & 0o777 == 0o600
    found = json.loads(file.read_text())
    assert {len(items) for items in found.values()} == {1}
    assert found["clusterroles"][0]["kind"] == "Thing"
    assert found["clusterroles"][0]["metadata"]["name"] == "own-clusterroles"
    assert record(monkeypatch) == [], "it asked again"


class Etcd:
    """An etcd that holds `keys`, and what is asked of it."""

    def __init__(self, keys: int) -> None:
        self.keys = keys
        self.written: list[str] = []

    def call(self, what: str, body: dict[str, Any]) -> dict[str, Any]:
        if what == "range":
            return {"kvs": [{}] * self.keys}
        self.written += [b64decode(each["requestPut"]["key"]).decode() for each in body["success"]]
        return {}


@pytest.mark.parametrize(("keys", "count"), [(0, 250), (1, 0)])
def test_only_a_cluster_that_has_nothing_yet_gets_them(
    keys: int, count: int, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.parent.mkdir()
    file.write_text(json.dumps({"clusterroles": [made(f"role-{n}") for n in range(250)]}))
    spec = ClusterSpec(str(tmp_path), "east-cluster", 0, 1, 6443)
    pki.create(spec)
    etcd = Etcd(keys)
    monkeypatch.setattr(bootstrap_objects._Etcd, "call", lambda _, *asked: etcd.call(*asked))
    assert bootstrap_objects.write(spec) is (keys == 0)
    assert len(etcd.written) == len(set(etcd.written)) == count


def test_without_such_a_file_or_with_a_torn_one_the_api_server_makes_all(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = ClusterSpec(str(tmp_path), "east-cluster", 0, 1, 6443)
    pki.create(spec)
    etcd = Etcd(0)
    monkeypatch.setattr(bootstrap_objects._Etcd, "call", lambda _, *asked: etcd.call(*asked))
    assert bootstrap_objects.write(spec)
    file.parent.mkdir()
    file.write_text("{")
    assert bootstrap_objects.write(spec)
    assert not etcd.written


def test_an_etcd_that_does_not_come_is_the_api_servers_to_complain_of(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = ClusterSpec(str(tmp_path), "east-cluster", 0, 1, 6443)
    pki.create(spec)

    def refused(*_: object) -> dict[str, Any]:
        raise ConnectionRefusedError

    monkeypatch.setattr(bootstrap_objects._Etcd, "call", refused)
    monkeypatch.setattr(bootstrap_objects, "_ETCD_SECONDS", 0.01)
    assert not bootstrap_objects.write(spec)
    assert not file.exists()
