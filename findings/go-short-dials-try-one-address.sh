#!/usr/bin/env bash
# Go 1.26 (net, net/http); aiohttp 3.14.5, requests 2.34.2 and libcurl 8.23.0 (PyPI pycurl 7.49.0) for comparison. Needs
# Go, Python 3.11 and the network for pip.
#
# A name has two addresses, or three, of the same family. All but the last answer nothing, as a lost region's do; the
# last is a healthy server. The client connects with a time-out of one to six seconds.
# Expected: Go divides the time-out by the number of addresses, so that each is tried.
# Happens: each address but the last gets two seconds at least. With a time-out of two seconds or less the first silent
#   address takes all of it, again and again: the healthy one is never tried. Each further silent address costs two
#   seconds more. The error may name an address that no packet was sent to. aiohttp and libcurl try the next one beside
#   the first after a quarter of a second; requests gives each the whole time-out.
# Why it matters: services that are to fail over fast set short time-outs, of one or two seconds, and several address
#   records. For Go programs the one undoes the other: at three seconds they fail over, at two never.
# Seen:
#              2 addresses           3 addresses
#   time-out   1 s   2 s   3 s       2 s   4 s   6 s
#   Go         lost  lost  2 s       lost  lost  4 s
#   aiohttp    0 s   0 s   0 s       0 s   0 s   0 s
#   libcurl    0 s   0 s   0 s       0 s   0 s   0 s
#   requests   1 s   2 s   3 s       4 s   8 s   12 s
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
need go
packages aiohttp==3.14.5 requests==2.34.2 pycurl==7.49.0
mkdir "$work/client"
cat >"$work/client/main.go" <<'GO'
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

func main() {
	nameserver := func(ctx context.Context, _, _ string) (net.Conn, error) { return net.Dial("udp", os.Args[1]) }
	timeout, err := time.ParseDuration(os.Args[2])
	if err != nil {
		panic(err)
	}
	dialer := &net.Dialer{Timeout: timeout, Resolver: &net.Resolver{PreferGo: true, Dial: nameserver}}
	client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext}}
	answer, err := client.Get(os.Args[3])
	if err != nil {
		fmt.Println("lost")
		return
	}
	fmt.Println(answer.StatusCode)
}
GO
(cd "$work/client" && go mod init finding 2>/dev/null && go build -o "$work/go-client" .)
python - >"$work/seen" <<'PY'
import asyncio
import os
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aiohttp
import pycurl
import requests
from aiohttp.resolver import AbstractResolver
from fake_server import full

NAME = "edge.test"
PLACES = {2: ["127.0.0.2", "127.0.0.4"], 3: ["127.0.0.2", "127.0.0.3", "127.0.0.4"]}


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format, *args):
        """Write no access log."""


server = ThreadingHTTPServer(("127.0.0.4", 0), Page)
threading.Thread(target=server.serve_forever, daemon=True).start()
port = server.server_port
held = [full(place, port) for place in PLACES[3][:-1]]


def nameserver(places):
    """Answer each question for addresses, and return where."""
    here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    here.bind(("127.0.0.1", 0))

    def serve():
        while True:
            question, asker = here.recvfrom(512)
            end = question.index(b"\0", 12) + 5
            answers = b""
            if question[end - 4 : end - 2] == b"\0\1":  # A, not AAAA
                for place in places:
                    answers += b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + socket.inet_aton(place)
            counts = bytes([0, 1, 0, len(answers) // 16, 0, 0, 0, 0])
            here.sendto(question[:2] + b"\x81\x80" + counts + question[12:end] + answers, asker)

    threading.Thread(target=serve, daemon=True).start()
    return f"127.0.0.1:{here.getsockname()[1]}"


NAMESERVERS = {count: nameserver(places) for count, places in PLACES.items()}
known = socket.getaddrinfo


def getaddrinfo(host, port, *more, **others):
    """Resolve our name, for requests: edge-2.test has two addresses, edge-3.test three."""
    if str(host).startswith("edge-"):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (place, port)) for place in PLACES[int(host[5])]]
    return known(host, port, *more, **others)


socket.getaddrinfo = getaddrinfo


class Resolver(AbstractResolver):
    async def resolve(self, host, port=0, family=socket.AF_INET):
        fixed = {"hostname": host, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
        return [{**fixed, "host": place} for place in PLACES[int(host[5])]]

    async def close(self):
        """Nothing to close."""


def with_go(count, seconds):
    command = [os.environ["WORK"] + "/go-client", NAMESERVERS[count], f"{seconds}s", f"http://{NAME}:{port}/"]
    return subprocess.check_output(command, text=True).strip()


def with_aiohttp(count, seconds):
    async def ask():
        connector, timeout = aiohttp.TCPConnector(resolver=Resolver()), aiohttp.ClientTimeout(sock_connect=seconds)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            async with session.get(f"http://edge-{count}.test:{port}/") as answer:
                return answer.status

    return asyncio.run(ask())


def with_libcurl(count, seconds):
    call = pycurl.Curl()
    call.setopt(call.URL, f"http://{NAME}:{port}/")
    call.setopt(call.RESOLVE, [f"{NAME}:{port}:{','.join(PLACES[count])}"])
    call.setopt(call.CONNECTTIMEOUT, seconds)
    call.perform()
    return call.getinfo(call.RESPONSE_CODE)


def with_requests(count, seconds):
    return requests.get(f"http://edge-{count}.test:{port}/", timeout=seconds).status_code


def measure(client, count, seconds):
    begin = time.monotonic()
    said = str(client(count, seconds))
    return f"{int(time.monotonic() - begin)} s" if said == "200" else said


print(f"{'':11}{'2 addresses':22}3 addresses")
print(f"{'time-out':11}1 s   2 s   3 s       2 s   4 s   6 s")
CASES = (2, 1), (2, 2), (2, 3), (3, 2), (3, 4), (3, 6)
with ThreadPoolExecutor(24) as pool:
    runs = {
        client.__name__[5:].capitalize() if client is with_go else client.__name__[5:]: [
            pool.submit(measure, client, *case) for case in CASES
        ]
        for client in (with_go, with_aiohttp, with_libcurl, with_requests)
    }
    for name, cells in runs.items():
        row = [cell.result() for cell in cells]
        left, right = ("".join(f"{cell:6}" for cell in half) for half in (row[:3], row[3:]))
        print(f"{name:11}{left:22}{right}".rstrip())
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
