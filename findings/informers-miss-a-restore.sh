#!/usr/bin/env bash
# Informers of client-go v0.37.1, client-java 25.0.0 and fabric8 8.0.0 (Java) and @kubernetes/client-node 1.4.0 (npm);
# Python's kubernetes 37.0.2 for comparison. Needs Go 1.26, Java 17 with Maven, Node 20 with npm, Python 3.11 and the
# network. Compiling client-go takes two minutes the first time.
#
# An informer knows ConfigMaps up to revision 5000 when its API server dies. What answers at the address from then on
# has an older state: etcd restored from a snapshot, or a standby cluster. It is at revision 1000, and is written to.
# Expected: a revision of the future is an error, as it is for a list (504, "Too large resource version"). The informer
#   lists again, as it does after 410 Gone.
# Happens: an API server accepts a watch from a future revision, and holds back each event until that is passed. Three
#   informers resume their watch there: they hold the lost state, and get no error. Once the revisions have passed
#   they hear of later changes alone, and keep what is gone. client-java asks for the list of that future revision
#   once a second, which fails until it has passed. If the restore raised the revisions, the answer is 410 Gone, and
#   all list anew.
# Why it matters: after the very failover that it was to survive, a controller works on with objects that are lost and
#   does not see what is there. Restore with etcdutl's --bump-revision and --mark-compacted, and keep a standby's
#   revisions above; else restart each process with an informer. A loop that lists after each end of its watch is safe.
# The API server here is a small one. Between two real ones (kube-apiserver 1.37.2) the informers did the same.
# Seen, what is held after the failover, and when the revisions have passed the old one:
#                       revision 1000   then 5001               revision 1000001000
#   client-go           the lost state  lost state, last event  the new state
#   client-node         the lost state  lost state, last event  the new state
#   fabric8             the lost state  lost state, last event  the new state
#   client-java         the lost state  the new state           the new state
#   list, watch, again  the new state   the new state           the new state
# shellcheck source=findings/lib.sh
FINDING_LIMIT=900
. "$(dirname "$0")/lib.sh"
need go java mvn node npm
packages kubernetes==37.0.2
mkdir "$work/go-program" "$work/node" "$work/java"
cat >"$work/go-program/main.go" <<'GO'
package main

import (
	"fmt"
	"os"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

func main() {
	config := &rest.Config{Host: os.Args[1], ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
	client := kubernetes.NewForConfigOrDie(config)
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace("default"))
	informer := factory.Core().V1().ConfigMaps().Informer()
	go informer.Run(nil)
	for ; ; time.Sleep(200 * time.Millisecond) {
		for _, each := range informer.GetStore().List() {
			found := each.(*v1.ConfigMap)
			fmt.Print(found.Name, "=", found.Data["value"], " ")
		}
		fmt.Println()
	}
}
GO
cat >"$work/node/program.mjs" <<'JS'
import { CoreV1Api, KubeConfig, makeInformer } from "@kubernetes/client-node";

const config = new KubeConfig();
config.loadFromClusterAndUser({ name: "a", server: process.argv[2], skipTLSVerify: true }, { name: "a" });
const core = config.makeApiClient(CoreV1Api);
const list = () => core.listNamespacedConfigMap({ namespace: "default" });
const informer = makeInformer(config, "/api/v1/namespaces/default/configmaps", list);
informer.on("error", () => setTimeout(() => informer.start(), 1000));
informer.start();
setInterval(() => {
  console.log(informer.list().map((each) => `${each.metadata.name}=${each.data.value}`).join(" "));
}, 200);
JS
cat >"$work/java/Fabric8.java" <<'JAVA'
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;

public class Fabric8 {
    public static void main(String[] of) throws Exception {
        var config = new ConfigBuilder(Config.empty()).withMasterUrl(of[0]).build();
        var client = new KubernetesClientBuilder().withConfig(config).build();
        var informer = client.configMaps().inNamespace("default").inform();
        for (;; Thread.sleep(200)) {
            for (var each : informer.getStore().list()) {
                System.out.print(each.getMetadata().getName() + "=" + each.getData().get("value") + " ");
            }
            System.out.println();
        }
    }
}
JAVA
cat >"$work/java/Official.java" <<'JAVA'
import io.kubernetes.client.informer.SharedInformerFactory;
import io.kubernetes.client.openapi.apis.CoreV1Api;
import io.kubernetes.client.openapi.models.V1ConfigMap;
import io.kubernetes.client.openapi.models.V1ConfigMapList;
import io.kubernetes.client.util.CallGeneratorParams;
import io.kubernetes.client.util.Config;

public class Official {
    public static void main(String[] of) throws Exception {
        var client = Config.fromUrl(of[0]);
        client.setReadTimeout(0); // as the library's example does
        var core = new CoreV1Api(client);
        var factory = new SharedInformerFactory(client);
        var informer = factory.sharedIndexInformerFor(
                (CallGeneratorParams how) -> core.listNamespacedConfigMap("default").watch(how.watch)
                        .resourceVersion(how.resourceVersion).timeoutSeconds(how.timeoutSeconds).buildCall(null),
                V1ConfigMap.class, V1ConfigMapList.class);
        factory.startAllRegisteredInformers();
        for (;; Thread.sleep(200)) {
            for (var each : informer.getIndexer().list()) {
                System.out.print(each.getMetadata().getName() + "=" + each.getData().get("value") + " ");
            }
            System.out.println();
        }
    }
}
JAVA
cat >"$work/again.py" <<'PY'
import sys
import threading
import time
from kubernetes import client, watch

core, known = client.CoreV1Api(client.ApiClient(client.Configuration(host=sys.argv[1]))), {}


def follow():
    """List and watch once."""
    listed = core.list_namespaced_config_map("default")
    known.clear()
    known.update({each.metadata.name: each.data["value"] for each in listed.items})
    since = listed.metadata.resource_version
    for event in watch.Watch().stream(core.list_namespaced_config_map, "default", resource_version=since):
        known[event["object"].metadata.name] = event["object"].data["value"]


def again():
    while True:
        try:
            follow()
        except Exception:
            time.sleep(1)


threading.Thread(target=again, daemon=True).start()
while True:
    print(*(f"{name}={value}" for name, value in dict(known).items()), flush=True)
    time.sleep(0.2)
PY
(
  cd "$work/go-program"
  go_module k8s.io/client-go@v0.37.1 1.26
  go build -o "$work/client-go" . 2>/dev/null
  cd "$work/node"
  npm install --silent --no-audit --no-fund @kubernetes/client-node@1.4.0
  jars "$work/java" io.fabric8:kubernetes-client:8.0.0 io.kubernetes:client-java:25.0.0
  cd "$work/java"
  javac -cp 'lib/*' Fabric8.java Official.java
)
python - >"$work/seen" <<'PY'
import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit
from lab import claim

work = pathlib.Path(os.environ["WORK"])
JAVA = ["java", "-cp", f"{work}/java:{work}/java/lib/*"]
CLIENTS = {
    "client-go": [work / "client-go"],
    "client-node": ["node", work / "node" / "program.mjs"],
    "fabric8": [*JAVA, "Fabric8"],
    "client-java": [*JAVA, "Official"],
    "list, watch, again": [sys.executable, work / "again.py"],
}
LOST, PATIENCE = {"kept": "2", "gone": "1"}, 15


class State:
    """What one etcd holds of ConfigMaps."""

    def __init__(self, revision, values):
        self.revision, self.oldest, self.objects, self.events = revision, revision, {}, []
        self.changed, self.ended = threading.Condition(), False
        for name, value in values.items():
            self.objects[name] = self.make(name, value)

    def make(self, name, value):
        about = {"name": name, "namespace": "default", "uid": name, "resourceVersion": str(self.revision)}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": about, "data": {"value": value}}

    def write(self, name, value, revision):
        with self.changed:
            self.revision = revision
            kind = "MODIFIED" if name in self.objects else "ADDED"
            self.objects[name] = self.make(name, value)
            self.events.append((revision, kind, self.objects[name]))
            self.changed.notify_all()

    def values(self):
        return {name: each["data"]["value"] for name, each in self.objects.items()}


def failure(code, reason, message, *causes):
    """Return a Status, as an API server does."""
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code}
    return status | {"reason": reason, "message": message, "details": {"causes": [{"reason": each} for each in causes]}}


def too_large(revision, state):
    message = f"Too large resource version: {revision}, current: {state.revision}"
    return failure(504, "Timeout", message, "ResourceVersionTooLarge")


class Server(ThreadingHTTPServer):
    """An API server whose etcd can be replaced."""

    daemon_threads = True

    def __init__(self, state):
        self.state, self.connections = state, []
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def fail_over(self, state):
        """Go on with another state, and cut all connections."""
        old, self.state = self.state, state
        for each in self.connections:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        with old.changed:
            old.ended = True
            old.changed.notify_all()

    def handle_error(self, request, client_address):
        """Keep quiet about connections that are cut."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.server.connections.append(self.connection)

    def do_GET(self):
        query = dict(parse_qsl(urlsplit(self.path).query))
        revision, state = int(query.get("resourceVersion") or 0), self.server.state
        if self.headers.get("upgrade"):  # fabric8's first try; it goes on without WebSockets
            self.begin(200, "content-length", "0")
        elif query.get("watch") in ("true", "1"):
            self.watch(state, revision, query.get("sendInitialEvents") == "true")
        else:
            self.list(state, revision)

    def list(self, state, revision):
        about = {"resourceVersion": str(state.revision)}
        answer = {"kind": "ConfigMapList", "apiVersion": "v1", "metadata": about, "items": list(state.objects.values())}
        if revision > state.revision:
            answer = too_large(revision, state)
        data = json.dumps(answer).encode()
        self.begin(answer.get("code", 200), "content-length", str(len(data)))
        self.wfile.write(data)

    def begin(self, code, *header):
        self.send_response(code)
        self.send_header("content-type", "application/json")
        self.send_header(*header)
        self.end_headers()

    def event(self, kind, what):
        line = json.dumps({"type": kind, "object": what}).encode() + b"\n"
        self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")

    def watch(self, state, revision, initial):
        """Send what is later than a revision, even if that is in the future."""
        self.begin(200, "transfer-encoding", "chunked")
        with state.changed:
            if initial and revision > state.revision:
                self.event("ERROR", too_large(revision, state))
            elif 0 < revision < state.oldest and not initial:
                self.event("ERROR", failure(410, "Expired", f"too old resource version: {revision}"))
            else:
                self.follow(state, revision, initial)
        self.wfile.write(b"0\r\n\r\n")

    def follow(self, state, revision, initial):
        if initial or not revision:
            for each in state.objects.values():
                self.event("ADDED", each)
            revision = state.revision
        if initial:
            about = {"resourceVersion": str(revision), "annotations": {"k8s.io/initial-events-end": "true"}}
            self.event("BOOKMARK", {"kind": "ConfigMap", "apiVersion": "v1", "metadata": about})
        while not state.ended:
            for at, kind, what in state.events:
                if at > revision:
                    self.event(kind, what)
                    revision = at
            state.changed.wait()

    def log_message(self, format, *args):
        """Write no access log."""


class Informer:
    """A program that prints what it knows."""

    def __init__(self, name, server):
        command = [*CLIENTS[name], f"http://127.0.0.1:{server.server_port}"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.known = {}
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.known = dict(each.split("=") for each in line.split())

    def settles(self, wanted):
        """Return whether it knows what it is to know before the patience ends."""
        end = time.monotonic() + PATIENCE
        while self.known != wanted and time.monotonic() < end:
            time.sleep(0.1)
        return self.known == wanted

    def outcome(self, state):
        if self.settles(state.values()):
            return "the new state"
        last = {"last": "1"} if "last" in state.objects else {}
        says = "lost state, last event" if last else "the lost state"
        return says if self.known == LOST | last else str(self.known)


def run(name, revision):
    """Return what a library's informer holds after a failover, and after the revisions have passed the old ones."""
    server = Server(State(5000, LOST))
    informer = Informer(name, server)
    try:
        end = time.monotonic() + 60
        while informer.known != LOST:
            claim(time.monotonic() < end, f"{name} does not begin")
            time.sleep(0.1)
        time.sleep(2)
        restored = State(revision, {"kept": "1"})
        server.fail_over(restored)
        time.sleep(5)
        restored.write("new", "1", revision + 1)
        first = informer.outcome(restored)
        restored.write("last", "1", max(revision + 2, 5001))
        return first, informer.outcome(restored)
    finally:
        informer.process.kill()
        informer.process.wait()


print(f"{'':20}{'revision 1000':16}{'then 5001':24}revision 1000001000")
with ThreadPoolExecutor(3) as pool:
    older = [pool.submit(run, name, 1000) for name in CLIENTS]
    raised = [pool.submit(run, name, 1_000_001_000) for name in CLIENTS]
    for name, low, high in zip(CLIENTS, older, raised, strict=True):
        first, second = low.result()
        print(f"{name:20}{first:16}{second:24}{' then '.join(sorted(set(high.result())))}")
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
