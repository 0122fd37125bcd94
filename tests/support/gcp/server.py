"""The stand-in's side of the engine's protocol: pulumirpc.ResourceProvider."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from tests.support.gcp import FOLDER_VARIABLE, sdk
from tests.support.gcp.cloud import CLUSTER, REFUSED_BESIDE_AUTOPILOT, Cloud, Object, Refused
from toolchain import gcp

REPLACES = (
    "name", "location", "region", "project", "network", "subnetwork", "enableAutopilot",
    "ipAllocationPolicy", "privateClusterConfig", "ipCidrRange", "accountId", "role", "member",
    "service", "cluster", "initialNodeCount", "datapathProvider",
)  # fmt: skip
"""Inputs that Google changes in no object; enough of them for what tests change."""

Context = grpc.ServicerContext


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """Answers the engine."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def Handshake(self, request: Any, context: Context) -> Any:
        return provider_pb2.ProviderHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: Context) -> Any:
        return plugin_pb2.PluginInfo(version=gcp.version())

    def Attach(self, request: Any, context: Context) -> Any:
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Context) -> Any:
        return empty_pb2.Empty()

    def CheckConfig(self, request: Any, context: Context) -> Any:
        given = unpacked(request.news)
        own = {k: v for k, v in given.items() if k not in ("version", "pluginDownloadURL")}
        problems = list(sdk.wrong(own, sdk.provider()))
        if not own.get("project"):
            problems.append(("project", "is required: the stand-in has no project of its own"))
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures(problems))

    def DiffConfig(self, request: Any, context: Context) -> Any:
        return difference(unpacked(request.old_inputs), unpacked(request.news), ("project",))

    def Configure(self, request: Any, context: Context) -> Any:
        self.cloud.project = unpacked(request.args).get("project", "")
        return provider_pb2.ConfigureResponse(acceptSecrets=False, supportsPreview=True)

    def Check(self, request: Any, context: Context) -> Any:
        inputs, token = unpacked(request.news), token_of(request.urn)
        try:
            problems = list(sdk.wrong(inputs, sdk.of(token)))
        except LookupError as error:
            problems = [("", str(error))]
        if token == CLUSTER and inputs.get("enableAutopilot"):
            beside = [key for key in REFUSED_BESIDE_AUTOPILOT if key in inputs]
            problems += [(key, "conflicts with enableAutopilot") for key in beside]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures(problems))

    def Diff(self, request: Any, context: Context) -> Any:
        return difference(unpacked(request.old_inputs), unpacked(request.news), REPLACES)

    def Create(self, request: Any, context: Context) -> Any:
        inputs = unpacked(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=request.properties)
        made = self._do(context, self.cloud.create, token_of(request.urn), inputs)
        return provider_pb2.CreateResponse(id=made["id"], properties=packed(made["outputs"]))

    def Read(self, request: Any, context: Context) -> Any:
        found = self.cloud.read(request.id)
        if found is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=request.id, properties=packed(found["outputs"]), inputs=packed(found["inputs"])
        )

    def Update(self, request: Any, context: Context) -> Any:
        if request.preview:
            return provider_pb2.UpdateResponse(properties=request.news)
        new = self._do(context, self.cloud.update, request.id, unpacked(request.news))
        return provider_pb2.UpdateResponse(properties=packed(new["outputs"]))

    def Delete(self, request: Any, context: Context) -> Any:
        self._do(context, self.cloud.delete, request.id)
        return empty_pb2.Empty()

    def _do(self, context: Context, action: Any, *arguments: Any) -> Object:
        try:
            return action(*arguments)  # type: ignore[no-any-return]
        except Refused as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
            raise


def token_of(urn: str) -> str:
    """The type of a resource out of its URN, without the types of its parents."""
    return urn.split("::")[2].rpartition("$")[2]


def unpacked(given: struct_pb2.Struct) -> dict[str, Any]:
    """Properties as plain values; absent ones are left out."""
    found: dict[str, Any] = json_format.MessageToDict(given)
    return {key: value for key, value in found.items() if value is not None}


def packed(given: dict[str, Any]) -> struct_pb2.Struct:
    """Properties as the protocol has them."""
    return json_format.ParseDict(given, struct_pb2.Struct())


def failures(problems: list[tuple[str, str]]) -> list[Any]:
    """What the engine shows beside the resource."""
    return [
        provider_pb2.CheckFailure(property=where, reason=f"{where} {why}".strip())
        for where, why in problems
    ]


def difference(old: dict[str, Any], new: dict[str, Any], replaces: tuple[str, ...]) -> Any:
    """What an update would change, and whether by a new object."""
    changed = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME
        if changed
        else provider_pb2.DiffResponse.DIFF_NONE,
        diffs=changed,
        replaces=[key for key in changed if key in replaces],
        deleteBeforeReplace=True,  # names are fixed
    )


def main() -> None:
    """Serves until the engine ends it."""
    cloud = Cloud(Path(os.environ[FOLDER_VARIABLE]))
    server = grpc.server(ThreadPoolExecutor(max_workers=32))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(cloud), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    server.wait_for_termination()
