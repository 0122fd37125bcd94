#!/usr/bin/env bash
# aiodns 4.0.4 (pycares 5.2.1, c-ares) by itself and in aiohttp 3.14.5; dnspython 2.9.2, Node 20's resolve4 and Go 1.26
# for comparison. Needs Go, Node 20, Python 3.11 and the network for pip.
#
# A name is asked for before it exists, is then made, and is asked for again. It is then moved from the old address to
# a new one and asked for again 3 s later, by a new client that knew the old one. Answers may be kept for 300 s.
# Expected: resolver libraries keep no answers, as the others do not. aiohttp keeps them as its options say:
#   use_dns_cache=False not at all, ttl_dns_cache=1 for a second.
# Happens: since c-ares 1.31 each aiodns resolver keeps every answer, "no such name" too, for as long as the name
#   server allows, up to an hour. pycares has no option against it. aiohttp uses aiodns wherever it is installed
#   (aiohttp[speedups] does that), and its two options then bound nothing.
# Why it matters: who sets use_dns_cache=False to follow a failover by DNS stays with the old region until the
#   record's TTL is over. A Service asked for too early stays unknown. Flushing the name server's cache helps neither.
#   Pass resolver=ThreadedResolver() to the connector.
# Seen:
#                                 name made   name moved   questions
#   aiodns                        not found   old          2
#   aiohttp, use_dns_cache=False  not found   old          2
#   aiohttp, ttl_dns_cache=1      not found   old          2
#   dnspython                     found       new          4
#   node                          found       new          4
#   go                            found       new          4
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
need go node
packages aiodns==4.0.4 pycares==5.2.1 aiohttp==3.14.5 dnspython==2.9.2
cat >"$work/client.mjs" <<'JS'
import dns from "node:dns";
import readline from "node:readline";

const resolver = new dns.promises.Resolver();
resolver.setServers([`127.0.0.1:${process.argv[2]}`]);
for await (const line of readline.createInterface({ input: process.stdin })) {
  console.log(await resolver.resolve4(line).then((found) => found[0], () => ""));
}
JS
mkdir "$work/go-source"
cat >"$work/go-source/main.go" <<'GO'
package main

import (
	"context"
	"fmt"
	"net"
	"os"
)

func main() {
	dial := func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("udp", "127.0.0.1:"+os.Args[1])
	}
	resolver := net.Resolver{PreferGo: true, Dial: dial}
	for {
		var name string
		if count, _ := fmt.Scan(&name); count == 0 {
			return
		}
		found, _ := resolver.LookupIP(context.Background(), "ip4", name+".")
		if len(found) == 0 {
			fmt.Println()
		} else {
			fmt.Println(found[0])
		}
	}
}
GO
(cd "$work/go-source" && go mod init finding 2>/dev/null && go build -o "$work/caller" .)
python - >"$work/seen" <<'PY'
import asyncio
import os
import socket
import struct
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import aiodns
import aiohttp
import dns.exception
import dns.resolver
from aiohttp.resolver import AsyncResolver

NAME, OLD, NEW, TTL = "edge.test", "127.0.0.2", "127.0.0.3", 300


class NameServer:
    """Answers what the one name's address of IPv4 is now, or that there is none; counts who asks for it."""

    def __init__(self):
        self.address, self.questions = "", 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            data, peer = self.socket.recvfrom(4096)
            question = data[12 : data.index(b"\0", 12) + 5]
            asks_a = question[-4:-2] == b"\0\1"
            self.questions += asks_a
            if self.address and asks_a:
                head = 0x8580, 1, 1, 0, 0
                record = struct.pack(">HHHIH", 0xC00C, 1, 1, TTL, 4) + socket.inet_aton(self.address)
            else:
                head = 0x8580 if self.address else 0x8583, 1, 0, 1, 0
                start = b"\0\0" + struct.pack(">5I", 1, TTL, TTL, TTL, TTL)
                record = struct.pack(">HHHIH", 0xC00C, 6, 1, TTL, len(start)) + start
            self.socket.sendto(data[:2] + struct.pack(">5H", *head) + question + record, peer)


class Region(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.server_address[0].encode())

    def log_message(self, format, *args):
        """Write no access log."""


old = ThreadingHTTPServer((OLD, 0), Region)
new = ThreadingHTTPServer((NEW, old.server_port), Region)
for region in old, new:
    threading.Thread(target=region.serve_forever, daemon=True).start()


def by_aiodns(port):
    resolver = aiodns.DNSResolver(nameservers=["127.0.0.1"], udp_port=port)

    async def ask():
        try:
            return (await resolver.query_dns(NAME, "A")).answer[0].data.addr
        except aiodns.error.DNSError:
            return ""

    return ask


def by_aiohttp(**more):
    def make(port):
        resolver = AsyncResolver(nameservers=["127.0.0.1"], udp_port=port)
        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=resolver, force_close=True, **more))

        async def ask():
            try:
                async with session.get(f"http://{NAME}:{old.server_port}/") as answer:
                    return await answer.text()
            except aiohttp.ClientConnectorDNSError:
                return ""

        ask.close = session.close
        return ask

    return make


def by_dnspython(port):
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], port

    async def ask():
        try:
            return resolver.resolve(NAME, "A")[0].address
        except dns.exception.DNSException:
            return ""

    return ask


def by_process(*command):
    def make(port):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
        process = subprocess.Popen([*command, str(port)], **pipes)

        async def ask():
            print(NAME, file=process.stdin, flush=True)
            return process.stdout.readline().strip()

        async def close():
            process.stdin.close()
            process.wait()

        ask.close = close
        return ask

    return make


work = os.environ["WORK"]
CLIENTS = {
    "aiodns": by_aiodns,
    "aiohttp, use_dns_cache=False": by_aiohttp(use_dns_cache=False),
    "aiohttp, ttl_dns_cache=1": by_aiohttp(ttl_dns_cache=1),
    "dnspython": by_dnspython,
    "node": by_process("node", f"{work}/client.mjs"),
    "go": by_process(f"{work}/caller"),
}


async def change(make, names, before, after, seconds):
    """Return what a new client is told before and after the name's address changes."""
    ask, names.address = make(names.port), before
    first = await ask()
    names.address = after
    await asyncio.sleep(seconds)
    second = await ask()
    if hasattr(ask, "close"):
        await ask.close()
    return first, second


async def main():
    print(f"{'':30}name made   name moved   questions")
    for name, make in CLIENTS.items():
        names = NameServer()
        first, made = await change(make, names, "", OLD, 0)
        assert not first, first
        first, moved = await change(make, names, OLD, NEW, 3)
        assert first == OLD, first
        told = {OLD: "old", NEW: "new"}[moved]
        print(f"{name:30}{'found' if made else 'not found':12}{told:13}{names.questions}", flush=True)


asyncio.run(main())
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
