"""The objects that every cluster holds from the start."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import Any

from foundation import quick_yaml
from foundation.contract import CLUSTER_DOMAIN
from localkube import images
from localkube.inside.volumes import PROVISIONER
from localkube.spec import dns_address


def addons(index: int) -> list[dict[str, Any]]:
    """Return the objects for the cluster with this index, in the order of their creation."""
    template = Template(Path(__file__).with_name("addons.yaml").read_text())
    words = {
        "dns_address": dns_address(index),
        "cluster_domain": CLUSTER_DOMAIN,
        "coredns": images.coredns(),
        "provisioner": PROVISIONER,
    }
    return quick_yaml.load_all(template.substitute(words))
