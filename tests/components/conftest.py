"""The whole program under Pulumi's mocks: nothing is run, every registration is recorded."""

from __future__ import annotations

import asyncio
import json
import runpy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pytest

from components.backends import gke
from components.backends.local import LocalBackend
from foundation.contract import FAILBACK_TRIGGER
from foundation.project import ROOT
from tests.support.event_loops import closed_at_the_end
from tests.support.google import pulumi_gcp  # noqa: F401 - a fixture
from tests.support.isolation import PROJECT
from toolchain import gcp as package

MANAGER = {"pulumi.com/patchFieldManager": "pulumi-kubernetes-multi-cluster-resiliency"}
AT_ONCE = {
    "pulumi.com/deletionPropagationPolicy": "background",
    "pulumi.com/patchForce": "true",
}
"""What every object is given beside what its document says; what stays is not given the second."""
APPLICATION = ("east-cluster", "west-cluster")
ALL = ("corp-edge", *APPLICATION)


def kubeconfig(cluster: str) -> str:
    """A kubeconfig whose token tells whose it is; nobody listens at its address."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": cluster,
            "clusters": [{"name": cluster, "cluster": {"server": "https://127.0.0.1:1"}}],
            "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster}}],
            "users": [{"name": cluster, "user": {"token": f"token-of-{cluster}"}}],
        }
    )


@dataclass
class Recorder(pulumi.runtime.Mocks):
    """Answers as the providers would and keeps what it was asked to make."""

    made: list[pulumi.runtime.MockResourceArgs] = field(default_factory=list)

    def new_resource(
        self, args: pulumi.runtime.MockResourceArgs
    ) -> tuple[str | None, dict[Any, Any]]:
        self.made.append(args)
        outputs = dict(args.inputs)
        if args.typ.startswith("pulumi-python:dynamic/pki"):
            outputs |= {"certificate": f"certificate of {args.name}", "key": f"key of {args.name}"}
        if args.typ == "pulumi-python:dynamic/localkube:Cluster":
            outputs |= {"kubeconfig": kubeconfig(args.name), "identity": f"identity {args.name}"}
        if args.typ == "pulumi-python:dynamic/address:Address":
            outputs["address"] = f"{args.inputs['cluster']}.example.com"
        if args.typ.endswith(f":{FAILBACK_TRIGGER}"):
            outputs["text"] = f"text of {args.name}"
        if args.typ.startswith("gcp:"):
            outputs |= google(args.typ, args.name)
        return f"{args.name}_id", outputs

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[Any, Any]:
        return {}


def google(kind: str, name: str) -> dict[str, Any]:
    """What Google would answer for a resource, as far as others are made from it."""
    if kind == "gcp:container/cluster:Cluster":
        authority = {"clusterCaCertificate": f"authority of {name}"}
        return {"endpoint": f"{name}.example.com", "masterAuth": authority}
    if kind == "gcp:serviceaccount/account:Account":
        return {"email": "nodes@example.com", "member": "serviceAccount:nodes@example.com"}
    return {"selfLink": f"link to {name}"}


@dataclass
class Demo:
    """What one run of the program registered and exported."""

    made: list[pulumi.runtime.MockResourceArgs]
    outputs: dict[str, Any]

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Inputs of all resources whose type ends so, by name."""
        return {made.name: made.inputs for made in self.made if made.typ.endswith(kind)}

    def cluster_of(self, made: pulumi.runtime.MockResourceArgs) -> str:
        """The cluster whose provider a resource has; nothing for none."""
        provider, _, _ = (made.provider or "").rpartition("::")
        return provider.rpartition("::")[2]

    @property
    def objects(self) -> list[pulumi.runtime.MockResourceArgs]:
        """All Kubernetes objects."""
        return [made for made in self.made if made.typ.startswith("kubernetes:")]


Run = Callable[..., Demo]
"""Runs the program with settings, and returns what it registered."""


@pytest.fixture
def loops() -> Iterator[None]:
    """Closes every event loop that a test opens."""
    with closed_at_the_end():
        yield


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, loops: None) -> Iterator[Run]:
    """Runs the program with a configuration; any number of times in a test."""
    monkeypatch.setattr(LocalBackend, "check", lambda self: None)
    monkeypatch.chdir(ROOT)

    def start(**values: object) -> Demo:
        asyncio.set_event_loop(asyncio.new_event_loop())
        recorder = Recorder()
        pulumi.runtime.set_mocks(recorder, project=PROJECT, stack="west", preview=False)
        config = {
            f"{PROJECT}:{key}": value if isinstance(value, str) else json.dumps(value)
            for key, value in values.items()
        }
        pulumi.runtime.set_all_config(config)
        outputs: dict[str, Any] = {}
        monkeypatch.setattr(pulumi, "export", outputs.__setitem__)
        monkeypatch.setattr(pulumi, "run", lambda last: None)  # mocks have no stack

        @pulumi.runtime.test
        def program() -> None:
            runpy.run_path(str(ROOT / "__main__.py"))

        program()
        return Demo(recorder.made, outputs)

    yield start
    pulumi.runtime.set_all_config({})


def noted(document: dict[str, Any], stays: bool = False) -> dict[str, Any]:
    """A document as it is registered: with the annotations that all objects get."""
    metadata = document["metadata"]
    given = MANAGER if stays else {**MANAGER, **AT_ONCE}
    annotations = {**metadata.get("annotations", {}), **given}
    return {**document, "metadata": {**metadata, "annotations": annotations}}


def value(output: Any) -> Any:
    """What an output holds, once the program has ended."""
    if not isinstance(output, pulumi.Output):
        return output
    return asyncio.get_event_loop().run_until_complete(output.future())


def secret_value(given: Any) -> Any:
    """The value of an input that is marked as a secret, and only of such."""
    assert pulumi.runtime.rpc.is_rpc_secret(given), "this would be readable in the state"
    return pulumi.runtime.rpc.unwrap_rpc_secret(given)


def is_secret(output: pulumi.Output[Any]) -> bool:
    """Whether an output is encrypted in the state and hidden in previews."""
    return asyncio.get_event_loop().run_until_complete(output.is_secret())


@pytest.fixture
def run_gke(
    run: Run,
    pulumi_gcp: None,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """Runs the program with backend gke and what it needs of the machine."""
    monkeypatch.setattr(package, "plugin_is_missing", lambda env: False)
    monkeypatch.setattr(gke.GkeBackend, "check", lambda self: None)
    return lambda **settings: run(**{"backend": "gke", "gkeProject": "my-demo-1", **settings})
