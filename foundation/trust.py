"""What a client of the edge trusts: the certificate that the stack gives for it."""

from __future__ import annotations

import ssl


def trusting(pem: str | None = None, file: str | None = None) -> ssl.SSLContext:
    """Return what trusts a certificate, given as PEM or by its file, and what it has signed.

    It need not be a root: a certificate of the user's own may come with its chain alone. Python
    takes that of itself from 3.13 on.
    """
    context = ssl.create_default_context(cadata=pem, cafile=file)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
