"""The keys of backend `existing`: kubeconfig, a context a cluster, and how gateways are reached."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import Any

from components.settings.exposure import Exposure, ExposureKind
from components.settings.values import SettingsError, Values
from foundation.contract import EDGE_CLUSTER

KEYS = ("kubeconfig", "edgeContext", "edgeAddress", "exposure", "nodePort", "allowSharedCluster")
"""Keys of this backend; gke has `edgeAddress` as well, and checks `exposure`."""

CLUSTER_KEYS = ("context", "address")
"""What an entry of `clusters` may say for this backend."""

_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
_PORT = re.compile(r"[1-9]\d{0,4}")


@dataclass(frozen=True)
class ExistingSettings:
    """What the user chose for clusters that are there already."""

    root: Path
    """What the kubeconfig's path is relative to."""
    kubeconfig: str
    """One file, or several with `:` between them; empty: what kubectl would read."""
    contexts: Mapping[str, str]
    """Cluster (the edge's too) -> context."""
    addresses: Mapping[str, str]
    """Cluster -> where its gateway is reached; without an entry its Service's status says it."""
    exposure: Exposure
    edge_port: int
    """Port at which clients reach the edge."""
    may_share: bool
    """Whether the edge and an application cluster may be one, if no object names collide."""

    @property
    def edge_host(self) -> str:
        """Host of `edgeAddress`; empty where the Service's status says it."""
        return self.addresses.get(EDGE_CLUSTER, "")


def read(values: Values, root: Path, entries: Sequence[Mapping[str, Any]]) -> ExistingSettings:
    """Read the keys; `entries` are those of `clusters`. Raises SettingsError."""
    kind = values.choice("exposure", ExposureKind)
    first = values.whole("nodePort", 1, 65534)
    exposure = Exposure(kind, (first, first + 1))
    contexts = {EDGE_CLUSTER: values.text("edgeContext") or EDGE_CLUSTER}
    addresses: dict[str, str] = {}
    host, port = edge_address(values)
    if host:
        addresses[EDGE_CLUSTER] = host
    for position, entry in enumerate(entries):
        where, name = f"clusters[{position}]", entry["name"]
        contexts[name] = _text(values, f"{where}.context", entry.get("context", "")) or name
        address = _text(values, f"{where}.address", entry.get("address", ""))
        if address:
            reached = _host(values, f"{where}.address", address)
            # the edge's may be the same, where it shares a cluster: its ports are others
            holders = [n for n, held in addresses.items() if held == reached and n != EDGE_CLUSTER]
            if holders:
                remedy = f"{holders[0]} has it too; give the one of {name}'s own gateway"
                raise values.refusal(f"{where}.address", address, remedy)
            addresses[name] = reached
    if kind is not ExposureKind.LOAD_BALANCER:
        keys = {EDGE_CLUSTER: "edgeAddress"}
        keys |= {entry["name"]: f"clusters[{i}].address" for i, entry in enumerate(entries)}
        _check_addresses(values, kind, keys, addresses)
    return ExistingSettings(
        root=root,
        kubeconfig=values.text("kubeconfig"),
        contexts=contexts,
        addresses=addresses,
        exposure=exposure,
        edge_port=port or exposure.edge_ports[0],
        may_share=values.boolean("allowSharedCluster"),
    )


def edge_address(values: Values) -> tuple[str, int]:
    """Return host and port of `edgeAddress`; empty and 0 where it does not say them.

    Raises SettingsError.
    """
    given = values.text("edgeAddress")
    if not given:
        return "", 0
    host, separator, port = given.partition(":")
    if separator and not (_PORT.fullmatch(port) and int(port) < 65536):
        raise values.refusal("edgeAddress", given, "use host or host:port, such as 127.0.0.1:8443")
    return _host(values, "edgeAddress", host), int(port or 0)


def _check_addresses(
    values: Values, kind: ExposureKind, keys: Mapping[str, str], addresses: Mapping[str, str]
) -> None:
    """Refuse clusters without the address that this exposure cannot find out by itself."""
    for name, key in keys.items():
        given = addresses.get(name, "")
        if not given:
            what = "a node's address" if kind is ExposureKind.NODE_PORT else "an address"
            raise SettingsError(
                f"{key} is missing in {values.file}: with exposure {kind} it has to say {what} "
                f"of {name} that {'clients' if key == 'edgeAddress' else 'the others'} reach"
            )
        if kind is ExposureKind.EXTERNAL_IPS and not _may_be_external(given):
            raise values.refusal(
                key, given, f"exposure {kind} needs an IPv4 address, and none of the loopback"
            )


def _may_be_external(address: str) -> bool:
    try:
        return not IPv4Address(address).is_loopback
    except AddressValueError:
        return False


def _host(values: Values, key: str, given: str) -> str:
    if not _HOST.fullmatch(given):
        raise values.refusal(key, given, "use an IPv4 address or a host's name")
    return given.lower()


def _text(values: Values, key: str, given: object) -> str:
    if not isinstance(given, str):
        raise values.refusal(key, given, "use text")
    return given.strip()
