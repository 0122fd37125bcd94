"""A DNS server that says which pods there are, as a cluster's does for a headless Service."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading


class PodDns(socketserver.ThreadingUDPServer):
    """Answers A queries from `names`; everything else, and a name without pods, is empty."""

    daemon_threads = True

    def __init__(self, address: str) -> None:
        self.names: dict[str, list[str]] = {}
        super().__init__((address, 0), _Handler)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        query, sock = self.request
        labels, position = [], 12
        while query[position]:
            length = query[position]
            labels.append(query[position + 1 : position + 1 + length].decode())
            position += 1 + length
        end = position + 5
        kind = struct.unpack("!H", query[position + 1 : position + 3])[0]
        addresses = self.server.names.get(".".join(labels), []) if kind == 1 else []
        head = query[:2] + struct.pack("!HHHHH", 0x8580, 1, len(addresses), 0, 0)
        records = b"".join(
            struct.pack("!HHHIH", 0xC00C, 1, 1, 1, 4) + socket.inet_aton(a) for a in addresses
        )
        sock.sendto(head + query[12:end] + records, self.client_address)
