"""TLS contexts: between the tiers with certificates on both sides, towards clients with the edge's.

Certificates are plain files of mounted Secrets, read at the start; a renewed one is taken by the
rolling update that its checksum causes. Envoy could watch the files instead (SDS), at the price
of two inotify instances for each; it aborts when there is none left, and machines commonly have
128 for a user, of which three clusters on one machine take most.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from components.envoy.common import Paths, any_type

_TLS = "envoy.extensions.transport_sockets.tls.v3"


def mesh_client(san: str, paths: Paths) -> dict[str, Any]:
    """Return the transport socket towards an Envoy whose certificate must carry the name `san`."""
    return _socket("UpstreamTlsContext", sni=san, common_tls_context=_mesh_context([san], paths))


def any_server() -> dict[str, Any]:
    """Return the transport socket towards pods that speak TLS with whatever certificate."""
    return _socket("UpstreamTlsContext", common_tls_context={})


def mesh_server(sans: Sequence[str], paths: Paths) -> dict[str, Any]:
    """Return the transport socket of a listener that only clients with one of `sans` may use."""
    return _socket(
        "DownstreamTlsContext",
        require_client_certificate=True,
        common_tls_context=_mesh_context(sans, paths),
    )


def edge_server(secret: str, paths: Paths) -> dict[str, Any]:
    """Return the transport socket for clients: TLS 1.2 or newer, HTTP/2 preferred."""
    return _socket(
        "DownstreamTlsContext",
        common_tls_context={
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_certificates": [_certificate(f"{paths.certificates}/{secret}")],
        },
    )


def _mesh_context(sans: Sequence[str], paths: Paths) -> dict[str, Any]:
    return {
        "tls_params": {
            "tls_minimum_protocol_version": "TLSv1_3",
            "tls_maximum_protocol_version": "TLSv1_3",
        },
        "tls_certificates": [_certificate(paths.mesh)],
        "validation_context": {
            "trusted_ca": {"filename": f"{paths.mesh}/ca.crt"},
            "match_typed_subject_alt_names": [
                {"san_type": "DNS", "matcher": {"exact": san}} for san in sans
            ],
        },
    }


def _certificate(folder: str) -> dict[str, Any]:
    return {
        "certificate_chain": {"filename": f"{folder}/tls.crt"},
        "private_key": {"filename": f"{folder}/tls.key"},
    }


def _socket(context: str, **fields: object) -> dict[str, Any]:
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": any_type(f"{_TLS}.{context}", **fields),
    }
