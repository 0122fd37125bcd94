"""The Envoy configuration of the edge: TLS for clients, mutual TLS to the regional gateways."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from components.envoy import server, xds
from components.envoy.edge_clusters import EdgeConfig, ways
from components.envoy.edge_listeners import listeners


def edge_bootstrap(config: EdgeConfig) -> dict[str, Any]:
    """Return the edge's whole configuration as one static bootstrap."""
    return server.bootstrap(
        listeners(config),
        [
            *(each for route in config.routes for each in ways(route, config)),
            *(each for route in config.routes for each in ways(route, config, is_patient=True)),
        ],
        listen=config.listen,
        dns_server=config.dns_server,
    )


def edge_files(config: EdgeConfig) -> dict[str, str]:
    """Return the data of the edge's ConfigMap, see `components.envoy.xds`.

    Its version is a digest of the whole: equal settings give equal versions.
    """
    version = xds.version_of(edge_bootstrap(replace(config, version="")))
    return xds.files(edge_bootstrap(replace(config, version=version)), version, config.paths.config)
