"""What the edge reads from files while it runs: Envoy clusters (CDS) and routes (RDS).

Envoy loads such a file anew when the kubelet has put another version of the ConfigMap in place. It
keeps all connections then: a request, on a kept connection too, goes by the routes of its moment,
and an Envoy cluster whose hosts have changed is replaced once its own health checks have an answer.
Listeners stay in the bootstrap. A change of theirs closes connections in any case, and an Envoy
that refuses them does not start, so that its pod gets no traffic.

Each file costs an Envoy an inotify instance; of those a user commonly has 128.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from components.envoy.common import any_type, checksum, render, watched

BOOTSTRAP_FILE = "envoy.yaml"
CLUSTERS_FILE = "cds.yaml"
VERSION_FILE = "version"
"""Says, inside a pod, which version its volume has."""

_CLUSTER = "envoy.config.cluster.v3.Cluster"
_ROUTES = "envoy.config.route.v3.RouteConfiguration"


def version_of(document: Mapping[str, Any]) -> str:
    """Return a digest of a whole bootstrap."""
    return checksum({"": json.dumps(document)})


def files(document: dict[str, Any], version: str, folder: str) -> dict[str, str]:
    """Return a static bootstrap as a ConfigMap's data: text by file name.

    `document` is changed: what is loaded from files leaves it. `folder` is where the volume is
    mounted; one swap of it brings all files at once.
    """
    resources = document["static_resources"]
    clusters = [any_type(_CLUSTER, **cluster) for cluster in resources.pop("clusters")]
    document["dynamic_resources"] = {"cds_config": watched(folder, CLUSTERS_FILE)}
    found = {VERSION_FILE: version, CLUSTERS_FILE: _response(version, clusters)}
    for manager in _managers(resources["listeners"]):
        routes = manager.pop("route_config")
        name = f"rds-{routes['name']}.yaml"
        found[name] = _response(version, [any_type(_ROUTES, **routes)])
        manager["rds"] = {
            "route_config_name": routes["name"],
            "config_source": watched(folder, name),
        }
    return {BOOTSTRAP_FILE: render(document), **found}


def _managers(listeners: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the settings of the HTTP connection managers that have virtual hosts."""
    for listener in listeners:
        for chain in listener["filter_chains"]:
            for each in chain["filters"]:
                if each["typed_config"]["route_config"]["virtual_hosts"]:
                    # several filter chains share one object
                    each["typed_config"] = dict(each["typed_config"])
                    yield each["typed_config"]


def _response(version: str, resources: list[dict[str, Any]]) -> str:
    return render({"version_info": version, "resources": resources})
