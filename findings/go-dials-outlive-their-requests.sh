#!/usr/bin/env bash
# Go 1.26 net/http; undici 7.30.2 and Node's http.Agent, aiohttp 3.14.5 for comparison. Needs Go, Python 3.11, Node 20
# with npm, and the network.
#
# A client may have two connections to a host (Go: MaxConnsPerHost), and each request has a time-out of one second. The
# host's address answers nothing, as a lost region's. Ten requests fail. Then the name has a new address, of a healthy
# server, and the client goes on, a request each 0.2 seconds after the last one's end.
# Expected: a request that timed out takes its connection attempt with it, so the next one goes to the new address.
# Happens: Go's attempt goes on without its request until the dialer's time-out, 30 seconds in http.DefaultTransport,
#   and holds one of the places. All further requests wait for a place and time out: nobody looks the name up again.
#   Without MaxConnsPerHost the first one succeeds, and so it does with the other clients.
# Why it matters: the limit that is to protect a backend makes its clients lose each request for half a minute after
#   the failover. Give net.Dialer the time-out of a request.
# Seen, from the move to the first answer:
#   Go, no limit                       at once
#   Go, 2 connections                  more than 20 s
#   Go, 2 connections, dialer 1 s      at once
#   undici, 2 connections              at once
#   Node's http.Agent, 2 connections   at once
#   aiohttp, 2 connections             at once
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
need go node npm
packages aiohttp==3.14.5
mkdir "$work/client" "$work/node"
cat >"$work/client/main.go" <<'GO'
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

func main() {
	address := "127.0.0.2:" + os.Args[1]
	limit, _ := strconv.Atoi(os.Args[2])
	patience, _ := time.ParseDuration(os.Args[3])
	dialer := &net.Dialer{Timeout: patience}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxConnsPerHost = limit
	transport.DialContext = func(bounded context.Context, network, _ string) (net.Conn, error) {
		return dialer.DialContext(bounded, network, address) // what the name means now
	}
	client := &http.Client{Transport: transport, Timeout: time.Second}
	ask := func() bool {
		answer, err := client.Get("http://edge.test/")
		if err != nil {
			return false
		}
		io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		return true
	}
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() { ask() })
	}
	all.Wait()
	address = "127.0.0.3:" + os.Args[1]
	begin := time.Now()
	for !ask() {
		time.Sleep(200 * time.Millisecond)
	}
	fmt.Println(time.Since(begin).Seconds())
}
GO
cat >"$work/node/program.js" <<'JS'
const http = require("http");
const { Agent, request } = require("undici");

let address = "127.0.0.2";
const lookup = (name, options, done) =>
  options.all ? done(null, [{ address, family: 4 }]) : done(null, address, 4);
const url = `http://edge.test:${process.argv[3]}/`;
const dispatcher = new Agent({ connections: 2, connect: { lookup } });
const agent = new http.Agent({ maxSockets: 2, keepAlive: true, lookup });
const bound = () => ({ signal: AbortSignal.timeout(1000) });
const ASKS = {
  undici: () => request(url, { dispatcher, ...bound() }).then((answer) => answer.body.dump()),
  agent: () =>
    new Promise((done, failed) => {
      http.get(url, { agent, ...bound() }, (answer) => answer.resume().on("end", done)).on("error", failed);
    }),
};
const ask = () => ASKS[process.argv[2]]().then(() => true, () => false);
(async () => {
  await Promise.all(Array.from({ length: 10 }, ask));
  address = "127.0.0.3";
  const begin = Date.now();
  while (!(await ask())) await new Promise((done) => setTimeout(done, 200));
  console.log((Date.now() - begin) / 1000);
  process.exit();
})();
JS
cat >"$work/program.py" <<'PY'
import asyncio
import socket
import sys
import time

import aiohttp
from aiohttp.resolver import AbstractResolver


class Resolver(AbstractResolver):
    address = "127.0.0.2"

    async def resolve(self, host, port=0, family=socket.AF_INET):
        place = {"hostname": host, "host": self.address, "port": port}
        return [{**place, "family": socket.AF_INET, "proto": 0, "flags": 0}]

    async def close(self):
        """Nothing to close."""


async def main():
    resolver = Resolver()
    connector = aiohttp.TCPConnector(limit_per_host=2, resolver=resolver, use_dns_cache=False)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=1)) as session:

        async def ask():
            try:
                async with session.get(f"http://edge.test:{sys.argv[1]}/") as answer:
                    return bool(await answer.read())
            except TimeoutError:
                return False

        await asyncio.gather(*(ask() for _ in range(10)))
        resolver.address = "127.0.0.3"
        begin = time.monotonic()
        while not await ask():
            await asyncio.sleep(0.2)
        print(time.monotonic() - begin)


asyncio.run(main())
PY
(
  cd "$work/client"
  go mod init finding 2>/dev/null
  go build -o "$work/go-client" . || fail "needs Go 1.26"
  cd "$work/node"
  npm install --silent --no-audit --no-fund undici@7.30.2
)
python - >"$work/seen" <<'PY'
import os
import pathlib
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from fake_server import full


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format, *args):
        """Write no access log."""


server = ThreadingHTTPServer(("127.0.0.3", 0), Page)
threading.Thread(target=server.serve_forever, daemon=True).start()
port = server.server_port
silent = full("127.0.0.2", port)
work = pathlib.Path(os.environ["WORK"])
PROGRAMS = {
    "Go, no limit": [work / "go-client", str(port), "0", "30s"],
    "Go, 2 connections": [work / "go-client", str(port), "2", "30s"],
    "Go, 2 connections, dialer 1 s": [work / "go-client", str(port), "2", "1s"],
    "undici, 2 connections": ["node", work / "node" / "program.js", "undici", str(port)],
    "Node's http.Agent, 2 connections": ["node", work / "node" / "program.js", "agent", str(port)],
    "aiohttp, 2 connections": [sys.executable, work / "program.py", str(port)],
}
running = {
    name: subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for name, command in PROGRAMS.items()
}
for name, process in running.items():
    took = float(process.communicate(timeout=100)[0])
    text = "at once" if took < 3 else "more than 20 s" if took > 20 else f"{took} s"
    print(f"{name:35}{text}")
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
