#!/usr/bin/env bash
# client-go v0.37.1, kubernetes 37.0.2, kubernetes-asyncio 36.1.0, kr8s 0.20.15 and lightkube 1.0.1 (Python). Needs Go
# 1.26, Python 3.11 and the network. Compiling client-go takes two minutes the first time.
#
# Each library watches ConfigMaps as its documentation shows: an informer of client-go, Watch().stream(), kr8s's
# watch() and lightkube's watch(on_error=on_error_retry). The API server speaks TLS and HTTP/2. One fault each:
#   ended                the server ends the watches, as each does after half an hour to an hour
#   ended, no event yet  the same, and there was no object so far
#   ended at once        for 3 s each watch is ended at once: how often is it asked?
#   reset, refused 2 s   connections are reset, and the port refuses for two seconds
#   connection lost      what is between forgets the connection, as a NAT or a moved address does; new ones work
# Expected: watching goes on once the API server is well, at a bearable rate, as client-go's does.
# Happens: kr8s's loop ends with the first watch, without an error. So does that of kubernetes if it saw no event yet.
#   Three ask again without any pause, hundreds of times a second. A reset is an exception out of all four.
#   lightkube's on_error_retry is not asked where it cannot connect. A lost connection is noticed by client-go alone
#   (by HTTP/2 pings, within 45 s), which then catches up.
# Why it matters: "for event in watch" looks like a controller's main loop. It falls silent or ends with its API
#   server's fail-over, or it hammers a server that just comes back. Put a loop around it that waits between tries
#   and lists again. Give timeout_seconds, and a read time-out a little longer than that.
# Seen:
#                       ended          ended, no event yet  ended at once     reset, refused 2 s         connection lost
#   client-go           goes on        goes on              a few times       goes on                    goes on
#   kubernetes          goes on        the loop ends        over 50 a second  raises ProtocolError       hears nothing
#   kubernetes-asyncio  goes on        goes on              over 50 a second  raises ClientPayloadError  hears nothing
#   kr8s                the loop ends  the loop ends        -                 raises ReadError           hears nothing
#   lightkube           goes on        goes on              over 50 a second  raises ConnectError        hears nothing
# shellcheck source=findings/lib.sh
FINDING_LIMIT=900
. "$(dirname "$0")/lib.sh"
need go
packages kubernetes==37.0.2 kubernetes-asyncio==36.1.0 kr8s==0.20.15 lightkube==1.0.1
mkdir -p "$work/go-programs/api" "$work/go-programs/informer"
cat >"$work/go-programs/api/main.go" <<'GO'
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
)

var (
	lock    sync.Mutex
	changed = sync.NewCond(&lock)
	version int                // of the one ConfigMap; 0: there is none
	era     int                // watches of an earlier one end
	short   bool               // each watch ends at once
	asked   = map[string]int{} // watches by namespace
	relayed = map[*pipe]bool{} // connections
	door    net.Listener
)

type pipe struct{ client, server net.Conn }

func reply(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintln(w, text)
}

func configMap(space string) string {
	return fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":%q,"uid":"u",`+
		`"resourceVersion":"%d"}}`, space, 10+version)
}

func answer(w http.ResponseWriter, r *http.Request) {
	switch strings.TrimSuffix(r.URL.Path, "/") {
	case "/version":
		reply(w, `{"major":"1","minor":"36","gitVersion":"v1.36.0"}`)
		return
	case "/api":
		reply(w, `{"kind":"APIVersions","versions":["v1"]}`)
		return
	case "/apis":
		reply(w, `{"kind":"APIGroupList","apiVersion":"v1","groups":[]}`)
		return
	case "/api/v1":
		reply(w, `{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"configmaps","singularName":"configmap",`+
			`"namespaced":true,"kind":"ConfigMap","verbs":["get","list","watch"],"shortNames":["cm"]}]}`)
		return
	}
	space := strings.Split(r.URL.Path, "/")[4]
	query := r.URL.Query()
	lock.Lock()
	defer lock.Unlock()
	if query.Get("sendInitialEvents") != "" {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(422)
		fmt.Fprintln(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Invalid","code":422}`)
		return
	}
	if flag := query.Get("watch"); flag != "true" && flag != "1" && flag != "True" {
		items := ""
		if version > 0 {
			items = configMap(space)
		}
		reply(w, fmt.Sprintf(`{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"%d"},"items":[%s]}`,
			10+version, items))
		return
	}
	asked[space]++
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(200)
	w.(http.Flusher).Flush()
	seen, _ := strconv.Atoi(query.Get("resourceVersion"))
	if seen < 10 {
		seen = 10
	}
	for mine := era; ; changed.Wait() {
		if r.Context().Err() != nil {
			return
		}
		if 10+version > seen {
			kind := "MODIFIED"
			if seen == 10 {
				kind = "ADDED"
			}
			seen = 10 + version
			fmt.Fprintf(w, "{\"type\":%q,\"object\":%s}\n", kind, configMap(space))
			w.(http.Flusher).Flush()
		}
		if mine != era || short {
			return
		}
	}
}

func relay(to string) {
	for {
		client, err := door.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", to)
		if err != nil {
			panic(err)
		}
		both := &pipe{client, server}
		lock.Lock()
		relayed[both] = true
		lock.Unlock()
		copy := func(to, from net.Conn) {
			buffer := make([]byte, 65536)
			for {
				count, err := from.Read(buffer)
				lock.Lock()
				alive := relayed[both]
				lock.Unlock()
				if !alive {
					io.Copy(io.Discard, from)
					return
				}
				if err != nil {
					client.Close()
					server.Close()
					return
				}
				to.Write(buffer[:count])
			}
		}
		go copy(server, client)
		go copy(client, server)
	}
}

func main() {
	api := httptest.NewUnstartedServer(http.HandlerFunc(answer))
	api.EnableHTTP2 = true
	api.StartTLS()
	open := func(address string) {
		var err error
		if door, err = net.Listen("tcp", address); err != nil {
			panic(err)
		}
		go relay(api.Listener.Addr().String())
	}
	open("127.0.0.1:0")
	address := door.Addr().String()
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		lock.Lock()
		defer lock.Unlock()
		switch r.URL.Path {
		case "/change":
			version++
		case "/end":
			era++
		case "/short":
			short = !short
		case "/lose":
			clear(relayed)
		case "/close":
			door.Close()
			for each := range relayed {
				each.client.(*net.TCPConn).SetLinger(0)
				each.client.Close()
				each.server.Close()
			}
			clear(relayed)
		case "/open":
			open(address)
		case "/empty":
			version = 0
		}
		changed.Broadcast()
		fmt.Fprint(w, asked[r.URL.RawQuery])
	})
	control, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(address, control.Addr())
	os.Stdout.Close()
	http.Serve(control, nil)
}
GO
cat >"$work/go-programs/informer/main.go" <<'GO'
package main

import (
	"fmt"
	"os"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		panic(err)
	}
	client := kubernetes.NewForConfigOrDie(config)
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(os.Args[1]))
	informer := factory.Core().V1().ConfigMaps().Informer()
	saw := func(object any) { fmt.Println("saw", object.(*v1.ConfigMap).ResourceVersion) }
	informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    saw,
		UpdateFunc: func(_, object any) { saw(object) },
	})
	informer.Run(nil)
}
GO
(
  cd "$work/go-programs"
  go_module k8s.io/client-go@v0.37.1 1.26
  go build -o "$work/api-server" ./api
  go build -o "$work/client-go" ./informer 2>/dev/null
)
cat >"$work/watcher.py" <<'PY'
import asyncio
import sys


async def by_kubernetes_asyncio(space):
    from kubernetes_asyncio import client, config, watch

    await config.load_kube_config()
    async with client.ApiClient() as api:
        of = client.CoreV1Api(api)
        async for event in watch.Watch().stream(of.list_namespaced_config_map, space):
            print("saw", event["object"].metadata.resource_version, flush=True)


async def by_kr8s(space):
    import kr8s.asyncio

    api = await kr8s.asyncio.api()
    async for _, each in api.watch("configmaps", namespace=space):
        print("saw", each.metadata.resourceVersion, flush=True)


def by_kubernetes(space):
    from kubernetes import client, config, watch

    config.load_kube_config()
    for event in watch.Watch().stream(client.CoreV1Api().list_namespaced_config_map, space):
        print("saw", event["object"].metadata.resource_version, flush=True)


def by_lightkube(space):
    from lightkube import Client
    from lightkube.resources.core_v1 import ConfigMap
    from lightkube.types import on_error_retry

    for _, each in Client().watch(ConfigMap, namespace=space, on_error=on_error_retry):
        print("saw", each.metadata.resourceVersion, flush=True)


name = sys.argv[1]
try:
    done = globals()["by_" + name.replace("-", "_")](name)
    if asyncio.iscoroutine(done):
        asyncio.run(done)
    print("the loop ends")
except Exception as error:
    print("raises", type(error).__name__)
PY
python - >"$work/seen" <<'PY'
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.request
from lab import claim

work = pathlib.Path(os.environ["WORK"])
NAMES = "client-go", "kubernetes", "kubernetes-asyncio", "kr8s", "lightkube"


class Watches:
    """An API server of its own, with a watch of each library."""

    def __init__(self, seen):
        told = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        self.server = subprocess.Popen([work / "api-server"], **told)
        address, self.control = self.server.stdout.read().split()
        kubeconfig = work / f"kubeconfig-{time.monotonic_ns()}"
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "a",
            "clusters": [{"name": "a", "cluster": {"server": f"https://{address}", "insecure-skip-tls-verify": True}}],
            "users": [{"name": "a", "user": {"token": "a"}}],
            "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        }
        kubeconfig.write_text(json.dumps(document))
        environment = os.environ | {"KUBECONFIG": str(kubeconfig), "PYTHONWARNINGS": "ignore"}
        if seen:
            self.do("change")
        self.logs, self.processes = {}, []
        for name in NAMES:
            command = [work / name] if name == "client-go" else [sys.executable, work / "watcher.py", name]
            self.logs[name] = kubeconfig.with_suffix("." + name)
            with self.logs[name].open("w") as log:
                told = {"stdout": log, "stderr": subprocess.DEVNULL, "env": environment}
                self.processes.append(subprocess.Popen([*command, name], **told))
        limit = time.monotonic() + 30
        while not all(self.lines(name) if seen else self.asked(name) for name in NAMES):
            claim(time.monotonic() < limit, "not all watch")
            time.sleep(0.1)
        time.sleep(1)

    def do(self, what):
        with urllib.request.urlopen(f"http://{self.control}/{what}") as answer:
            return answer.read().decode()

    def asked(self, name):
        return int(self.do(f"asked?{name}"))

    def lines(self, name):
        return self.logs[name].read_text().splitlines()

    def outcomes(self, seconds):
        """Change the object, and tell what becomes of each watch."""
        before = {name: self.lines(name) for name in NAMES}
        begin = time.monotonic()
        self.do("change")
        outcomes = {}
        while time.monotonic() < begin + seconds and len(outcomes) < len(NAMES):
            time.sleep(0.2)
            for name in NAMES:
                lines = self.lines(name)
                if lines and not lines[-1].startswith("saw"):
                    outcomes[name] = lines[-1]
                elif name not in outcomes and len(lines) > len(before[name]):
                    outcomes[name] = "goes on"
        return [outcomes.get(name, "hears nothing") for name in NAMES]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in [*self.processes, self.server]:
            each.kill()
            each.wait()



COLUMNS = "ended", "ended, no event yet", "ended at once", "reset, refused 2 s", "connection lost"
table = {name: [] for name in NAMES}


def add(outcomes):
    """Fill one more column."""
    for name, outcome in zip(NAMES, outcomes, strict=True):
        table[name].append(outcome)


def rate(name, before):
    """Return how often a library asked in the last 3 s."""
    times = watches.asked(name) - before[name]
    print(f"{name}: {times / 3:.0f} a second", file=sys.stderr)
    return "-" if times == 0 else "over 50 a second" if times > 150 else "a few times" if times < 6 else "often"


with Watches(True) as watches, Watches(True) as lost:
    lost.do("lose")
    watches.do("end")
    time.sleep(2)
    ended = watches.outcomes(10)
    before = {name: watches.asked(name) for name in NAMES}
    watches.do("short")
    time.sleep(3)
    rates = [rate(name, before) for name in NAMES]
    watches.do("short")
    with Watches(False) as empty:
        empty.do("end")
        time.sleep(2)
        add(ended)
        add(empty.outcomes(10))
    add(rates)
    with Watches(True) as closed:
        closed.do("close")
        time.sleep(2)
        closed.do("open")
        add(closed.outcomes(20))
    add(lost.outcomes(45))
for name, outcomes in {"": COLUMNS, **table}.items():
    cells = zip((name, *outcomes), (20, 15, 21, 18, 27, 0), strict=True)
    print("".join(f"{text:{width}}" for text, width in cells))
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
