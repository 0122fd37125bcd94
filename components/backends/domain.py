"""The domain below which a cluster's DNS has its Services, as the file of CoreDNS says."""

from __future__ import annotations

import json
import re

from components import kubectl
from foundation.commands import Failed
from foundation.contract import CLUSTER_DOMAIN

_COREFILE = "/api/v1/namespaces/kube-system/configmaps/coredns"
"""Where kubeadm, kind and k3s have it, and most clouds. It may be missing or not be readable."""

_ZONES = re.compile(r"^[ \t]*kubernetes((?:[ \t]+[^\s{]+)+)", re.MULTILINE)
"""Zones of the plugin `kubernetes`; source: https://coredns.io/plugins/kubernetes."""


def ask(kubeconfig: str) -> str:
    """Return the domain of a cluster; the usual one where the cluster does not say.

    Raises Failed where it does not answer: with the wrong domain its gateways would find no pod.
    """
    try:
        config_map = json.loads(kubectl.ask(kubeconfig, "get", "--raw", _COREFILE))
    except Failed as error:
        if "(NotFound)" in error.said or "(Forbidden)" in error.said:
            return CLUSTER_DOMAIN
        raise
    return of((config_map.get("data") or {}).get("Corefile", ""))


def of(corefile: str) -> str:
    """Return the domain that CoreDNS serves: the usual one if it is among several."""
    found = _ZONES.search(corefile)
    zones = [zone.rstrip(".") for zone in found[1].split()] if found else []
    names = [zone for zone in zones if not zone.endswith(".arpa") and "/" not in zone]
    return CLUSTER_DOMAIN if CLUSTER_DOMAIN in names or not names else names[0]
