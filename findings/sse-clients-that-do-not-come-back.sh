#!/usr/bin/env bash
# Clients of server-sent events, all with their defaults. Python: aiohttp-sse-client2 0.3.0, launchdarkly-eventsource
# 1.7.4, requests-sse 0.5.3, sseclient 0.0.27. Node: eventsource 4.1.1, eventsource-client 1.2.0,
# @microsoft/fetch-event-source 2.0.1, undici 7.30.2 (EventSource). Go: launchdarkly/eventsource v1.11.0, r3labs/sse
# v2.10.0, tmaxmax/go-sse v0.12.0. Needs Go 1.26, Python 3.11, Node 20 with npm, and the network.
#
# A stream has sent an event with an id. Then its server ends it (a drain), or dies (no last chunk); the next try may
# be answered by 503 once, as a proxy does until it has found the other region, or be refused for three seconds.
# Expected: the client connects again and names the last event (Last-Event-ID). It is what the protocol is for.
# Happens: two of eleven come back from all four. A stream that ends in order is over for three clients, without an
#   error. A cut stream is an exception for two. One 503 is the end for five more. For the browser's EventSource,
#   which eventsource and undici copy, the standard wants that: a status other than 200 is final.
# Why it matters: a proxy that answers 503 for a moment ends streams for good that a refused port would have kept.
#   With such clients, reset streams rather than end them, retry 503 in the edge, and loop around the client.
# Seen:
#                                   ended     cut       cut, then 503   cut, then refused
#   aiohttp-sse-client2 (Python)    resumes   raises    raises          raises
#   launchdarkly (Python)           ends      raises    raises          raises
#   requests-sse (Python)           resumes   resumes   raises          resumes
#   sseclient (Python)              resumes   resumes   raises          resumes
#   eventsource (Node)              resumes   resumes   closes          resumes
#   eventsource-client (Node)       resumes   resumes   resumes         resumes
#   fetch-event-source (Node)       ends      resumes   resumes         resumes
#   undici (Node)                   resumes   resumes   closes          resumes
#   launchdarkly (Go)               resumes   resumes   resumes         resumes
#   r3labs (Go)                     ends      resumes   resumes         resumes
#   tmaxmax (Go)                    resumes   resumes   raises          resumes
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
need go node npm
packages aiohttp-sse-client2==0.3.0 launchdarkly-eventsource==1.7.4 requests-sse==0.5.3 sseclient==0.0.27
mkdir "$work/go-program" "$work/node"
cat >"$work/client.py" <<'PY'
import asyncio
import sys


def show(event):
    print("event", event.data, flush=True)


async def by_aiohttp(url):
    from aiohttp_sse_client2.client import EventSource

    async with EventSource(url) as events:
        async for event in events:
            show(event)


def by_launchdarkly(url):
    from ld_eventsource import SSEClient

    for event in SSEClient(url).events:
        show(event)


def by_requests(url):
    from requests_sse import EventSource

    with EventSource(url) as events:
        for event in events:
            show(event)


def by_sseclient(url):
    from sseclient import SSEClient

    for event in SSEClient(url):
        show(event)


try:
    done = globals()[f"by_{sys.argv[1]}"](sys.argv[2])
    if asyncio.iscoroutine(done):
        asyncio.run(done)
    print("ends")
except Exception as error:
    print("raises", error)
PY
cat >"$work/node/client.js" <<'JS'
const [name, url] = process.argv.slice(2);
const show = (event) => console.log("event", event.data);

function standard({ EventSource }) {
  const source = new EventSource(url);
  source.onmessage = show;
  source.onerror = () => {
    if (source.readyState === source.CLOSED) console.log("closes");
  };
}

async function run() {
  if (name === "eventsource" || name === "undici") return standard(require(name));
  if (name === "eventsource-client") {
    for await (const event of (await import(name)).createEventSource(url)) show(event);
  } else {
    // It is made for browsers: give it what it asks of one.
    globalThis.window = globalThis;
    globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };
    await require("@microsoft/fetch-event-source").fetchEventSource(url, { onmessage: show });
  }
  console.log("ends");
}

run().catch(() => console.log("raises"));
setInterval(() => {}, 1000);
JS
cat >"$work/go-program/main.go" <<'GO'
package main

import (
	"fmt"
	"net/http"
	"os"

	launchdarkly "github.com/launchdarkly/eventsource"
	r3labs "github.com/r3labs/sse/v2"
	tmaxmax "github.com/tmaxmax/go-sse"
)

func show(data string) {
	fmt.Println("event", data)
}

func run(name, url string) error {
	switch name {
	case "r3labs":
		return r3labs.NewClient(url).SubscribeRaw(func(event *r3labs.Event) { show(string(event.Data)) })
	case "tmaxmax":
		request, err := http.NewRequest("GET", url, nil)
		if err != nil {
			return err
		}
		connection := tmaxmax.NewConnection(request)
		connection.SubscribeMessages(func(event tmaxmax.Event) { show(event.Data) })
		return connection.Connect()
	}
	stream, err := launchdarkly.Subscribe(url, "")
	if err != nil {
		return err
	}
	go func() {
		for range stream.Errors {
		}
	}()
	for event := range stream.Events {
		show(event.Data())
	}
	return nil
}

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Println("raises", err)
	} else {
		fmt.Println("ends")
	}
}
GO
(
  cd "$work/node"
  npm install --silent --no-audit --no-fund eventsource@4.1.1 eventsource-client@1.2.0 \
    @microsoft/fetch-event-source@2.0.1 undici@7.30.2
  cd "$work/go-program"
  go_module github.com/launchdarkly/eventsource@v1.11.0 1.26
  go get github.com/r3labs/sse/v2@v2.10.0 github.com/tmaxmax/go-sse@v0.12.0 2>/dev/null
  go build -o "$work/go-client" .
)
python - >"$work/seen" <<'PY'
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

work = pathlib.Path(os.environ["WORK"])
PYTHON = [sys.executable, work / "client.py"]
NODE = ["node", work / "node" / "client.js"]
GO = [work / "go-client"]
CLIENTS = {
    "aiohttp-sse-client2 (Python)": [*PYTHON, "aiohttp"],
    "launchdarkly (Python)": [*PYTHON, "launchdarkly"],
    "requests-sse (Python)": [*PYTHON, "requests"],
    "sseclient (Python)": [*PYTHON, "sseclient"],
    "eventsource (Node)": [*NODE, "eventsource"],
    "eventsource-client (Node)": [*NODE, "eventsource-client"],
    "fetch-event-source (Node)": [*NODE, "fetch-event-source"],
    "undici (Node)": [*NODE, "undici"],
    "launchdarkly (Go)": [*GO, "launchdarkly"],
    "r3labs (Go)": [*GO, "r3labs"],
    "tmaxmax (Go)": [*GO, "tmaxmax"],
}
FAULTS = "ended", "cut", "cut, then 503", "cut, then refused"
HEADERS = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class Stream:
    """A server with one client: its first stream ends by a fault after an event, a later one stays."""

    def __init__(self, fault, command):
        self.fault, self.requests = fault, []
        self.listen(0)
        self.log = work / f"log-{self.port}"
        with self.log.open("w") as log:
            url = f"http://127.0.0.1:{self.port}/"
            self.client = subprocess.Popen([*command, url], stdout=log, stderr=subprocess.DEVNULL)

    def listen(self, port):
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        request = b""
        while b"\r\n\r\n" not in request:
            more = connection.recv(65536)
            if not more:
                return
            request += more
        self.requests.append(request.lower())
        number = len(self.requests)
        if number == 2 and self.fault == "cut, then 503":
            connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")
        else:
            event = b"id: %d\ndata: %d\n\n" % (number, number)
            connection.sendall(HEADERS + b"%x\r\n%b\r\n" % (len(event), event))
            if number > 1:
                time.sleep(100)
            time.sleep(1)
            if self.fault == "ended":
                connection.sendall(b"0\r\n\r\n")
            if self.fault == "cut, then refused":
                self.listener.shutdown(socket.SHUT_RDWR)
                self.listener.close()
                threading.Timer(3, self.listen, (self.port,)).start()
        connection.close()

    def outcome(self, limit):
        """Return what became of the client."""
        while time.monotonic() < limit:
            for line in filter(None, self.log.read_text().split("\n")[:-1]):
                word, *more = line.split()
                if word != "event":
                    return word
                if more and int(more[0]) > 1:
                    return "resumes" if b"last-event-id: 1" in self.requests[-1] else "starts anew"
            time.sleep(0.1)
        return "hears nothing"


table = {name: [] for name in CLIENTS}
for fault in FAULTS:
    streams = {name: Stream(fault, command) for name, command in CLIENTS.items()}
    limit = time.monotonic() + 40
    for name, stream in streams.items():
        table[name].append(stream.outcome(limit))
        stream.client.kill()
        stream.client.wait()
for name, outcomes in {"": FAULTS, **table}.items():
    cells = zip((name, *outcomes), (32, 10, 10, 16, 0), strict=True)
    print("".join(f"{text:{width}}" for text, width in cells))
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
