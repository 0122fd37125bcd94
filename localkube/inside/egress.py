"""The only way out of a lab: an HTTP proxy through which containerd reaches image registries.

It listens on the bridge's address inside the lab and connects from the host's network namespace,
through the host's own proxy if the environment names one. It leads to ports 80 and 443 of other
machines only: never to the host itself, nor to what only the host may ask. Only nodes may use it.
Packets that a node merely forwards, which are its pods', do not even arrive (see network.attach).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import ssl
import subprocess
from ipaddress import ip_address, ip_network

from localkube.inside.egress_addresses import Network, allowed, is_localhost, literal
from localkube.inside.egress_routes import Proxy, Refused, route_for, target
from localkube.inside.relay import listen
from localkube.namespaces import BRIDGE, inside
from localkube.spec import BRIDGE_ADDRESS, EGRESS_PORT, is_node_address

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

CONNECT_SECONDS = 10
"""How long a client's request, and then the connection that it asks for, may take."""

HEAD_BYTES = 16384
"""A request head longer than this is refused."""


def own_networks() -> list[Network]:
    """Return what the host itself answers at, now: the kernel's routes of types local and anycast.

    Addresses of interfaces are among them, and ranges that are routed to the host as a whole. A
    default one is for packets that a rule selects, as those of a transparent proxy.
    Raises `OSError` or `subprocess.CalledProcessError` if ip(8) cannot say it.
    """
    found: list[Network] = []
    for family, kind in (("-4", "local"), ("-6", "local"), ("-6", "anycast")):
        command = ["ip", "-json", family, "route", "show", "table", "all", "type", kind]
        text = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
        known = (route["dst"] for route in json.loads(text or "[]"))
        found += [ip_network(each) for each in known if each != "default"]
    return found


async def reach(host: str, port: int) -> Streams:
    """Connect to a host without a proxy.

    The host is resolved once, and the connection goes to the very addresses that were checked.
    Raises `Refused` if none of them is allowed, `OSError` if none of them answers.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    own = await asyncio.to_thread(own_networks)
    addresses = dict.fromkeys(ip_address(where[0]) for *_, where in found)
    usable = [str(address) for address in addresses if allowed(address, own)]
    if not usable:
        raise Refused(403, f"{host} has no address outside this machine")
    failure: OSError | None = None
    for address in usable:
        try:
            async with asyncio.timeout(CONNECT_SECONDS / len(usable)):
                return await asyncio.open_connection(address, port, limit=HEAD_BYTES)
        except OSError as error:
            failure = error
    raise failure or OSError("no answer")


async def reach_by(proxy: Proxy, host: str, port: int) -> Streams:
    """Connect to a host through the company's proxy, which resolves its name.

    Raises `Refused` for the machine itself by whatever address, and with what the proxy says if it
    does not agree; `OSError` if it does not answer.
    """
    address = literal(host)
    if is_localhost(host) or (
        address and not allowed(address, await asyncio.to_thread(own_networks))
    ):
        raise Refused(403, f"{host} is no address outside this machine")
    context = ssl.create_default_context() if proxy.scheme == "https" else None
    reader, writer = await asyncio.open_connection(
        proxy.host, proxy.port, ssl=context, limit=HEAD_BYTES
    )
    writer.write(proxy.request(host, port))
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        version, _, answer = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
        if not version.startswith("HTTP/1.") or not answer.startswith("2"):
            raise Refused(502, f"the proxy {proxy.host}:{proxy.port} says: {answer or version}")
    except asyncio.IncompleteReadError:
        writer.close()
        raise Refused(502, f"the proxy {proxy.host}:{proxy.port} hung up") from None
    except BaseException:
        writer.close()
        raise
    return reader, writer


async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one connection; whoever is no node is hung up on."""
    peer = writer.get_extra_info("peername")[0]
    if not is_node_address(peer):
        print(f"egress: {peer} is no node", flush=True)
        writer.transport.abort()
        return
    wanted = "a request"
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            host, port = target(await reader.readuntil(b"\r\n\r\n"))
        wanted = f"{host}:{port}"
        async with asyncio.timeout(CONNECT_SECONDS):
            proxy = route_for(host, port, os.environ)
            remote = await (reach_by(proxy, host, port) if proxy else reach(host, port))
    except Refused as refusal:
        refuse(writer, peer, wanted, refusal.status, str(refusal))
    except TimeoutError:
        refuse(writer, peer, wanted, 504, f"{wanted}: no answer within {CONNECT_SECONDS} s")
    except (OSError, EOFError, asyncio.LimitOverrunError, subprocess.CalledProcessError) as error:
        refuse(writer, peer, wanted, 502, f"{wanted}: {error}")
    else:
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(copy(reader, remote[1]), copy(remote[0], writer))


def refuse(writer: asyncio.StreamWriter, peer: str, wanted: str, status: int, why: str) -> None:
    """Answer with the reason in the status line, which containerd puts into the pod's event."""
    print(f"egress: refused {wanted} to {peer}: {why}", flush=True)
    text = "".join(each if each.isprintable() else " " for each in why)
    head = f"HTTP/1.1 {status} {text}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    writer.write(head.encode("latin-1", "replace"))
    writer.close()


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one direction to its end."""
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


async def serve(listener: socket.socket) -> None:
    """Serve for ever."""
    server = await asyncio.start_server(handle, sock=listener, limit=HEAD_BYTES)
    await server.serve_forever()


def main() -> None:
    """Open the port inside the lab, then serve from the host's namespace."""
    listener = inside(BRIDGE, lambda: listen(EGRESS_PORT, BRIDGE_ADDRESS))
    asyncio.run(serve(listener))


if __name__ == "__main__":
    main()
