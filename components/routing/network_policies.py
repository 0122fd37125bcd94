"""Whether NetworkPolicies of a manifest keep the gateways from the pods of an exposed Service.

Pure functions over the parsed documents of a manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from components.documents import selectors, workload
from components.routing.annotations import Document
from foundation.contract import GATEWAY_NAMESPACE, GATEWAY_SELECTOR
from foundation.identity import identity_of, mapping

_NAMESPACE = {"kubernetes.io/metadata.name": GATEWAY_NAMESPACE}
"""Labels of the gateways' namespace."""

_GATEWAYS = dict([GATEWAY_SELECTOR.split("=")])


def closing(
    namespace: str, labels: Mapping[str, Any], port: int, documents: Sequence[Document]
) -> list[Document]:
    """Return the policies by which pods take nothing from gateways; none where one lets them in.

    `labels` and `namespace` are the pods' own, `port` is the number of their container's port.
    """
    found = [
        each
        for each in documents
        if identity_of(each)[:3] == ("networking.k8s.io", "NetworkPolicy", namespace)
        and _is_for_ingress(mapping(each.get("spec")))
        and selectors.matches(mapping(mapping(each.get("spec")).get("podSelector")), labels)
    ]
    return [] if any(_lets_in(mapping(each["spec"]), port) for each in found) else found


def _is_for_ingress(spec: Mapping[str, Any]) -> bool:
    return "Ingress" in (spec.get("policyTypes") or ("Ingress",))


def _lets_in(spec: Mapping[str, Any], port: int) -> bool:
    return any(
        _allows(rule.get("from"), _may_be_gateways)
        and _allows(rule.get("ports"), lambda given: _may_be(given, port))
        for rule in map(mapping, spec.get("ingress") or ())  # one that is null allows everything
    )


def _allows(given: Any, check: Callable[[Mapping[str, Any]], bool]) -> bool:
    """Check whether a rule's peers or ports have one that does; none at all stand for every one."""
    return not given or any(map(check, workload.mappings(given)))


def _may_be_gateways(peer: Mapping[str, Any]) -> bool:
    """Check whether a peer may be the gateways; whose addresses are in a block is not known."""
    if "ipBlock" in peer:
        return True
    if peer.get("namespaceSelector") is None:
        return False
    return selectors.matches(mapping(peer["namespaceSelector"]), _NAMESPACE) and selectors.matches(
        mapping(peer.get("podSelector")), _GATEWAYS
    )


def _may_be(given: Mapping[str, Any], port: int) -> bool:
    """Check whether a rule's port may be this one; what a name stands for is each pod's own."""
    if (given.get("protocol") or "TCP") != "TCP":
        return False
    first = given.get("port")
    return not isinstance(first, int) or first <= port <= (given.get("endPort") or first)
