"""Whether a certificate that people bring is good now, and for the hosts that they expose. Pure."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from components.tls.secrets import CERTIFICATE
from foundation.errors import UserError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


def check(secret: Mapping[str, Any], source: str, now: datetime | None = None) -> None:
    """Refuse a certificate before its time or after it, of a Secret that has been checked.

    `source` names the Secret's file. Raises UserError.
    """
    first, name = _first(secret), secret["metadata"]["name"]
    begin, end = first.not_valid_before_utc, first.not_valid_after_utc
    if begin <= (now or datetime.now(UTC)) <= end:
        return
    raise UserError(
        f"{source}: the certificate of Secret {name} is good from {begin:%Y-%m-%d %H:%M} to "
        f"{end:%Y-%m-%d %H:%M} UTC, which is not now, and clients refuse it; put in a new one, or "
        "empty the Secret for one of the stack's own authority"
    )


def lines(secret: Mapping[str, Any], source: str, hosts: Iterable[str]) -> Iterator[str]:
    """Yield a line for each host that the certificate of a checked Secret does not cover."""
    covered = _names(_first(secret))
    for host in hosts:
        if not {host, f"*.{host.partition('.')[2]}"} & covered:
            yield (
                f"{source}: the certificate of Secret {secret['metadata']['name']} does not cover "
                f"{host}, and clients of that refuse it; it covers "
                f"{', '.join(sorted(covered)) or 'no host by a subject alternative name'}"
            )


def _first(secret: Mapping[str, Any]) -> Certificate:
    from cryptography import x509  # 60 ms, which a Secret that is left to the demo does not cost

    return x509.load_pem_x509_certificate(base64.b64decode(secret["data"][CERTIFICATE]))


def _names(certificate: Certificate) -> set[str]:
    from cryptography import x509

    try:
        kind = x509.SubjectAlternativeName
        found = certificate.extensions.get_extension_for_class(kind).value
    except (
        x509.ExtensionNotFound,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
        ValueError,
    ):
        return set()
    return {name.lower() for name in found.get_values_for_type(x509.DNSName)}
