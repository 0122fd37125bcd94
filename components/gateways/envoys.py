"""What the edge and the regional gateways have in common: Envoys and the objects they need."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from components.clusters import manifest
from components.envoy import tls
from components.envoy.common import checksum
from components.envoy.objects import gateway_objects
from components.envoy.pod import EnvoyPods
from components.envoy.xds import BOOTSTRAP_FILE
from components.gateways.entrance import Entrance
from components.gateways.loaded import Loaded
from components.profile.model import HttpProfile
from components.routing.routes import Route
from components.routing.targets import ApplicationCluster
from components.tls.pki import Certificate, CertificateAuthority
from components.tls.secrets import AUTHORITY, CERTIFICATE, KEY, tls_secret


@dataclass(frozen=True)
class Mesh:
    """What the edge and all gateways agree on."""

    authority: CertificateAuthority
    clusters: Sequence[ApplicationCluster]
    addresses: Mapping[str, pulumi.Input[str]]
    """Address of each application cluster's gateway."""
    ports: tuple[int, int]
    """Ports of every gateway at its address: for the edge, for its peers."""
    routes: Sequence[Route]
    profile: HttpProfile


@dataclass(frozen=True)
class Envoys:
    """What was registered."""

    deployment: manifest.Document
    files: pulumi.Output[str]
    """Digest of the ConfigMap's data."""
    files_version: pulumi.Output[str]
    """What its cluster calls this version of the ConfigMap; another one for each change."""
    started_with: pulumi.Output[str]
    """Digest of the bootstrap and the authority: all that takes new pods to change."""
    certificates: Mapping[str, pulumi.Output[str]]
    """Versions of the certificates, by name; pods load them while they run."""


def register(
    entrance: Entrance,
    parent: pulumi.Resource,
    pods: EnvoyPods,
    files: pulumi.Output[dict[str, str]],
    certificate: Certificate,
    secrets: Sequence[Mapping[str, Any]] = (),
    first: Sequence[pulumi.Resource] = (),
) -> Envoys:
    """Register the Envoys behind an entrance and all that they need, as children of `parent`.

    `files` is the ConfigMap's data, `certificate` the one for mutual TLS, `secrets` are further
    documents (the edge's certificates for clients), `first` is what comes before them. A change of
    the bootstrap or of the authority rolls the pods; other files they load while they run.
    """
    mesh = tls_secret(pods.mesh_secret, tls_data(certificate))
    named = {tls.MESH: mesh, **{secret["metadata"]["name"]: secret for secret in secrets}}
    loaded = {name: _loadable(name, secret) for name, secret in named.items()}
    bootstrap = files.apply(lambda known: known[BOOTSTRAP_FILE])
    started_with = pulumi.Output.all(bootstrap, certificate.issuer, *named).apply(
        lambda known: checksum({str(number): text for number, text in enumerate(known)})
    )
    documents = gateway_objects(pods, files, list(loaded.values()), started_with)
    registered = entrance.cluster.register(documents, parent, [entrance.namespace, *first])
    certificates = {name: _version(secret) for name, secret in named.items()}
    config_map, deployment = registered[0], registered[-1]
    files_version = config_map.metadata.apply(lambda known: known.get("resourceVersion") or "")
    return Envoys(deployment, files.apply(checksum), files_version, started_with, certificates)


def load(
    entrance: Entrance,
    parent: pulumi.Resource,
    envoys: Envoys,
    version: pulumi.Output[str] | None = None,
) -> Loaded:
    """Register the wait for registered Envoys to go by `version`, and to show their certificates.

    None is for those that load certificates alone.
    """
    cluster = entrance.cluster
    return Loaded(
        f"{cluster.name}-loaded",
        cluster.name,
        cluster.kubeconfig,
        "" if version is None else version,
        "" if version is None else envoys.files,
        "" if version is None else envoys.files_version,
        envoys.certificates,
        pulumi.ResourceOptions(parent=parent, depends_on=[envoys.deployment]),
    )


def _loadable(name: str, secret: Mapping[str, Any]) -> dict[str, Any]:
    """Return a Secret with its certificate and key as Envoy loads them, too."""

    def file(pair: Sequence[str]) -> str:
        return encoded(tls.sds_file(name, *map(decoded, pair)))

    data = secret["data"]
    text = pulumi.Output.all(data[CERTIFICATE], data[KEY]).apply(file)
    return {**secret, "data": {**data, tls.SDS_FILE: text}}


def _version(secret: Mapping[str, Any]) -> pulumi.Output[str]:
    chain = pulumi.Output.from_input(secret["data"][CERTIFICATE])
    return chain.apply(lambda text: tls.sds_version(decoded(text)))


def encoded(text: str) -> str:
    """Return a text as a Secret's data has it."""
    return b64encode(text.encode()).decode()


def decoded(data: str) -> str:
    """Return the text of a Secret's data; what stands around PEM may be in any encoding."""
    return b64decode(data).decode(errors="replace")


def tls_data(certificate: Certificate) -> dict[str, pulumi.Output[str]]:
    """Return the data of such a Secret: the certificate, its key and its issuer, in base64."""
    texts = {
        CERTIFICATE: certificate.certificate,
        KEY: certificate.key,
        AUTHORITY: certificate.issuer,
    }
    return {k: t.apply(encoded) for k, t in texts.items()}
