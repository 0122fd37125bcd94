"""TLS contexts: between the tiers with certificates on both sides, towards clients with the edge's.

A certificate and its key are one file of a mounted Secret, in the form of Envoy's SDS. Envoy loads
a renewed one while it runs, and keeps all connections. Each such file costs an inotify instance,
and Envoy aborts when there is none left: machines commonly have 128 for a user. Certificate and key
as files of their own would cost two. The authority is read at the start; a new one takes new pods.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from components.envoy.common import Paths, any_type, checksum, extension, render, watched

SDS_FILE = "sds.yaml"
"""Key of a Secret that holds its certificate and key as Envoy loads them."""
MESH = "mesh_"
"""Name of the certificate between the tiers, as Envoy knows it: no Secret can be called so."""

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
            "tls_certificate_sds_secret_configs": [
                _certificate(secret, f"{paths.certificates}/{secret}")
            ],
        },
    )


def _mesh_context(sans: Sequence[str], paths: Paths) -> dict[str, Any]:
    return {
        "tls_params": {
            "tls_minimum_protocol_version": "TLSv1_3",
            "tls_maximum_protocol_version": "TLSv1_3",
        },
        "tls_certificate_sds_secret_configs": [_certificate(MESH, paths.mesh)],
        "validation_context": {
            "trusted_ca": {"filename": f"{paths.mesh}/ca.crt"},
            "match_typed_subject_alt_names": [
                {"san_type": "DNS", "matcher": {"exact": san}} for san in sans
            ],
        },
    }


def sds_file(name: str, chain: str, key: str) -> str:
    """Return the file SDS_FILE of a Secret for a certificate chain and its key, both PEM.

    `name` is that of the Secret, or MESH. Its version is that of `sds_version`.
    """
    secret = any_type(
        f"{_TLS}.Secret",
        name=name,
        tls_certificate={
            "certificate_chain": {"inline_string": chain},
            "private_key": {"inline_string": key},
        },
    )
    return render({"version_info": sds_version(chain), "resources": [secret]})


def sds_version(chain: str) -> str:
    """Return what Envoy calls a certificate chain in its statistics."""
    return checksum({"": chain})


def _certificate(name: str, folder: str) -> dict[str, Any]:
    return {"name": name, "sds_config": watched(folder, SDS_FILE)}


def _socket(context: str, **fields: object) -> dict[str, Any]:
    return extension("envoy.transport_sockets.tls", f"{_TLS}.{context}", **fields)
