"""The tests' copy of a checkout never asks the clusters that the checkout's settings name."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from tests.engine.conftest import ROOT
from tests.support import checkout, isolation
from tests.support.checkout import Checkout, copy_files, link_environment
from toolchain import tools

pytestmark = pytest.mark.engine

CONTEXTS = ("corp-edge", "east-cluster", "west-cluster")


class Counter(ThreadingHTTPServer):
    """An API server that knows nothing, and every request that it got."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[str] = []


class Handler(BaseHTTPRequestHandler):
    """Answers 404 to everything."""

    server: Counter

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        self.close_connection = True
        if self.raw_requestline and self.parse_request():
            self.server.requests.append(f"{self.command} {self.path}")
            self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def users() -> Iterator[Counter]:
    """The user's cluster."""
    with Counter() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def source(users: Counter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose stack west is on that cluster by every way that a user has to say so."""
    url = f"http://127.0.0.1:{users.server_address[1]}"
    home = tmp_path / "home"
    file = home / ".kube" / "config"
    file.parent.mkdir(parents=True)
    named = [{"name": name, "cluster": {"server": url}} for name in CONTEXTS]
    contexts = [{"name": n, "context": {"cluster": n, "user": ""}} for n in CONTEXTS]
    kubeconfig = {"apiVersion": "v1", "kind": "Config", "clusters": named, "contexts": contexts}
    file.write_text(json.dumps({**kubeconfig, "current-context": CONTEXTS[0]}))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tools.cache_dir().parent))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("KUBECONFIG", str(file))
    folder = tmp_path / "source"
    copy_files(ROOT, folder)
    link_environment(folder)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    settings = {**isolation.STACKS["west"], "backend": "existing", "kubeconfig": str(file)}
    for stack in ("west", "production"):
        text = yaml.safe_dump({"config": isolation.config(settings)})
        (folder / f"Pulumi.{stack}.yaml").write_text(text)
    return folder


def test_the_users_clusters_get_no_request(
    source: Path, users: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkout, "SOURCE", source)
    with checkout.checkout() as copy:
        copy.demo("pulumi", "stack", "select", "--create", "west")
        assert copy.demo("pulumi", "config", "get", "backend").output.strip() == "local"
        assert any(kind.startswith("pulumi-python:dynamic/localkube") for _, kind in copy.preview())
    assert users.requests == []

    # what the copy was spared: the same in the user's own checkout
    own = Checkout(source, {}, ["existing"])
    own.environment["KUBECONFIG"] = str(source.parent / "home" / ".kube" / "config")
    own.demo("pulumi", "stack", "select", "--create", "west")
    own.demo("pulumi", "preview", check=False)
    assert users.requests
    users.requests.clear()
    # and `./demo task preview` asks nobody either
    who = ("-c", "user.name=tests", "-c", "user.email=tests@localhost")
    own.run("git", "add", "-A")
    own.run("git", *who, "commit", "-qm", "One")
    own.demo("task", "preview", "--", "--base", "HEAD", "--stack", "west", "--mode", "active")
    assert users.requests == []
