"""Gives Services of type LoadBalancer the address of the cluster's first node.

kube-proxy then serves that address on every node. Two Services cannot share a port of one address:
the later one stays pending, and an event on it says why.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from localkube.api import FAILURES, Api
from localkube.inside import events
from localkube.spec import ClusterSpec, node_address

SERVICES = "/api/v1/services"


def ports(service: dict[str, Any]) -> set[tuple[str, int]]:
    """Return protocol and port of everything that the Service offers."""
    return {(port.get("protocol", "TCP"), port["port"]) for port in service["spec"]["ports"]}


def decide(
    services: list[dict[str, Any]], address: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the Services that get the address now, and those whose port another one has.

    Of Services that have the address already, the oldest keeps it.
    """
    balancers = [each for each in services if each["spec"].get("type") == "LoadBalancer"]
    taken: set[tuple[str, int]] = set()
    give, refuse = [], []
    for service in sorted(balancers, key=lambda each: (not _has(each, address), _age(each))):
        if ports(service) & taken:
            refuse.append(service)
            continue
        taken |= ports(service)
        if not _has(service, address):
            give.append(service)
    return give, refuse


def _has(service: dict[str, Any], address: str) -> bool:
    return addresses(service) == [address]


def _age(service: dict[str, Any]) -> str:
    return str(service["metadata"]["creationTimestamp"])


def addresses(service: dict[str, Any]) -> list[str]:
    """Return the addresses in the Service's load balancer status."""
    ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress", [])
    return [each.get("ip", "") for each in ingress]


def reconcile(api: Api, address: str, told: set[str]) -> str:
    """Pass over all Services once; return the version to watch from. `told`: known refusals."""
    found = api.call("GET", SERVICES)
    give, refuse = decide(found["items"], address)
    told.intersection_update(each["metadata"]["uid"] for each in refuse)
    for service in give:
        _set_ingress(api, service, [{"ip": address}])
    for service in refuse:
        if addresses(service):  # its port has changed to that of another
            _set_ingress(api, service, None)
        if service["metadata"]["uid"] not in told:
            told.add(service["metadata"]["uid"])
            message = f"another LoadBalancer Service has one of these ports on {address}"
            events.warn(api, "Service", service, "PortTaken", message, "load-balancer")
    return str(found["metadata"]["resourceVersion"])


def _set_ingress(api: Api, service: dict[str, Any], ingress: list[dict[str, str]] | None) -> None:
    patch = {"status": {"loadBalancer": {"ingress": ingress}}}
    api.call("PATCH", f"{path_of(service)}/status", patch, "application/merge-patch+json")


def path_of(service: dict[str, Any]) -> str:
    """Return the API path of the Service."""
    metadata = service["metadata"]
    return f"/api/v1/namespaces/{metadata['namespace']}/services/{metadata['name']}"


def follow(kubeconfig: Path, spec: ClusterSpec, seconds: float) -> None:
    """Follow the cluster's Services for ever. `seconds`: how long a watch lasts."""
    api = Api.from_file(kubeconfig, timeout=seconds)
    told: set[str] = set()
    while True:
        try:
            version = reconcile(api, node_address(spec.index), told)
            # any change: one that is no LoadBalancer any more may have freed a port
            next(api.watch(SERVICES, version), None)
        except FAILURES as error:
            print(f"load-balancer: {error}; trying again", flush=True)
            time.sleep(1)
