#!/usr/bin/env bash
# kubernetes 37.0.2, kubernetes-asyncio 36.1.0 (Python) and client-go v0.37.1. Needs Go 1.26, Python 3.11 and the
# network. Compiling client-go takes two minutes the first time.
#
# Two candidates elect a leader by a Lease: lease duration 4 s, renew deadline 3 s, retry period 1 s. The leader's way
# to the API server fails: it is refused, answers 503, or is silent (a lost route, a frozen API server).
# Expected: the old leader stops at its renew deadline, before the lease expires for the other: never two leaders. So
#   does client-go: it cancels the context of OnStartedLeading and calls OnStoppedLeading.
# Happens: in Python's kubernetes the function of onstarted_leading goes on in its thread in all three cases, beside
#   the new leader's; nothing cancels it. onstopped_leading is called after 503 alone. A refused connection is an
#   exception out of run() instead, and a silent server is waited for: the deadline does not bound a request.
#   kubernetes-asyncio cancels the coroutine after 503, and does no better in the other two.
# Why it matters: a controller or drill in Python has two writers as soon as one node loses its API server, the very
#   fault that an election is for. End the process (os._exit) whenever run() returns or raises, and by a watchdog of
#   your own when the lock was not renewed in time.
# Seen, 9 s after the fault (lead: the candidates that still work):
#   client-go           refused  lead: second         the first was told to stop
#   client-go           503      lead: second         the first was told to stop
#   client-go           silent   lead: second         the first was told to stop
#   kubernetes          refused  lead: first second   run() raised
#   kubernetes          503      lead: first second   the first was told to stop
#   kubernetes          silent   lead: first second   the first was told nothing
#   kubernetes-asyncio  refused  lead: first second   run() raised
#   kubernetes-asyncio  503      lead: second         the first was told to stop
#   kubernetes-asyncio  silent   lead: first second   the first was told nothing
# shellcheck source=findings/lib.sh
FINDING_LIMIT=900
. "$(dirname "$0")/lib.sh"
need go
packages kubernetes==37.0.2 kubernetes-asyncio==36.1.0
mkdir "$work/elect"
cat >"$work/elect/main.go" <<'GO'
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

func main() {
	config := &rest.Config{Host: os.Args[2], ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
	client := kubernetes.NewForConfigOrDie(config)
	lock := &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Name: "lease", Namespace: "default"},
		Client:     client.CoordinationV1(),
		LockConfig: resourcelock.ResourceLockConfig{Identity: os.Args[1]},
	}
	leaderelection.RunOrDie(context.Background(), leaderelection.LeaderElectionConfig{
		Lock: lock, LeaseDuration: 4 * time.Second, RenewDeadline: 3 * time.Second, RetryPeriod: time.Second,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(told context.Context) {
				for ; told.Err() == nil; time.Sleep(100 * time.Millisecond) {
					fmt.Println("leads")
				}
			},
			OnStoppedLeading: func() { fmt.Println("told to stop") },
		},
	})
}
GO
(
  cd "$work/elect"
  go_module k8s.io/client-go@v0.37.1 1.26
  go build -o "$work/client-go" . 2>/dev/null
)
cat >"$work/sync.py" <<'PY'
import sys
import time
from kubernetes import client
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock


def lead():
    while True:
        print("leads", flush=True)
        time.sleep(0.1)


def stop():
    print("told to stop", flush=True)


client.Configuration.set_default(client.Configuration(host=sys.argv[2]))
config = electionconfig.Config(LeaseLock("lease", "default", sys.argv[1]), 4, 3, 1, lead, stop)
try:
    leaderelection.LeaderElection(config).run()
except Exception:
    print("run() raised", flush=True)
time.sleep(60)  # what else the process does
PY
cat >"$work/kubernetes-asyncio.py" <<'PY'
import asyncio
import sys
from kubernetes_asyncio import client
from kubernetes_asyncio.leaderelection import electionconfig, leaderelection
from kubernetes_asyncio.leaderelection.resourcelock.leaselock import LeaseLock


async def lead():
    while True:
        print("leads", flush=True)
        await asyncio.sleep(0.1)


async def stop():
    print("told to stop", flush=True)


async def main():
    async with client.ApiClient(client.Configuration(host=sys.argv[2])) as api:
        lock = LeaseLock("lease", "default", sys.argv[1], api)
        config = electionconfig.Config(lock, 4, 3, 1, lead, stop)
        try:
            await leaderelection.LeaderElection(config).run()
        except Exception:
            print("run() raised", flush=True)
        await asyncio.sleep(60)  # what else the process does


asyncio.run(main())
PY
cd "$work"
python - >seen <<'PY'
import json
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMANDS = {
    "client-go": ["./client-go"],
    "kubernetes": ["python", "sync.py"],
    "kubernetes-asyncio": ["python", "kubernetes-asyncio.py"],
}


class Store:
    """The one Lease of an API server."""

    def __init__(self):
        self.lock, self.version, self.lease = threading.Lock(), 0, None

    def answer(self, verb, body):
        """Return status and body, as an API server does."""
        with self.lock:
            if verb == "GET":
                return (200, self.lease) if self.lease else (404, None)
            known = self.lease and self.lease["metadata"]["resourceVersion"]
            if known != body["metadata"].get("resourceVersion"):
                return 409, None
            self.version += 1
            body["metadata"]["resourceVersion"] = str(self.version)
            self.lease = body
            return 200, body


class Way(ThreadingHTTPServer):
    """One candidate's way to the API server, which may fail."""

    daemon_threads = True

    def __init__(self, store):
        self.store, self.fault = store, ""
        super().__init__(("127.0.0.1", 0), Request)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """Keep quiet about clients that left."""


class Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.server.fault == "silent":
            time.sleep(60)
        if self.server.fault == "refused":  # the listener is closed; so is what was open
            self.close_connection = True
            return
        status, answer = 503, None
        if not self.server.fault:
            status, answer = self.server.store.answer(self.command, json.loads(body or "null"))
        if answer is None:
            answer = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status}
            answer["reason"] = {404: "NotFound", 409: "Conflict"}.get(status, "ServiceUnavailable")
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_PUT = do_POST = do_GET

    def log_message(self, format, *args):
        """Write no access log."""


class Candidate:
    """A process that takes part in the election, and what it says."""

    def __init__(self, command, name, store):
        self.way, self.said, self.led = Way(store), [], 0.0
        url = f"http://127.0.0.1:{self.way.server_port}"
        quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        self.process = subprocess.Popen([*command, name, url], **quiet)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            if line.startswith("leads"):
                self.led = time.monotonic()
            else:
                self.said.append(line.strip())

    def leads(self):
        return time.monotonic() - self.led < 1


def until(condition):
    for _ in range(300):
        if condition():
            return
        time.sleep(0.1)
    raise SystemExit("nobody leads")


def elect(library, fault):
    """Return a line that says who leads 9 s after a fault of the leader's way."""
    store = Store()
    first = Candidate(COMMANDS[library], "first", store)
    until(first.leads)
    second = Candidate(COMMANDS[library], "second", store)
    time.sleep(3)
    first.way.fault = fault
    if fault == "refused":
        first.way.shutdown()
        first.way.server_close()
    time.sleep(9)
    leaders = [name for name, each in (("first", first), ("second", second)) if each.leads()]
    said = (first.said or ["told nothing"])[0]
    said = said if said.startswith("run()") else f"the first was {said}"
    for each in first, second:
        each.process.kill()
        each.process.wait()
    return f"{library:19} {fault:8} lead: {' '.join(leaders):14} {said}"


for library in COMMANDS:
    with ThreadPoolExecutor() as pool:
        for line in pool.map(elect, [library] * 3, ("refused", "503", "silent")):
            print(line)
PY
cat seen
[ "$(cat seen)" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$here/$(basename "$0")")" ] ||
  fail "CHANGED: other than described"
