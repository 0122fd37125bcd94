"""TLS contexts, and the files by which Envoy takes renewed certificates without a restart (SDS).

Each certificate is one SDS file in the ConfigMap that points into a mounted Secret and watches
its folder: when the kubelet swaps the Secret, Envoy reads it again and keeps all connections.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from components.envoy.common import Paths, any_type, render

_TLS = "envoy.extensions.transport_sockets.tls.v3"
_MESH = "mesh"
_MESH_AUTHORITY = "mesh-ca"


def mesh_files(paths: Paths) -> dict[str, str]:
    """Gives the SDS files of the mesh certificate and of the authority that signs all of them."""
    return {
        _file(_MESH): _secret(_MESH, tls_certificate=_certificate(paths.mesh)),
        _file(_MESH_AUTHORITY): _secret(
            _MESH_AUTHORITY,
            validation_context={
                "trusted_ca": {"filename": f"{paths.mesh}/ca.crt"},
                "watched_directory": {"path": paths.mesh},
            },
        ),
    }


def server_files(secrets: Sequence[str], paths: Paths) -> dict[str, str]:
    """Gives the SDS file of each certificate that the edge shows to clients."""
    return {
        _file(_server(name)): _secret(
            _server(name), tls_certificate=_certificate(f"{paths.certificates}/{name}")
        )
        for name in secrets
    }


def mesh_client(san: str, paths: Paths) -> dict[str, Any]:
    """Gives the transport socket towards an Envoy whose certificate must carry the name `san`."""
    return _socket(
        "UpstreamTlsContext",
        sni=san,
        common_tls_context=_mesh_context([san], paths),
    )


def mesh_server(sans: Sequence[str], paths: Paths) -> dict[str, Any]:
    """Gives the transport socket of a listener that only clients with one of `sans` may use."""
    return _socket(
        "DownstreamTlsContext",
        require_client_certificate=True,
        common_tls_context=_mesh_context(sans, paths),
    )


def edge_server(secret: str, paths: Paths) -> dict[str, Any]:
    """Gives the transport socket for clients: TLS 1.2 or newer, HTTP/2 preferred."""
    return _socket(
        "DownstreamTlsContext",
        common_tls_context={
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_certificate_sds_secret_configs": [_sds(_server(secret), paths)],
        },
    )


def _mesh_context(sans: Sequence[str], paths: Paths) -> dict[str, Any]:
    return {
        "tls_params": {
            "tls_minimum_protocol_version": "TLSv1_3",
            "tls_maximum_protocol_version": "TLSv1_3",
        },
        "tls_certificate_sds_secret_configs": [_sds(_MESH, paths)],
        "combined_validation_context": {
            "default_validation_context": {
                "match_typed_subject_alt_names": [
                    {"san_type": "DNS", "matcher": {"exact": san}} for san in sans
                ]
            },
            "validation_context_sds_secret_config": _sds(_MESH_AUTHORITY, paths),
        },
    }


def _socket(context: str, **fields: object) -> dict[str, Any]:
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": any_type(f"{_TLS}.{context}", **fields),
    }


def _certificate(folder: str) -> dict[str, Any]:
    return {
        "certificate_chain": {"filename": f"{folder}/tls.crt"},
        "private_key": {"filename": f"{folder}/tls.key"},
        "watched_directory": {"path": folder},
    }


def _secret(name: str, **content: object) -> str:
    # One file holds one secret: Envoy refuses a file with two.
    return render({"resources": [any_type(f"{_TLS}.Secret", name=name, **content)]})


def _sds(name: str, paths: Paths) -> dict[str, Any]:
    return {
        "name": name,
        "sds_config": {
            "resource_api_version": "V3",
            "path_config_source": {
                "path": f"{paths.config}/{_file(name)}",
                "watched_directory": {"path": paths.config},
            },
        },
    }


def _server(secret: str) -> str:
    return f"server-{secret}"


def _file(name: str) -> str:
    return f"sds-{name}.yaml"
