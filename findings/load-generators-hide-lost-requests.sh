#!/usr/bin/env bash
# hey v0.1.5, vegeta v12.13.0, bombardier v1.2.6 (Go), autocannon 9.0.0 (Node), locust 2.47.0 (Python: its HttpUser and
# its FastHttpUser). Needs Go 1.26, Python 3.11, Node 20 with npm, and the network.
#
# A server executes each request, and ends the connection in place of each tenth answer, as a killed process does.
# Each generator sends 200 requests on one connection at a time: first GET, then POST.
# Expected: it reports 20 lost requests of 200, and the server has executed 200.
# Happens: so do locust's HttpUser, and for POST also hey, vegeta and FastHttpUser. For GET these three report no
#   failure: they repeat each lost request silently and count it as one. bombardier repeats POST as well. autocannon
#   repeats nothing and reports no errors, no resets and no time-outs: 20 requests are just missing from its sum.
# Why it matters: "no request was lost in the failover" is then a statement about the generator. Compare with the
#   server's count, or drill with POST and a tool that counts each (Debian's ab 2.4.71 and wrk 4.1.0 do).
# Seen:
#   reported of 20 lost, executed   GET        POST
#   hey                              0, 222    20, 200
#   vegeta                           0, 222    20, 200
#   bombardier                       0, 222     0, 222
#   autocannon                       0, 200     0, 200
#   locust HttpUser                 20, 200    20, 200
#   locust FastHttpUser              0, 222    20, 200
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
need go node npm
packages locust==2.47.0
seen=$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")
cd "$work"
mkdir tools node
(
  cd tools
  go_module github.com/rakyll/hey@v0.1.5 1.26
  go get github.com/tsenart/vegeta/v12@v12.13.0 github.com/codesenberg/bombardier@v1.2.6 2>/dev/null
  go build -o "$work" github.com/rakyll/hey github.com/tsenart/vegeta/v12 github.com/codesenberg/bombardier
  cd ../node
  npm install --silent --no-audit --no-fund autocannon@9.0.0
)
cat >users.py <<'PY'
import os

from locust import FastHttpUser, HttpUser, constant, task


class User(HttpUser if os.environ["USER_KIND"] == "HttpUser" else FastHttpUser):
    wait_time = constant(0)
    calls = 0

    @task
    def call(self):
        if self.calls == 200:
            self.environment.runner.quit()
            self.wait_time = lambda: 100
            return
        self.calls += 1
        body = b"x" if os.environ["METHOD"] == "POST" else None
        self.client.request(os.environ["METHOD"], "/", data=body)
PY
python - >"$work/seen" <<'PY'
import contextlib
import json
import os
import pathlib
import re
import socket
import subprocess
import threading

from lab import claim


class Server:
    """Execute each request, and end the connection in place of each tenth answer."""

    def __init__(self):
        self.executed, self.lost = 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            threading.Thread(target=self.serve, args=(self.listener.accept()[0],), daemon=True).start()

    def serve(self, connection):
        with connection, contextlib.suppress(OSError):
            while True:
                request = b""
                while not request.endswith((b"\r\n\r\n", b"\r\n\r\nx")) or b"POST" in request and request[-1:] != b"x":
                    more = connection.recv(65536)
                    if not more:
                        return
                    request += more
                self.executed += 1
                if self.executed % 10 == 0:
                    self.lost += 1
                    return
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")


def run(*command, **more):
    told = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True, "timeout": 60}
    return subprocess.run(command, **told, **more).stdout


def body(method, flag):
    return [flag, "x"] if method == "POST" else []


def hey(method, url):
    text = run("./hey", "-n", "200", "-c", "1", "-m", method, *body(method, "-d"), url)
    answers = sum(map(int, re.findall(r"\[200\]\s+(\d+) responses", text)))
    return answers, sum(map(int, re.findall(r"\[(\d+)\]\s+(?:Get|Post) ", text)))


def vegeta(method, url):
    pathlib.Path("body").write_text("x")
    target = f"{method} {url}\n" + ("@body\n" if method == "POST" else "")
    attack = ["./vegeta", "attack", "-rate", "100", "-duration", "2s", "-workers", "1", "-max-workers", "1"]
    results = subprocess.run(attack, input=target.encode(), stdout=subprocess.PIPE, timeout=60).stdout
    report = subprocess.run(["./vegeta", "report", "-type", "json"], input=results, stdout=subprocess.PIPE).stdout
    codes = json.loads(report)["status_codes"]
    return codes.get("200", 0), sum(codes.values()) - codes.get("200", 0)


def bombardier(method, url):
    flags = ["-n", "200", "-c", "1", "-m", method, *body(method, "-b"), "-p", "r", "-o", "json"]
    result = json.loads(run("./bombardier", *flags, url))["result"]
    return result["req2xx"], result["others"]


def autocannon(method, url):
    flags = ["-a", "200", "-c", "1", "-m", method, *body(method, "-b"), "-j"]
    result = json.loads(run("node/node_modules/.bin/autocannon", *flags, url))
    failures = [result[name] for name in ("errors", "timeouts", "resets", "non2xx", "mismatches")]
    claim(result["requests"]["sent"] == 200, "autocannon does not say that it sent 200 requests")
    return result["2xx"], sum(failures)


def locust(kind, method, url):
    command = ["locust", "-f", "users.py", "--headless", "-u", "1", "-H", url.rstrip("/"), "--json", "-t", "50s"]
    environment = os.environ | {"USER_KIND": kind, "METHOD": method}
    (entry,) = json.loads(run(*command, env=environment))
    return entry["num_requests"] - entry["num_failures"], entry["num_failures"]


def http_user(method, url):
    return locust("HttpUser", method, url)


def fast_http_user(method, url):
    return locust("FastHttpUser", method, url)


TOOLS = {
    "hey": hey,
    "vegeta": vegeta,
    "bombardier": bombardier,
    "autocannon": autocannon,
    "locust HttpUser": http_user,
    "locust FastHttpUser": fast_http_user,
}
print("reported of 20 lost, executed   GET        POST")
for name, tool in TOOLS.items():
    cells = []
    for method in "GET", "POST":
        server = Server()
        answers, failures = tool(method, server.url)
        claim(answers == (180 if name == "autocannon" or failures else 200), f"{name} reports {answers} answers")
        cells.append(f"{failures:2}, {server.executed}")
    print(f"{name:32}{cells[0]}    {cells[1]}")
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$seen" ] || fail "CHANGED: other than described"
