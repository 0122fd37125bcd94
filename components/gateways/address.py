"""The address that a cluster gave a Service of type LoadBalancer, waited for.

Pulumi's Kubernetes provider would wait for the Service's pods as well, and those need the addresses
of all Services in their configuration first. A dynamic provider is loaded by its module's name from
the state: never move or rename this module. Imports are inside the methods: only they run there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource

from foundation.contract import GATEWAY_NAME, GATEWAY_NAMESPACE
from foundation.dynamic_provider import BaseProvider, differ

SECONDS = 300.0
"""How long a cluster may take to give an address; clouds take one to three minutes."""

_PAUSE = 0.5


class _AddressProvider(BaseProvider):
    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(props["cluster"], {**props, "address": wait(props)})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        # A new kubeconfig is no reason: what is asked next has it anyway.
        if differ(olds, news, "cluster", "namespace", "service"):
            return DiffResult(changes=True)
        from foundation.commands import Failed

        try:
            now = ask(news)
        except Failed:
            return DiffResult(changes=False)  # whoever does not answer has not moved
        return DiffResult(changes=now not in ("", olds.get("address")))


def wait(
    props: dict[str, Any],
    look: Callable[[dict[str, Any]], str] | None = None,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> str:
    """Return the address as soon as there is one. Raises UserError after SECONDS."""
    from foundation.commands import Failed
    from foundation.errors import UserError

    end, cluster = clock() + SECONDS, props["cluster"]
    while True:
        try:
            if address := (look or ask)(props):
                return address
            said = "it stays pending"
        except Failed as error:
            said = str(error)
        if clock() >= end:
            raise UserError(
                f"{cluster}: Service {props['service']} in {props['namespace']} got no load "
                f"balancer's address within {SECONDS:.0f} s ({said}); look at its events: kubectl "
                f"-n {props['namespace']} describe service {props['service']}; a cluster without "
                "load balancers needs ./demo pulumi config set exposure NodePort"
            )
        pause(_PAUSE)


def ask(props: dict[str, Any]) -> str:
    """Return the address that the Service has now, empty text for none. Raises Failed."""
    import json

    from components import kubectl

    where = ("--namespace", props["namespace"], "get", "service", props["service"])
    return given(json.loads(kubectl.ask(props["kubeconfig"], *where, "--output=json")))


def given(service: dict[str, Any]) -> str:
    """Return the first address, or name, in a Service's load balancer status."""
    ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress") or [{}]
    return str(ingress[0].get("ip") or ingress[0].get("hostname") or "")


class Address(Resource, module="address", name="Address"):
    """There when the Service has an address; looked at again by every update."""

    address: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        cluster: str,
        kubeconfig: pulumi.Input[str],
        service: pulumi.Resource,
        parent: pulumi.Resource,
    ) -> None:
        """Register the wait for `service`, the gateway's in that cluster."""
        props = {
            "cluster": cluster,
            "kubeconfig": kubeconfig,
            "namespace": GATEWAY_NAMESPACE,
            "service": GATEWAY_NAME,
            "address": None,
        }
        options = pulumi.ResourceOptions(
            parent=parent, depends_on=[service], additional_secret_outputs=["kubeconfig"]
        )
        super().__init__(_AddressProvider(), name, props, options)
