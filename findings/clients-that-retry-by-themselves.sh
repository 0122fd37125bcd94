#!/usr/bin/env bash
# curl 7.88.1, Java 17 (HttpClient and HttpURLConnection), Go 1.26 net/http, Node 20 (fetch and http), aiohttp
# 3.14.5, httpx 0.28.1, requests 2.34.2, urllib3 2.8.0. Needs these tools (see "need" below) and the network.
#
# A server answers the first request of a connection, reads the second one whole (so it has executed it) and
# ends the connection without an answer, as a killed process does. No client is told to retry anything.
# Expected: the second request fails in each client, or is repeated for methods without side effects only.
# Happens: half of the clients repeat it silently on a new connection and report 200, GET in general.
#   curl and Java's HttpURLConnection repeat POST as well: the order is executed twice, and neither the exit
#   code nor an option given says so. Go repeats a POST that has an Idempotency-Key. requests repeats nothing
#   although it stands on urllib3, which repeats GET and PUT.
# Why it matters: a drill that counts lost requests measures its client. With curl a killed region loses
#   nothing and doubles POSTs, with httpx it loses one request a connection, through the very same edge.
# Seen:
#   status, executions       GET       PUT       POST
#   curl                     200 x2    200 x2    200 x2
#   Java HttpURLConnection   200 x2    200 x2    200 x2
#   Java HttpClient          200 x2    fails x1  fails x1
#   Go net/http              200 x2    fails x1  fails x1
#   Go, Idempotency-Key      200 x2    200 x2    200 x2
#   aiohttp                  200 x2    200 x2    fails x1
#   urllib3                  200 x2    200 x2    fails x1
#   requests                 fails x1  fails x1  fails x1
#   httpx                    fails x1  fails x1  fails x1
#   Node http                fails x1  fails x1  fails x1
#   Node fetch               fails x1  fails x1  fails x1
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
need curl java go node
packages aiohttp==3.14.5 httpx==0.28.1 requests==2.34.2 urllib3==2.8.0
cd "$work"
mkdir one
cat >Modern.java <<'JAVA'
import java.net.URI;
import java.net.http.*;

public class Modern {
    public static void main(String[] of) throws Exception {
        var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        var text = HttpResponse.BodyHandlers.ofString();
        client.send(HttpRequest.newBuilder(URI.create(of[0] + "/first")).build(), text);
        var none = HttpRequest.BodyPublishers.noBody();
        var body = of[1].equals("GET") ? none : HttpRequest.BodyPublishers.ofString("x");
        var second = HttpRequest.newBuilder(URI.create(of[0] + "/second")).method(of[1], body).build();
        System.out.println(client.send(second, text).statusCode());
    }
}
JAVA
cat >Classic.java <<'JAVA'
import java.net.*;

public class Classic {
    public static void main(String[] of) throws Exception {
        new URL(of[0] + "/first").openConnection().getInputStream().readAllBytes();
        var second = (HttpURLConnection) new URL(of[0] + "/second").openConnection();
        second.setRequestMethod(of[1]);
        if (!of[1].equals("GET")) {
            second.setDoOutput(true);
            second.getOutputStream().write('x');
        }
        System.out.println(second.getResponseCode());
    }
}
JAVA
cat >fetch.mjs <<'JS'
import { setTimeout } from "node:timers/promises";
const [url, method] = process.argv.slice(2);
await (await fetch(url + "/first")).text();
await setTimeout(100);
const body = method === "GET" ? undefined : "x";
console.log((await fetch(url + "/second", { method, body })).status);
JS
cat >agent.mjs <<'JS'
import http from "node:http";
import { setTimeout } from "node:timers/promises";
const [url, method] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true });
await new Promise((end) => http.get(url + "/first", { agent }, (answer) => answer.resume().on("end", end)));
await setTimeout(100);
const body = method === "GET" ? "" : "x";
const headers = { "content-length": body.length };
const second = http.request(url + "/second", { agent, method, headers }, (answer) => {
  console.log(answer.statusCode);
  answer.resume().on("end", () => agent.destroy());
});
second.end(body);
JS
cat >one/main.go <<'GO'
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
)

func main() {
	first, err := http.Get(os.Args[1] + "/first")
	if err != nil {
		log.Fatal(err)
	}
	io.Copy(io.Discard, first.Body)
	first.Body.Close()
	var body io.Reader
	if os.Args[2] != "GET" {
		body = strings.NewReader("x")
	}
	second, _ := http.NewRequest(os.Args[2], os.Args[1]+"/second", body)
	if len(os.Args) > 3 {
		second.Header.Set("Idempotency-Key", "1")
	}
	answer, err := http.DefaultClient.Do(second)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.StatusCode)
}
GO
javac Modern.java Classic.java
go build -o goclient one/main.go
cat >pyclient.py <<'PY'
import asyncio
import sys
import aiohttp
import httpx
import requests
import urllib3

library, url, method = sys.argv[1:]
body = None if method == "GET" else "x"


async def by_aiohttp():
    async with aiohttp.ClientSession() as session:
        async with session.get(url + "/first") as answer:
            await answer.read()
        async with session.request(method, url + "/second", data=body) as answer:
            return answer.status


if library == "aiohttp":
    print(asyncio.run(by_aiohttp()))
elif library == "urllib3":
    pool = urllib3.PoolManager()
    pool.request("GET", url + "/first")
    print(pool.request(method, url + "/second", body=body).status)
else:
    session = httpx.Client(trust_env=False) if library == "httpx" else requests.Session()
    session.get(url + "/first")
    data = {"content": body} if library == "httpx" else {"data": body}
    print(session.request(method, url + "/second", **data).status_code)
PY
python - <<'PY'
import contextlib
import socket
import subprocess
import threading
from lab import claim

executed = []


def serve(connection):
    stream, number = connection.makefile("rb"), 0
    while line := stream.readline():
        length = 0
        while (header := stream.readline().lower()) not in (b"\r\n", b""):
            if header.startswith(b"content-length:"):
                length = int(header.split(b":")[1])
        stream.read(length)
        number += 1
        executed.append(line.decode())
        if b"/second" in line and number > 1:
            break
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOK")
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def accept():
    while True:
        threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()


server = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=accept, daemon=True).start()
url = f"http://127.0.0.1:{server.getsockname()[1]}"
curl = "curl --silent --output /dev/null {url}/first --next --silent --output /dev/null"
curl += " --write-out %{{http_code}} --request {method} {data} {url}/second"


def run(command, method):
    """Return the client's status, or "fails", and the number of executions of the second request."""
    executed.clear()
    data = "" if method == "GET" else "--data x"
    words = command.format(url=url, method=method, data=data).split()
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    times = sum("/second" in line for line in executed)
    return f"{done.stdout.strip() or 'fails'} x{times}"


again, once = "200 x2", "fails x1"
expected = {
    "curl": (curl, again, again, again),
    "Java HttpURLConnection": ("java -cp . Classic {url} {method}", again, again, again),
    "Java HttpClient": ("java -cp . Modern {url} {method}", again, once, once),
    "Go net/http": ("./goclient {url} {method}", again, once, once),
    "Go, Idempotency-Key": ("./goclient {url} {method} key", again, again, again),
    "aiohttp": ("python pyclient.py aiohttp {url} {method}", again, again, once),
    "urllib3": ("python pyclient.py urllib3 {url} {method}", again, again, once),
    "requests": ("python pyclient.py requests {url} {method}", once, once, once),
    "httpx": ("python pyclient.py httpx {url} {method}", once, once, once),
    "Node http": ("node agent.mjs {url} {method}", once, once, once),
    "Node fetch": ("node fetch.mjs {url} {method}", once, once, once),
}
print(f"{'status, executions':25}{'GET':10}{'PUT':10}POST")
changed = []
for name, (command, *old) in expected.items():
    new = [run(command, method) for method in ("GET", "PUT", "POST")]
    print(f"{name:25}{new[0]:10}{new[1]:10}{new[2]}")
    if new != old:
        changed.append(name)
claim(not changed, f"otherwise than described: {changed}")
PY
