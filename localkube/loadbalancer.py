"""Gives Services of type LoadBalancer the address of the cluster's first node.

kube-proxy then serves that address on every node. Two Services cannot share a port of one address:
the later one stays pending, and an event on it says why.
"""

from __future__ import annotations

import datetime
import sys
import time
from pathlib import Path
from typing import Any

from localkube.api import FAILURES, Api
from localkube.spec import ClusterSpec, node_address

SERVICES = "/api/v1/services"

WATCH_SECONDS = 300


def ports(service: dict[str, Any]) -> set[tuple[str, int]]:
    """Protocol and port of everything that the Service offers."""
    return {(port.get("protocol", "TCP"), port["port"]) for port in service["spec"]["ports"]}


def decide(
    services: list[dict[str, Any]], address: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Services that get the address now, and those that cannot: an earlier one has a port."""
    balancers = [each for each in services if each["spec"].get("type") == "LoadBalancer"]
    holders = [each for each in balancers if addresses(each) == [address]]
    taken = {port for each in holders for port in ports(each)}
    give, refuse = [], []
    waiting = [each for each in balancers if each not in holders]
    for service in sorted(waiting, key=lambda each: each["metadata"]["creationTimestamp"]):
        if ports(service) & taken:
            refuse.append(service)
        else:
            taken |= ports(service)
            give.append(service)
    return give, refuse


def addresses(service: dict[str, Any]) -> list[str]:
    """Addresses in the Service's load balancer status."""
    ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress", [])
    return [each.get("ip", "") for each in ingress]


def reconcile(api: Api, address: str, told: set[str]) -> str:
    """One pass over all Services; gives the version to watch from. `told`: refusals reported."""
    found = api.call("GET", SERVICES)
    give, refuse = decide(found["items"], address)
    for service in give:
        patch = {"status": {"loadBalancer": {"ingress": [{"ip": address}]}}}
        path = f"{path_of(service)}/status"
        api.call("PATCH", path, patch, "application/merge-patch+json")
    for service in refuse:
        if service["metadata"]["uid"] not in told:
            told.add(service["metadata"]["uid"])
            api.call("POST", f"{namespace_of(service)}/events", event(service, address))
    return str(found["metadata"]["resourceVersion"])


def event(service: dict[str, Any], address: str) -> dict[str, Any]:
    """The event that tells a user why a Service stays pending."""
    metadata = service["metadata"]
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "metadata": {"generateName": f"{metadata['name']}-", "namespace": metadata["namespace"]},
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Service",
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
        },
        "type": "Warning",
        "reason": "PortTaken",
        "message": f"another LoadBalancer Service has one of these ports on {address}",
        "source": {"component": "load-balancer"},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }


def namespace_of(service: dict[str, Any]) -> str:
    """API path of the Service's namespace."""
    return f"/api/v1/namespaces/{service['metadata']['namespace']}"


def path_of(service: dict[str, Any]) -> str:
    """API path of the Service."""
    return f"{namespace_of(service)}/services/{service['metadata']['name']}"


def main(folder: Path) -> None:
    """Follows the cluster's Services for ever."""
    spec = ClusterSpec.load(folder)
    api = Api.from_file(spec.kubeconfigs / "load-balancer.conf", timeout=WATCH_SECONDS)
    told: set[str] = set()
    while True:
        try:
            version = reconcile(api, node_address(spec.index), told)
            for change in api.watch(SERVICES, version):
                kind = change["object"].get("spec", {}).get("type")
                if kind == "LoadBalancer" or change["type"] in ("DELETED", "ERROR"):
                    break
        except FAILURES as error:
            print(f"load-balancer: {error}; trying again", flush=True)
            time.sleep(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
