"""What a client of the edge trusts: the certificate that the stack gives for it."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

_OF_ANOTHER = (62, 64)
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""


def trusting(pem: str | None = None, file: str | None = None) -> ssl.SSLContext:
    """Return what trusts a certificate, given as PEM or by its file, and what it has signed.

    It need not be a root: a certificate of the user's own may come with its chain alone. Python
    takes that of itself from 3.13 on.
    """
    context = ssl.create_default_context(cadata=pem, cafile=file)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def is_for_address(url: str, file: Path, timeout: float = 5.0) -> bool:
    """Check whether the certificate shown at an https address is for the host in that address.

    One of the user's own may be for the application's name alone. Where nobody answers, or for
    another reason it is not trusted, there is nothing to say against it here.
    """
    parts = urlsplit(url)
    try:
        context = trusting(file=str(file))
        plain = socket.create_connection((parts.hostname or "", parts.port or 443), timeout)
        with plain, context.wrap_socket(plain, server_hostname=parts.hostname):
            return True
    except ssl.SSLCertVerificationError as error:
        return error.verify_code not in _OF_ANOTHER
    except OSError:
        return True
