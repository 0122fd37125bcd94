"""Each program that was built tells the version that it was built from."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto.provider_pb2 import ConfigureRequest
from pulumi.runtime.proto.provider_pb2_grpc import ResourceProviderStub

from launcher import environment
from toolchain import ambient, pins, tools

pytestmark = pytest.mark.engine

ASKED = {
    name: ["--version"] for name in ("coredns", "bridge", "loopback", "host-local", "portmap")
} | {b.name: list(b.ask) for m in pins.modules() for b in m.binaries if b.ask}
"""Binary -> arguments at which it prints its version."""

SILENT = {"traffic-generator", "pulumi-language-python", "pulumi-resource-kubernetes"}
"""Binaries that print none; the provider tells Pulumi and API servers alone."""


def test_each_binary_is_asked() -> None:
    assert {b.name for m in pins.modules() for b in m.binaries} == ASKED.keys() | SILENT


@pytest.mark.parametrize("name", sorted(ASKED))
def test_a_binary_tells_the_version_of_its_source(name: str) -> None:
    done = subprocess.run(
        [tools.path(name), *ASKED[name]], capture_output=True, text=True, check=False, timeout=60
    )
    assert ambient.version_in(done.stdout + done.stderr) == tools.version(name).removeprefix("v")


@pytest.fixture
def provider() -> Iterator[ResourceProviderStub]:
    """The Kubernetes provider, as Pulumi starts it; what it would say to Pulumi goes nowhere."""
    name = "pulumi-resource-kubernetes"
    if not tools.is_ours(name):
        pytest.skip("Pulumi's own CLI brings its provider")
    process = subprocess.Popen(
        [tools.path(name), "127.0.0.1:9"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL, text=True, env=dict(os.environ),
    )  # fmt: skip
    with process:
        assert process.stdout
        port = process.stdout.readline().strip()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield ResourceProviderStub(channel)
        process.kill()


def test_the_provider_tells_pulumi_the_release_that_its_source_is(
    provider: ResourceProviderStub,
) -> None:
    told = provider.GetPluginInfo(empty_pb2.Empty(), timeout=30).version
    assert told == environment.provider_release()


def test_the_provider_tells_api_servers_the_same_release(
    provider: ResourceProviderStub, tmp_path_factory: pytest.TempPathFactory
) -> None:
    asked_by: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked_by.append(self.headers["User-Agent"])
            self.send_error(503)

        def log_message(self, *arguments: object) -> None:
            """Stay silent."""

    with HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        kubeconfig = {
            "apiVersion": "v1", "kind": "Config", "current-context": "one",
            "contexts": [{"name": "one", "context": {"cluster": "one", "user": "one"}}],
            "clusters": [{"name": "one", "cluster": {"server": address}}],
            "users": [{"name": "one", "user": {}}],
        }  # fmt: skip
        variables = {"kubernetes:config:kubeconfig": json.dumps(kubeconfig)}
        provider.Configure(ConfigureRequest(variables=variables), timeout=60)
        server.shutdown()
    release = environment.provider_release()
    assert asked_by and {text.split()[0] for text in asked_by} == {f"pulumi-kubernetes/{release}"}
    (left,) = Path(os.environ["TMPDIR"]).glob("kubeconfig*")
    assert left.is_relative_to(tmp_path_factory.getbasetemp()), "it would stay in /tmp"
