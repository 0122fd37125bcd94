#!/usr/bin/env bash
# aiohttp 3.14.5; httpx 0.28.1, requests 2.34.2 and curl 7.88.1 for comparison. Needs Python 3.11, curl and the network
# for pip.
#
# A name has two addresses, always in this order: the primary's, the standby's. Both work. Eight requests are sent,
# each on a new connection; then the standby is stopped and eight more are sent.
# Expected: a client takes the first address and tries the second only if the first fails, as the others do.
# Happens: aiohttp's cache of names turns the list by one for each connection: every second connection goes to the
#   standby. Only use_dns_cache=False keeps the resolver's order.
# Why it matters: addresses are ordered (RFC 6724, /etc/hosts, DNS servers that sort by distance) to have a warm
#   standby. aiohttp makes an active pair of it: half of its traffic, writes included, goes to the other region
#   before anything has failed.
# Seen (p: primary, s: standby):
#   aiohttp                       pspspsps  standby down: pppppppp
#   aiohttp, use_dns_cache=False  pppppppp  standby down: pppppppp
#   httpx                         pppppppp  standby down: pppppppp
#   requests                      pppppppp  standby down: pppppppp
#   curl                          pppppppp  standby down: pppppppp
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
need curl
packages aiohttp==3.14.5 httpx==0.28.1 requests==2.34.2
python - >"$work/seen" <<'PY'
import asyncio
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import aiohttp
import httpx
import requests

ADDRESSES = "127.0.0.2", "127.0.0.3"


class Name(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"p" if self.server.server_address[0] == ADDRESSES[0] else b"s")

    def log_message(self, format, *args):
        """Write no access log."""


primary = ThreadingHTTPServer((ADDRESSES[0], 0), Name)
standby = ThreadingHTTPServer((ADDRESSES[1], primary.server_port), Name)
for server in primary, standby:
    threading.Thread(target=server.serve_forever, daemon=True).start()
port = primary.server_port
url = f"http://edge.test:{port}/"
getaddrinfo = socket.getaddrinfo


def resolve(host, *more, **named):
    """Do as the system does, with a name server that knows one more name."""
    if host not in ("edge.test", b"edge.test"):
        return getaddrinfo(host, *more, **named)
    return [each for address in ADDRESSES for each in getaddrinfo(address, *more, **named)]


socket.getaddrinfo = resolve


async def by_aiohttp(**more):
    connector = aiohttp.TCPConnector(force_close=True, **more)
    async with aiohttp.ClientSession(connector=connector) as session:
        answers = []
        for _ in range(8):
            async with session.get(url) as answer:
                answers.append(await answer.text())
        return "".join(answers)


def by_curl():
    fixed = f"edge.test:{port}:{','.join(ADDRESSES)}"
    return subprocess.check_output(["curl", "-s", "--resolve", fixed, url], text=True)


CLIENTS = {
    "aiohttp": lambda: asyncio.run(by_aiohttp()),
    "aiohttp, use_dns_cache=False": lambda: asyncio.run(by_aiohttp(use_dns_cache=False)),
    "httpx": lambda: "".join(httpx.get(url).text for _ in range(8)),
    "requests": lambda: "".join(requests.get(url, timeout=5).text for _ in range(8)),
    "curl": lambda: "".join(by_curl() for _ in range(8)),
}
both = {name: ask() for name, ask in CLIENTS.items()}
standby.shutdown()
standby.server_close()
for name, ask in CLIENTS.items():
    print(f"{name:29} {both[name]}  standby down: {ask()}")
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
