"""A stand-in for Pulumi's Kubernetes provider: it keeps objects as an API server does.

An object is created or updated under its identity and deleted by it, whichever resource asks: so
two resources that stand for one object undo each other, as they do in a cluster. It serves in the
process of the test, where the objects can be looked at. Nothing is rolled out and nothing awaited.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from components.backends import mark
from foundation.identity import Identity, identity_of

Context = grpc.ServicerContext
Document = dict[str, Any]
Key = tuple[str, Identity]
"""An object of a cluster; its cluster is the mark that all objects of the cluster carry."""

_ALWAYS_THERE = ("", "default", "kube-system")


class Refused(Exception):
    """What an API server would refuse; the text says why."""


class ObjectStore:
    """The objects of all clusters."""

    def __init__(self) -> None:
        self._objects: dict[Key, Document] = {}
        self._lock = Lock()

    def of(self, cluster: str) -> dict[Identity, Document]:
        """Return the objects of a cluster."""
        with self._lock:
            return {known: each for (name, known), each in self._objects.items() if name == cluster}

    def put(self, document: Document) -> str:
        """Create the object or replace its content; return the resource's id. Raises Refused."""
        cluster, known = key_of(document)
        with self._lock:
            namespace = (cluster, Identity("", "Namespace", "", known.namespace))
            if known.namespace not in _ALWAYS_THERE and namespace not in self._objects:
                raise Refused(f'namespaces "{known.namespace}" not found')
            self._objects[cluster, known] = document
        return f"{known.namespace}/{known.name}" if known.namespace else known.name

    def delete(self, document: Document) -> None:
        """Delete the object; a Namespace takes with it what is in it."""
        cluster, known = key_of(document)
        with self._lock:
            self._objects.pop((cluster, known), None)
            if (known.group, known.kind) != ("", "Namespace"):
                return
            inside = [k for k in self._objects if (k[0], k[1].namespace) == (cluster, known.name)]
            for key in inside:
                del self._objects[key]


def key_of(document: Document) -> Key:
    """Return the cluster and the identity of an object."""
    return document["metadata"]["annotations"][mark.ANNOTATION], identity_of(document)


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """Answers the engine. Identity makes a replacement, any other input an update in place."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store

    def Handshake(self, request: Any, context: Context) -> Any:
        return provider_pb2.ProviderHandshakeResponse()

    def Attach(self, request: Any, context: Context) -> Any:
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Context) -> Any:
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: Context) -> Any:
        return plugin_pb2.PluginInfo(version="4.25.0")

    def CheckConfig(self, request: Any, context: Context) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Context) -> Any:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Context) -> Any:
        return provider_pb2.ConfigureResponse(acceptSecrets=False, supportsPreview=True)

    def Check(self, request: Any, context: Context) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: Any, context: Context) -> Any:
        old, new = unpacked(request.old_inputs), unpacked(request.news)
        changed = [key for key in {**old, **new} if old.get(key) != new.get(key)]
        kinds = provider_pb2.DiffResponse
        return kinds(
            changes=kinds.DIFF_SOME if changed else kinds.DIFF_NONE,
            diffs=changed,
            replaces=["metadata"] if identity_of(old) != identity_of(new) else [],
        )

    def Create(self, request: Any, context: Context) -> Any:
        if request.preview:
            return provider_pb2.CreateResponse(properties=request.properties)
        given = self._put(request.properties, context)
        return provider_pb2.CreateResponse(id=given, properties=request.properties)

    def Update(self, request: Any, context: Context) -> Any:
        if not request.preview:
            self._put(request.news, context)
        return provider_pb2.UpdateResponse(properties=request.news)

    def Read(self, request: Any, context: Context) -> Any:
        cluster, known = key_of(unpacked(request.properties))
        live = self.store.of(cluster).get(known)
        if live is None:
            return provider_pb2.ReadResponse()
        properties = json_format.ParseDict(live, struct_pb2.Struct())
        return provider_pb2.ReadResponse(id=request.id, properties=properties, inputs=properties)

    def Delete(self, request: Any, context: Context) -> Any:
        self.store.delete(unpacked(request.properties))
        return empty_pb2.Empty()

    def _put(self, properties: struct_pb2.Struct, context: Context) -> str:
        try:
            return self.store.put(unpacked(properties))
        except Refused as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
            raise


def unpacked(given: struct_pb2.Struct) -> Document:
    """Return properties as plain values, without those that are the engine's own."""
    found: Document = json_format.MessageToDict(given)
    return {key: value for key, value in found.items() if not key.startswith("__")}


@contextmanager
def serving(store: ObjectStore) -> Iterator[int]:
    """Serve the store as a provider; gives the port on 127.0.0.1."""
    pool = ThreadPoolExecutor(max_workers=16)
    server = grpc.server(pool)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(store), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()
        pool.shutdown()
