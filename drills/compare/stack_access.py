"""What a balancer before the gateways needs of the running stack: addresses and certificates."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from drills.compare.configuration import Gateway
from drills.compare.inside import Inside
from drills.stack import EDGE, Stack
from foundation import files
from foundation.contract import GATEWAY_NAME, GATEWAY_NAMESPACE, INGRESS_PORT, gateway_san
from foundation.errors import UserError
from localkube import machine
from localkube.spec import lab_cgroup, relay_cgroup

_MESH = "mesh"
"""Name of the volume with the edge's certificate for the gateways; the others are for clients."""


def check(stack: Stack) -> None:
    """Check that balancers can stand beside the edge of this stack. Raises UserError."""
    if not stack.is_local:
        raise UserError(
            f"Stack {stack.name}: its clusters do not run on this machine. Balancers are compared"
            " where they reach the gateways as the edge does: choose a stack of backend local"
        )
    sharing = stack.serving or ()
    if len(sharing) < 2 or len({stack.weights[name] for name in sharing}) > 1:
        raise UserError(
            f"Stack {stack.name} is in mode {stack.mode}. Balancers are compared where clusters"
            " share the traffic alike: ./demo pulumi config set lbMode active"
            f" --stack {stack.name} && ./demo up {stack.name}"
        )


def inside(stack: Stack, name: str) -> Inside:
    """Return where a balancer runs: in the network of the edge's node, with a cgroup of its own.

    A fault treats packets of that network as those of the edge. Raises UserError.
    """
    node = stack.spec(EDGE).members[0]
    if (found := machine.network(node)) is None:
        raise UserError(f"{node.name} has no power; start it: ./demo up {stack.name}")
    cgroup = f"{lab_cgroup(Path(stack.spec(EDGE).lab))}/compare-{name}"
    return Inside(found, cgroup)


def relay(stack: Stack) -> str:
    """Return the cgroup of the lab's relays, in which the way to the edge is."""
    return relay_cgroup(Path(stack.spec(EDGE).lab))


def gateways(stack: Stack) -> list[Gateway]:
    """Return the gateways that share the traffic, as the edge reaches them. Raises UserError."""
    found = []
    for cluster in stack.serving or stack.application_clusters:
        service = stack.get(cluster, "service", GATEWAY_NAME, "--namespace", GATEWAY_NAMESPACE)
        found.append(gateway_of(cluster, service))
    return found


def gateway_of(cluster: str, service: Mapping[str, Any]) -> Gateway:
    """Return the gateway behind a Service with an address. Raises UserError without one."""
    ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress") or [{}]
    if not (address := ingress[0].get("ip", "")):
        raise UserError(f"{cluster}: the gateway's Service has no address yet; try again")
    return Gateway(cluster, address, INGRESS_PORT, gateway_san(cluster))


def certificates(stack: Stack, folder: Path) -> tuple[Path, Path, Path]:
    """Write the edge's certificates below a private folder.

    Return the files of that for clients, of that for the gateways, and of the gateways' authority.
    Raises UserError.
    """
    where = ("--namespace", GATEWAY_NAMESPACE)
    volumes = stack.get(EDGE, "deployment", GATEWAY_NAME, *where)["spec"]["template"]["spec"]
    mesh, client = secrets_of(volumes["volumes"])
    written = []
    for name in (client, mesh):
        data = stack.get(EDGE, "secret", name, *where)["data"]
        pem = b"\n".join(base64.b64decode(data[key]) for key in ("tls.crt", "tls.key"))
        written.append(_write(folder / f"{name}.pem", pem.decode()))
        authority = base64.b64decode(data["ca.crt"]).decode() if name == mesh else ""
    return written[0], written[1], _write(folder / "ca.pem", authority)


def secrets_of(volumes: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Return the names of the edge's Secrets: for the gateways, and the first one for clients.

    `volumes` are those of its Deployment. Raises UserError where it takes no https.
    """
    named = {v["name"]: v["secret"]["secretName"] for v in volumes if "secret" in v}
    mesh = named.pop(_MESH, "")
    if not mesh or not named:
        raise UserError("The edge has no certificate for clients; balancers are compared by https")
    return mesh, next(iter(named.values()))


def _write(file: Path, text: str) -> Path:
    files.replace(file, text)
    return file
