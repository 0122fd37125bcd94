"""The only way out of a lab: an HTTP proxy through which containerd reaches image registries.

It listens on the bridge's address inside the lab and connects from the host's network namespace,
through the host's own proxy if the environment names one. It leads to ports 80 and 443 only, and
never to the host itself or to what only the host may ask, as a cloud's metadata service.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import socket
from urllib.parse import urlsplit

from localkube.namespaces import BRIDGE, inside
from localkube.relay import listen
from localkube.spec import BRIDGE_ADDRESS, EGRESS_PORT

PORTS = (80, 443)

CONNECT_SECONDS = 10

HEAD_BYTES = 16384
"""A request head longer than this is refused."""


def upstream_proxy(environment: dict[str, str]) -> tuple[str, int] | None:
    """Host and port of the proxy that the host itself has to use."""
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        if value := environment.get(name):
            parts = urlsplit(value if "//" in value else f"//{value}")
            return (parts.hostname or "", parts.port or 3128)
    return None


def target(head: bytes) -> tuple[str, int]:
    """Host and port that a CONNECT request asks for. Raises `ValueError` for any other request."""
    method, _, rest = head.partition(b" ")
    host, _, port = rest.split(b" ", 1)[0].decode("ascii").rpartition(":")
    if method != b"CONNECT" or not host or int(port) not in PORTS:
        raise ValueError("only CONNECT to port 80 or 443")
    return host.strip("[]"), int(port)


async def outside_address(host: str, port: int) -> str:
    """An address of a host, not of this one. Raises `ValueError` without any, `OSError` from DNS.

    Private networks are allowed: a company's registry is in one.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for *_, address in found:
        ip = ipaddress.ip_address(address[0])
        if not (ip.is_loopback or ip.is_link_local or ip.is_unspecified or ip.is_multicast):
            return str(ip)
    raise ValueError(f"{host} has no address outside this machine")


async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serves one connection of a node."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
            host, port = target(head)
            if proxy := upstream_proxy(dict(os.environ)):
                remote = await asyncio.open_connection(*proxy)
                remote[1].write(head)
            else:
                remote = await asyncio.open_connection(await outside_address(host, port), port)
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        print(f"egress: refused: {error}", flush=True)
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        return
    await asyncio.gather(copy(reader, remote[1]), copy(remote[0], writer))


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copies one direction to its end."""
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


async def serve(listener: socket.socket) -> None:
    """Serves for ever."""
    server = await asyncio.start_server(handle, sock=listener, limit=HEAD_BYTES)
    await server.serve_forever()


def main() -> None:
    """Opens the port inside the lab, then serves from the host's namespace."""
    with inside(BRIDGE):
        listener = listen(EGRESS_PORT, BRIDGE_ADDRESS)
    asyncio.run(serve(listener))


if __name__ == "__main__":
    main()
