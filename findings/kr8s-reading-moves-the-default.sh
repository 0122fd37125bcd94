#!/usr/bin/env bash
# kr8s 0.20.15 (Python). Needs Python 3.11 and the network for pip.
#
# A kubeconfig has two contexts; east is current. Each step reads ConfigMaps by kr8s.get() and creates one, without
# naming a cluster. Between the steps another part of the program uses a client of its own.
# Expected: who names no context gets the kubeconfig's current one, whatever other code asked for by name.
# Happens: without arguments kr8s takes any client that is alive in the process, and the current context only if there
#   is none. Clients are held weakly, but for the last one that looked up a kind. So one read from west by name sends
#   all later calls without a name to west, reads and writes. They stay there after its client was let go.
# Why it matters: a tool for two clusters reads the state of the second, and its next create() or delete() goes to the
#   second as well. The same code goes right in each test that has one cluster. Name the context in each call of
#   kr8s.api(), and pass api= to each get() and to each object.
# Seen:
#   at first                              reads east, creates in east
#   another part holds a client of west   reads east, creates in east
#   it has read ConfigMaps of west        reads west, creates in west
#   it let its client go                  reads west, creates in west
#   it has read ConfigMaps of east        reads east, creates in east
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
packages kr8s==0.20.15
python -W ignore - >"$work/seen" <<'PY'
import gc
import json
import os
import pathlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

work = pathlib.Path(os.environ["WORK"])
CONFIG_MAPS = {"name": "configmaps", "singularName": "configmap", "kind": "ConfigMap", "namespaced": True, "verbs": []}
ANSWERS = {
    "/version": {"major": "1", "minor": "36", "gitVersion": "v1.36.0"},
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [CONFIG_MAPS]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
}


class Api(BaseHTTPRequestHandler):
    """An API server whose namespaces have one ConfigMap each; it keeps who wrote to it."""

    def do_GET(self):
        path = self.path.split("?")[0].rstrip("/")
        made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": self.server.region}}
        items = {"apiVersion": "v1", "kind": "ConfigMapList", "metadata": {}, "items": [made]}
        body = json.dumps(ANSWERS.get(path, made if self.command == "POST" else items)).encode()
        self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.command == "POST":
            written.append(self.server.region)
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, format, *args):
        """Write no access log."""


written, clusters = [], []
for region in "east", "west":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.region = region
    threading.Thread(target=server.serve_forever, daemon=True).start()
    clusters.append({"name": region, "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}})
kubeconfig = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "east",
    "clusters": clusters,
    "users": [{"name": "a", "user": {"token": "a"}}],
    "contexts": [{"name": each["name"], "context": {"cluster": each["name"], "user": "a"}} for each in clusters],
}
(work / "kubeconfig").write_text(json.dumps(kubeconfig))
os.environ["KUBECONFIG"] = str(work / "kubeconfig")

import kr8s  # noqa: E402
from kr8s.objects import ConfigMap  # noqa: E402


def show(when):
    """Print where calls go that name no cluster."""
    gc.collect()
    read = next(iter(kr8s.get("configmaps"))).name
    ConfigMap({"metadata": {"name": "a"}}).create()
    print(f"{when:37} reads {read}, creates in {written[-1]}", flush=True)


show("at first")
west = kr8s.api(context="west")
show("another part holds a client of west")
list(west.get("configmaps"))
show("it has read ConfigMaps of west")
del west
show("it let its client go")
list(kr8s.api(context="east").get("configmaps"))
show("it has read ConfigMaps of east")
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
