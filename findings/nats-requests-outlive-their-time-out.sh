#!/usr/bin/env bash
# NATS: nats-server 2.15.2, nats.go 1.55.0, nats-py 2.16.0, and nats.js (npm @nats-io/transport-node) 3.4.0 for
# comparison. Needs Go 1.26, Python 3.11, Node 20 with npm, and the network.
#
# A service answers requests. The server goes away for some seconds. A client whose connection is lost sends three
# requests in this time, each with a time-out of one second; each call fails by it. Then the server comes back, and the
# client and the service reconnect by themselves.
# Expected: a request that failed is over. NATS delivers at most once, and nobody waits for the answer.
# Happens: nats.go and nats-py keep the requests in the buffer for what is published while they reconnect (8 MiB in Go,
#   2 in Python), whatever became of the call. After the return the service executes all three. nats.js drops them.
# Why it matters: the caller took the failure for an answer and went another way, or tried again: each try is executed
#   when the server has failed over, all at once and maybe minutes later. nats.ReconnectBufSize(-1) makes a call fail at
#   once while there is no connection; otherwise the request must carry a time after which it is void.
# Seen:
#                                    the three calls   executed after the return
#   nats.go                          timed out         3
#   nats.go, ReconnectBufSize(-1)    failed at once    0
#   nats-py                          timed out         3
#   nats.js                          timed out         0
# shellcheck source=findings/lib.sh
FINDING_LIMIT=600
. "$(dirname "$0")/lib.sh"
need go node npm
packages nats-py==2.16.0
mkdir "$work/go-program" "$work/node"
cat >"$work/go-program/main.go" <<'GO'
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// serve runs a server until it is killed; port -1 is a free one.
func serve(port string) {
	number, err := strconv.Atoi(port)
	check(err)
	of, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: number, NoSigs: true})
	check(err)
	of.Start()
	if !of.ReadyForConnections(10 * time.Second) {
		panic("not ready")
	}
	fmt.Println(of.ClientURL())
	select {}
}

// answer prints each request, and answers it; it is back before each client is.
func answer(place string) {
	soon := []nats.Option{nats.MaxReconnects(-1), nats.ReconnectWait(20 * time.Millisecond), nats.ReconnectJitter(0, 0)}
	connection, err := nats.Connect(place, soon...)
	check(err)
	_, err = connection.Subscribe("orders", func(message *nats.Msg) {
		fmt.Println(string(message.Data))
		check(message.Respond([]byte("done")))
	})
	check(err)
	check(connection.Flush())
	fmt.Println("ready")
	select {}
}

// ask sends what it reads as requests.
func ask(place string, buffer int) {
	connection, err := nats.Connect(place, nats.ReconnectBufSize(buffer))
	check(err)
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if _, err := connection.Request("orders", lines.Bytes(), time.Second); err != nil {
			fmt.Println("failed")
		} else {
			fmt.Println("answered")
		}
	}
}

func main() {
	switch os.Args[1] {
	case "server":
		serve(os.Args[2])
	case "service":
		answer(os.Args[2])
	case "client":
		ask(os.Args[2], nats.DefaultReconnectBufSize)
	case "client without buffer":
		ask(os.Args[2], -1)
	}
}
GO
cat >"$work/program.py" <<'PY'
import asyncio
import sys

import nats


async def ignore(error):
    """Write no log."""


async def main():
    connection = await nats.connect(sys.argv[1], error_cb=ignore)
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        try:
            await connection.request("orders", line.strip().encode(), timeout=1)
            print("answered", flush=True)
        except Exception:
            print("failed", flush=True)


asyncio.run(main())
PY
cat >"$work/node/program.js" <<'JS'
const { connect } = require("@nats-io/transport-node");
const { createInterface } = require("readline");

connect({ servers: process.argv[2] }).then(async (connection) => {
  console.log("ready");
  for await (const line of createInterface({ input: process.stdin })) {
    await connection
      .request("orders", line, { timeout: 1000 })
      .then(() => console.log("answered"), () => console.log("failed"));
  }
});
JS
(
  cd "$work/go-program"
  go_module github.com/nats-io/nats-server/v2@v2.15.2 1.26
  go get github.com/nats-io/nats.go@v1.55.0 2>/dev/null
  go build -o "$work/go-client" .
  cd "$work/node"
  npm install --silent --no-audit --no-fund @nats-io/transport-node@3.4.0
)
python - >"$work/seen" <<'PY'
import os
import pathlib
import subprocess
import sys
import threading
import time

from lab import claim

work = pathlib.Path(os.environ["WORK"])
PROGRAMS = {
    "nats.go": [work / "go-client", "client"],
    "nats.go, ReconnectBufSize(-1)": [work / "go-client", "client without buffer"],
    "nats-py": [sys.executable, work / "program.py"],
    "nats.js": ["node", work / "node" / "program.js"],
}
PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}


def start(*command):
    """Start a program, and return it and its first line, which says that it is ready."""
    process = subprocess.Popen(command, **PIPES)
    return process, process.stdout.readline().strip()


class Case:
    def __init__(self, name, command):
        self.name, self.executed = name, []
        self.server, place = start(work / "go-client", "server", "-1")
        self.port = place.rsplit(":")[-1]
        self.service, _ = start(work / "go-client", "service", place)
        self.client, said = start(*command, place)
        claim(said == "ready", f"{name} does not connect")
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.service.stdout:
            self.executed.append(line.strip())

    def ask(self, text):
        begin = time.monotonic()
        self.client.stdin.write(text + "\n")
        self.client.stdin.flush()
        said = self.client.stdout.readline().strip()
        if said == "failed":
            return "timed out" if time.monotonic() > begin + 0.9 else "failed at once"
        return said

    def run(self):
        claim(self.ask("before") == "answered", f"{self.name} gets no answer at first")
        self.server.kill()
        self.server.wait()
        time.sleep(0.5)
        said = {self.ask("lost") for _ in range(3)}
        self.server, _ = start(work / "go-client", "server", self.port)
        time.sleep(7)
        claim(self.ask("after") == "answered", f"{self.name} has not reconnected")
        for process in self.client, self.service, self.server:
            process.kill()
            process.wait()
        self.row = f"{self.name:33}{' or '.join(said):18}{self.executed.count('lost')}"


print(f"{'':33}the three calls   executed after the return")
cases = [Case(*each) for each in PROGRAMS.items()]
runs = [threading.Thread(target=case.run) for case in cases]
for run in runs:
    run.start()
for run in runs:
    run.join()
for case in cases:
    print(case.row)
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
