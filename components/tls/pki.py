"""The stack's certificate authority and certificates as Pulumi resources.

Keys are made once, kept encrypted in the state, and renewed by the first `pulumi up` after two
thirds of a certificate's life. When that is stands in the state: to look into a certificate takes a
library that is longer to load than a whole comparison. A dynamic provider is loaded by its module's
name from the state: never move or rename this module. Imports are inside the methods, because only
they run there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource

from foundation.dynamic_provider import BaseProvider, differ

if TYPE_CHECKING:
    from foundation.certificates import KeyPair


class _AuthorityProvider(BaseProvider):
    def create(self, props: dict[str, Any]) -> CreateResult:
        from foundation import certificates

        made = _outputs(certificates.authority(props["commonName"]))
        return CreateResult(props["commonName"], {**props, **made})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        renamed = olds["commonName"] != news["commonName"]
        return DiffResult(changes=renamed or is_due(olds))


class _CertificateProvider(BaseProvider):
    def create(self, props: dict[str, Any]) -> CreateResult:
        from foundation import certificates

        issuer, names = certificates.KeyPair(props["issuer"], props["issuerKey"]), props["names"]
        made = _outputs(certificates.leaf(issuer, names[0], names))
        return CreateResult(names[0], {**props, **made})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        changed = differ(olds, news, "names", "issuer", "issuerKey")
        return DiffResult(changes=changed or is_due(olds))


def is_due(outputs: dict[str, Any]) -> bool:
    """Check whether a certificate of the state is to be renewed; one that does not say when is."""
    renew_at = outputs.get("renewAt")
    return not renew_at or datetime.now(UTC) >= datetime.fromisoformat(renew_at)


def _outputs(made: KeyPair) -> dict[str, str]:
    from foundation import certificates

    renew_at = certificates.renewal(made.certificate).isoformat()
    return {"certificate": made.certificate, "key": made.key, "renewAt": renew_at}


class CertificateAuthority(Resource, module="pki", name="CertificateAuthority"):
    """The authority that signs every certificate of one stack."""

    certificate: pulumi.Output[str]
    """PEM, public."""
    key: pulumi.Output[str]
    """PEM, secret."""

    def __init__(self, name: str, common_name: str) -> None:
        props = {"commonName": common_name, "certificate": None, "key": None}
        secret = pulumi.ResourceOptions(additional_secret_outputs=["key"])
        super().__init__(_AuthorityProvider(), name, props, secret)


class Certificate(Resource, module="pki", name="Certificate"):
    """A certificate of the stack's authority, good for servers and clients."""

    certificate: pulumi.Output[str]
    """PEM, public."""
    key: pulumi.Output[str]
    """PEM, secret."""
    issuer: pulumi.Output[str]
    """PEM of the authority's certificate."""

    def __init__(
        self,
        name: str,
        authority: CertificateAuthority,
        names: Sequence[pulumi.Input[str]],
        parent: pulumi.Resource,
    ) -> None:
        """Register the certificate for DNS names and IP addresses; the first is its subject."""
        props = {
            "names": list(names),
            "issuer": authority.certificate,
            "issuerKey": authority.key,
            "certificate": None,
            "key": None,
        }
        options = pulumi.ResourceOptions(
            parent=parent, additional_secret_outputs=["key", "issuerKey"]
        )
        super().__init__(_CertificateProvider(), name, props, options)
