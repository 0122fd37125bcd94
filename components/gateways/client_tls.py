"""The certificates that clients see: the Secrets of the edge's routes, the user's own or ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from components.gateways import envoys
from components.routing.routes import Route
from components.tls.pki import Certificate, CertificateAuthority
from components.tls.secrets import is_filled, issuer_key, issuer_of, tls_secret
from foundation.contract import EDGE_CLUSTER


def client_secrets(
    routes: Sequence[Route],
    names: Sequence[pulumi.Input[str]],
    documents: Sequence[Mapping[str, Any]],
    authority: CertificateAuthority,
    parent: pulumi.Resource,
) -> list[dict[str, Any]]:
    """Return the Secrets that the routes name, in the namespaces that they name.

    Those of `documents` that hold a certificate are taken as they are; any other gets one of
    `authority`, which covers the routes' hosts and, in the first Secret, the edge's own `names`.
    """
    given = {document["metadata"]["name"]: document for document in documents}
    namespaces = {route.tls_secret: route.tls_namespace for route in routes}
    secrets = []
    for name, covered in certificate_names(routes, names).items():
        document = given.get(name) or tls_secret(name, {}, namespaces[name])
        if is_filled(document):
            secrets.append(dict(document))
            continue
        own = Certificate(f"{EDGE_CLUSTER}-{name}", authority, covered, parent)
        secrets.append({**document, "data": envoys.tls_data(own)})
    return secrets


def issuer(secret: Mapping[str, Any]) -> pulumi.Output[str]:
    """Return the PEM of the certificate by which clients verify that of a Secret.

    It is computed from one value alone. With the key it would be secret, and hidden in the stack's
    outputs; with a certificate that is made anew, a preview would take it for unknown.
    """
    data = secret["data"]
    key = issuer_key(data)
    return pulumi.Output.from_input({key: data[key]}).apply(issuer_of)


def certificate_names(
    routes: Sequence[Route], names: Sequence[pulumi.Input[str]]
) -> dict[str, list[pulumi.Input[str]]]:
    """Return the names that each TLS Secret's certificate must cover.

    They are the hosts of its routes; the first Secret covers the edge's own `names` too, for the
    edge answers to those as to the first route's host.
    """
    covered: dict[str, list[pulumi.Input[str]]] = {}
    for route in routes:
        if route.tls_secret:
            hosts = covered.setdefault(route.tls_secret, [])
            hosts += [host for host in route.hosts if host not in hosts]
    for hosts in list(covered.values())[:1]:
        hosts += names
    return covered
