"""How many Services an edge can expose: all its configuration is in one ConfigMap. Pure."""

from __future__ import annotations

from dataclasses import replace

from components.envoy.edge_clusters import EdgeConfig
from components.envoy.edge_config import edge_files
from foundation.errors import UserError

MOST_BYTES = 1_048_576
"""What the data of a ConfigMap may take (`MaxSecretSize` in Kubernetes' API validation)."""

_NEAR = 0.5
"""Below this part of the most, by the size of the Service of most hosts, not all are rendered."""


def check(config: EdgeConfig) -> None:
    """Refuse more Services than one ConfigMap takes: an API server would, after much was changed.

    The gateways' own ConfigMaps are smaller. Raises UserError.
    """
    count = len(config.routes)
    largest = max(config.routes, key=lambda route: len(route.hosts))
    one = _bytes(replace(config, routes=(largest,)))
    if one * count < _NEAR * MOST_BYTES:
        return
    size = _bytes(config)
    if size > MOST_BYTES:
        each = (size - one) // (count - 1) if count > 1 else size
        fit = max(0, 1 + (MOST_BYTES - one) // each)
        raise UserError(
            f"{count} Services are exposed, and the edge's configuration of them takes {size:,}"
            f" bytes, of {MOST_BYTES:,} that a ConfigMap may have: expose about {fit} such, with as"
            " many hosts, by one Service for several paths or hosts, or, where failback is ramped"
            " or manual, have it atOnce"
        )


def _bytes(config: EdgeConfig) -> int:
    return sum(len(text.encode()) for text in edge_files(config).values())
