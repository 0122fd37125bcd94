#!/usr/bin/env bash
# Node 20.20 (http and fetch); aiohttp 3.14.5, requests 2.34.2 and curl 7.88.1 for comparison. Needs Linux, Node 20,
# curl, Python 3.11 and the network for pip.
#
# A name has two addresses: the primary's, then the standby's. The first packets to the primary are lost, so its
# connection takes one to three seconds, once. The standby refuses connections, or works.
# Expected: Happy Eyeballs (autoSelectFamily, RFC 8305): after 250 ms the second address is tried beside the first,
#   and the first connection to come up wins. So does aiohttp; others wait for the primary.
# Happens: Node ends the first attempt before it makes the second, also between addresses of one family. If the second
#   fails, the call fails in a third of a second, with a primary that is well. If it works, the standby gets the call.
# Why it matters: one lost packet, or a primary more than 250 ms away, is an outage for a Node client whose standby is
#   down. Otherwise it is a failover. Give net.setDefaultAutoSelectFamilyAttemptTimeout() the time of a repeated SYN.
# Seen:
#               standby refuses                   standby works
#   node http   ETIMEDOUT ETIMEDOUT ECONNREFUSED  standby
#   node fetch  ETIMEDOUT ETIMEDOUT ECONNREFUSED  standby
#   aiohttp     primary                           standby
#   requests    primary                           primary
#   curl        primary                           primary
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
need node curl
packages aiohttp==3.14.5 requests==2.34.2
cat >"$work/client.mjs" <<'JS'
import dns from "node:dns";
import http from "node:http";

const [how, port] = process.argv.slice(2);
const found = ["127.0.0.2", "127.0.0.3"].map((address) => ({ address, family: 4 }));
dns.lookup = (name, options, done) => {
  process.nextTick(() => (options.all ? done(null, found) : done(null, found[0].address, 4)));
};
const told = (error) => console.log([error.code, ...error.errors.map((each) => each.code)].join(" "));
if (how === "fetch") {
  const answer = await fetch(`http://edge.test:${port}/`).catch((error) => told(error.cause));
  if (answer) console.log(await answer.text());
} else {
  const lookup = dns.lookup;
  const get = http.get({ host: "edge.test", port, lookup, agent: false }, async (answer) => {
    for await (const part of answer) console.log(part.toString());
  });
  get.on("error", told);
}
JS
python - >"$work/seen" <<'PY'
import asyncio
import os
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import aiohttp
import requests

PRIMARY, STANDBY = "127.0.0.2", "127.0.0.3"
getaddrinfo = socket.getaddrinfo


def resolve(host, *more, **named):
    """Do as the system does, with a name server that knows one more name."""
    if host not in ("edge.test", b"edge.test"):
        return getaddrinfo(host, *more, **named)
    return [each for address in (PRIMARY, STANDBY) for each in getaddrinfo(address, *more, **named)]


socket.getaddrinfo = resolve


class Name(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"primary" if self.server.server_address[0] == PRIMARY else b"standby")

    def log_message(self, format, *args):
        """Write no access log."""


class Slow:
    """A primary whose queue is full for half a second: the first SYN is lost; the kernel repeats it after 1 s."""

    def __enter__(self):
        self.server = ThreadingHTTPServer((PRIMARY, 0), Name, bind_and_activate=False)
        self.server.request_queue_size = 0
        self.server.server_bind()
        self.server.server_activate()
        self.port = self.server.server_address[1]
        self.filler = socket.create_connection((PRIMARY, self.port))
        time.sleep(0.1)
        threading.Timer(1.5, self.server.serve_forever).start()
        return self

    def __exit__(self, *_):
        time.sleep(1.6)
        self.filler.close()
        self.server.shutdown()
        self.server.server_close()


async def by_aiohttp(port):
    async with aiohttp.ClientSession() as session, session.get(f"http://edge.test:{port}/") as answer:
        return await answer.text()


def by_curl(port):
    fixed = f"edge.test:{port}:{PRIMARY},{STANDBY}"
    return subprocess.check_output(["curl", "-s", "--resolve", fixed, f"http://edge.test:{port}/"], text=True)


def by_node(how):
    command = ["node", os.environ["WORK"] + "/client.mjs", how]
    return lambda port: subprocess.run([*command, str(port)], capture_output=True, text=True).stdout.strip()


CLIENTS = {
    "node http": by_node("http"),
    "node fetch": by_node("fetch"),
    "aiohttp": lambda port: asyncio.run(by_aiohttp(port)),
    "requests": lambda port: requests.get(f"http://edge.test:{port}/").text,
    "curl": by_curl,
}
print(f"{'':12}{'standby refuses':34}standby works")
for name, ask in CLIENTS.items():
    seen = []
    for works in (False, True):
        with Slow() as primary:
            if works:
                standby = ThreadingHTTPServer((STANDBY, primary.port), Name)
                threading.Thread(target=standby.serve_forever, daemon=True).start()
            seen.append(ask(primary.port))
            if works:
                standby.shutdown()
                standby.server_close()
    print(f"{name:12}{seen[0]:34}{seen[1]}", flush=True)
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
