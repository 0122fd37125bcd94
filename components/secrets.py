"""Secrets for clients' TLS as people give them: filled with a certificate of theirs, or empty."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from components.errors import DemoError

KEYS = ("tls.crt", "tls.key", "ca.crt")
"""What a filled Secret holds: certificate, its key, and the authority that clients trust."""

TLS_KIND = "kubernetes.io/tls"


def is_filled(document: Mapping[str, Any]) -> bool:
    """Says whether a Secret holds a certificate of the user's own."""
    return any((document.get("data") or {}).get(key) for key in KEYS)


def checked(document: Mapping[str, Any], source: str) -> Mapping[str, Any]:
    """Gives the document back when it can be used; `source` names its file in error texts.

    Raises DemoError unless it is a Secret of type kubernetes.io/tls whose values are all empty or
    all base64 of PEM.
    """
    name = f"{source}: {document['kind']} {document['metadata']['name']}"
    if (document["kind"], document.get("type")) != ("Secret", TLS_KIND):
        raise DemoError(f"{name} is no Secret of type {TLS_KIND}; correct it or remove it")
    if document.get("stringData"):
        raise DemoError(f"{name} has stringData; give its values in data, in base64")
    data = document.get("data") or {}
    if not is_filled(document):
        return document
    for key in KEYS:
        if not data.get(key):
            raise DemoError(f"{name} has no {key}; fill in {', '.join(KEYS)}, or empty them all")
        try:
            pem = base64.b64decode(data[key], validate=True)
        except (binascii.Error, TypeError, ValueError):
            pem = b""
        if not pem.startswith(b"-----BEGIN "):
            raise DemoError(f"{name} has a {key} that is not base64 of PEM; encode the file anew")
    return document
