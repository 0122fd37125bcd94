"""The Secrets for clients' TLS: those that exposed Services name, and who is not served by them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from components.documents import sources
from components.documents.origin import ManifestError
from components.routing.annotations import PREFIX
from components.routing.routes import Route
from components.settings.model import Platform, Settings
from components.tls import secrets, validity
from foundation.contract import GATEWAY_NAMESPACE
from foundation.errors import UserError
from foundation.identity import identity_of, is_core


def read(
    settings: Settings, found: Sequence[Route], later: Callable[[ManifestError], None] | None
) -> list[Mapping[str, Any]]:
    """Return the Secrets for clients' TLS that routes name, in their namespace.

    Raises UserError for a certificate that would not be used.
    """
    source = sources.named(settings.online_banking_secret)
    wanted = {route.tls_secret: route.tls_namespace for route in found if route.tls_secret}
    result: list[Mapping[str, Any]] = []
    for document in sources.load(settings.online_banking_secret, None, later):
        secret = secrets.checked(document, source)
        # kubectl create secret tls --dry-run=client writes no namespace
        name = secret["metadata"]["name"]
        metadata = {"namespace": wanted.get(name, GATEWAY_NAMESPACE), **secret["metadata"]}
        namespace = metadata["namespace"]
        if name not in wanted:
            if secrets.is_filled(secret):
                other = f", or call it {' or '.join(wanted)}" if wanted else ""
                raise UserError(
                    f"{source}: Secret {name} is named by no annotation {PREFIX}tls-secret; name "
                    f"it there{other}"
                )
            continue
        if namespace != wanted[name]:
            own = settings.platform is Platform.ENVOY
            annotation = "" if own else f", or the annotation {PREFIX}tls-secret-namespace"
            raise UserError(
                f"{source}: Secret {name} is in namespace {namespace}, and the edge reads it in "
                f"{wanted[name]}; correct its metadata.namespace{annotation}"
            )
        result.append({**secret, "metadata": metadata})
    return result


def uncovered(
    filled: Sequence[Mapping[str, Any]], routes: Sequence[Route], source: str
) -> Iterator[str]:
    """Yield a line for each exposed host that no certificate of the user's own covers.

    `filled` are the Secrets that hold one, of the file that `source` names.
    """
    for secret in filled:
        name = secret["metadata"]["name"]
        hosts = dict.fromkeys(
            h for route in routes if route.tls_secret == name for h in route.hosts
        )
        yield from validity.lines(secret, source, hosts)


def misplaced(
    documents: Sequence[Mapping[str, Any]],
    filled: Sequence[Mapping[str, Any]],
    routes: Sequence[Route],
    source: str,
) -> Iterator[str]:
    """Yield a line for each Secret beside the application that clients are not shown."""
    own = {secret["metadata"]["name"] for secret in filled}
    wanted = {r.tls_secret: r.tls_namespace for r in routes if r.tls_secret not in own}
    for document in documents:
        where = identity_of(document)
        read = wanted.get(where.name) if is_core(document, "Secret") else None
        if read not in (None, where.namespace):
            yield f"{where} is not the certificate that clients get: that one goes into {source}"
