"""The embedded clusters as a Pulumi resource: the only module here that knows Pulumi.

A dynamic provider is loaded by its module's name from the state: never move or rename this module.
Imports are inside the methods, because the class is pickled with what its module holds.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pulumi
from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from foundation.dynamic_provider import BaseProvider
from localkube.spec import ClusterSpec
from toolchain import patience


class ClusterProvider(BaseProvider):
    """Creates, mends and deletes embedded clusters."""

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Give the cluster its identity: kept while its data are there, else a new one.

        An input is known in a preview, where the outputs of an update are not: were it an output,
        each preview of a mended cluster would announce the replacement of all that is in it.
        """
        from foundation.pulumi_process import seed_of_check
        from localkube import health

        kept = olds.get("identity")
        if not kept or health.identity(spec_of(news)) != kept:
            kept = seed_of_check().hex()  # a saved plan gives its own again
        return CheckResult({**news, "identity": kept}, [])

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Start a cluster from nothing; return when its nodes are Ready."""
        import os
        from pathlib import Path

        from localkube import cluster, owner

        spec = spec_of(props)
        owner.note(Path(spec.lab), os.environ)
        cluster.create(spec, props["identity"])
        return CreateResult(id_=f"{spec.lab}#{spec.name}", outs=outputs(props))

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Look at the cluster itself too: a lost one is to be replaced.

        One that is dead, or lacks an image of this version of the program, is to be updated.
        """
        from localkube import health, node_images

        old, new = spec_of(olds), spec_of(news)
        replaces = [key for key in asdict(old) if getattr(old, key) != getattr(new, key)]
        if olds["identity"] != news["identity"]:
            replaces.append("identity")
        lacks = not replaces and not (
            health.is_healthy(new, olds["kubeconfig"]) and node_images.is_complete(new)
        )
        # Deleted first: Pulumi then takes what was in it for gone with it (`deleted_with`). It asks
        # neither a lost cluster nor the new one in its place to delete each object.
        return DiffResult(bool(replaces) or lacks, replaces, delete_before_replace=True)

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Start what is not running, and import images that are lacking."""
        from localkube import cluster

        cluster.start(spec_of(news))
        return UpdateResult(outs=outputs(news))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Return what is there now: a refresh shows `running: true => false` for a dead cluster."""
        from localkube import health

        spec = spec_of(props)
        if health.identity(spec) != props.get("identity"):
            return ReadResult(id_="", outs={})  # gone
        running = health.is_healthy(spec, props["kubeconfig"])
        return ReadResult(id_=id_, outs={**props, "running": running})

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        """Remove the cluster, unless `create` has put another one in its place.

        The state of a copied checkout names the clusters of the original, which keeps them.
        """
        import os
        from pathlib import Path

        from foundation import project
        from localkube import cluster, health, owner

        spec = spec_of(props)
        lab = Path(spec.lab)
        if not lab.is_relative_to(project.PRIVATE) and owner.refusal(lab, os.environ):
            print(f"{spec.name} of {lab} is left alone: another state has it", flush=True)
            return
        if health.identity(spec) in ("", props["identity"]):
            cluster.delete(spec)
        owner.forget(lab)


def spec_of(props: dict[str, Any]) -> ClusterSpec:
    """Return the cluster's specification from a resource's properties, whose numbers are floats."""
    return ClusterSpec(
        lab=props["lab"],
        name=props["name"],
        index=int(props["index"]),
        nodes=int(props["nodes"]),
        api_port=int(props["api_port"]),
        ports={port: int(target) for port, target in props["ports"].items()},
    )


def outputs(props: dict[str, Any]) -> dict[str, Any]:
    """Return the resource's outputs for a cluster that runs."""
    from localkube import pki
    from localkube.spec import node_address

    spec = spec_of(props)
    return {
        **props,
        "kubeconfig": pki.user_kubeconfig(spec),
        "address": node_address(spec.index),
        "running": True,
    }


class Cluster(Resource, module="localkube", name="Cluster"):
    """A real Kubernetes cluster in Linux namespaces."""

    kubeconfig: pulumi.Output[str]
    """Administrator's kubeconfig (secret); its context is called as the cluster."""
    identity: pulumi.Output[str]
    """Stays the same for the life of the cluster's data: the provider's `cluster_identifier`."""
    address: pulumi.Output[str]
    """Where LoadBalancer Services of the cluster answer, inside the lab."""
    running: pulumi.Output[bool]
    """Whether it was healthy when last looked at."""

    def __init__(self, name: str, spec: ClusterSpec, parent: pulumi.Resource) -> None:
        """Register the cluster; all of `spec` is plain, so that a preview knows it."""
        unknown = {"kubeconfig": None, "identity": None, "address": None, "running": None}
        limit = f"{patience.scaled(10):.0f}m"
        options = pulumi.ResourceOptions(
            parent=parent,
            additional_secret_outputs=["kubeconfig"],
            custom_timeouts=pulumi.CustomTimeouts(create=limit, update=limit, delete=limit),
        )
        super().__init__(ClusterProvider(), name, {**asdict(spec), **unknown}, options)
