#!/usr/bin/env bash
# client-go v0.37.1, kubernetes-asyncio 36.1.0, kr8s 0.20.15 and lightkube 1.0.1 (Python). Needs Go 1.26, Python 3.11
# and the network. Compiling client-go takes two minutes the first time.
#
# A kubeconfig gets its token from a plugin (exec), as those of the large clouds do. The plugin takes 8 s, for its
# identity service is slow. The API server answers at once. Each call has one second.
# Expected: a call whose time-out is one second, or whose context or asyncio.timeout() ends then, is over by then.
# Happens: client-go runs the plugin to its end under a lock, deaf to rest.Config.Timeout and to the call's context,
#   and fails the call only then. lightkube's time-out does not count the plugin: the call succeeds after 8 s. In kr8s
#   asyncio.timeout() does not end the plugin's run. kubernetes-asyncio and lightkube's AsyncClient end it in time.
# Why it matters: the outage of a region's identity service looks like a slow cluster whose calls outlive any deadline.
#   A check of several clusters in turn stands still at the first. Bound the plugin itself (timeout 5 aws eks
#   get-token), or wait for the call in a goroutine or thread that one may leave behind.
# Seen:
#   client-go           Config.Timeout     fails after 8 s
#   client-go           context            fails after 8 s
#   lightkube           timeout            succeeds after 8 s
#   lightkube           asyncio.timeout()  fails after 1 s
#   kr8s                asyncio.timeout()  fails after 8 s
#   kubernetes-asyncio  asyncio.timeout()  fails after 1 s
# shellcheck source=findings/lib.sh
FINDING_LIMIT=900
. "$(dirname "$0")/lib.sh"
need go
packages kubernetes-asyncio==36.1.0 kr8s==0.20.15 lightkube==1.0.1
mkdir "$work/caller"
cat >"$work/caller/main.go" <<'GO'
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// serve is an API server that answers at once.
func serve() {
	api := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if len(r.URL.Path) < 10 {
			fmt.Fprintln(w, `{"major":"1","minor":"36","gitVersion":"v1.36.0"}`)
			return
		}
		fmt.Fprintln(w, `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{},"items":[]}`)
	}))
	api.EnableHTTP2 = true
	api.StartTLS()
	fmt.Println(api.URL)
	os.Stdout.Close()
	select {}
}

func main() {
	how := os.Args[1]
	if how == "serve" {
		serve()
	}
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		panic(err)
	}
	bound := context.Background()
	if how == "Config.Timeout" {
		config.Timeout = time.Second
	}
	client := kubernetes.NewForConfigOrDie(config)
	begin := time.Now()
	if how == "context" {
		var cancel func()
		bound, cancel = context.WithTimeout(bound, time.Second)
		defer cancel()
	}
	_, err = client.CoreV1().ConfigMaps("default").List(bound, metav1.ListOptions{})
	fmt.Println(time.Since(begin).Seconds(), err != nil)
}
GO
(
  cd "$work/caller"
  go_module k8s.io/client-go@v0.37.1 1.26
  go build -o "$work/client-go" . 2>/dev/null
)
cat >"$work/plugin" <<'SH'
#!/bin/sh
sleep 8
echo '{"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential", "status": {"token": "a"}}'
SH
chmod +x "$work/plugin"
cat >"$work/caller.py" <<'PY'
import asyncio
import sys
import time
import httpx2
import kr8s.asyncio
import kubernetes_asyncio
import lightkube
from lightkube.resources.core_v1 import ConfigMap


def lightkube_timeout():
    list(lightkube.Client(timeout=httpx2.Timeout(1)).list(ConfigMap, namespace="default"))


async def lightkube_asyncio():
    async with asyncio.timeout(1):
        [each async for each in lightkube.AsyncClient().list(ConfigMap, namespace="default")]


async def kr8s_asyncio():
    async with asyncio.timeout(1):
        [each async for each in kr8s.asyncio.get("configmaps")]


async def kubernetes_asyncio_asyncio():
    async with asyncio.timeout(1):
        api = await kubernetes_asyncio.config.new_client_from_config()
        await kubernetes_asyncio.client.CoreV1Api(api).list_namespaced_config_map("default")


async def timed(call):
    begin = time.monotonic()
    try:
        await call()
        failed = False
    except TimeoutError:
        failed = True
    print(time.monotonic() - begin, failed, flush=True)


call = globals()[sys.argv[1]]
if asyncio.iscoroutinefunction(call):
    asyncio.run(timed(call))
else:
    begin = time.monotonic()
    call()
    print(time.monotonic() - begin, False)
PY
python - >"$work/seen" <<'PY'
import json
import os
import pathlib
import subprocess
import sys

work = pathlib.Path(os.environ["WORK"])
api = subprocess.Popen([work / "client-go", "serve"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
url = api.stdout.read().strip()
version = "client.authentication.k8s.io/v1beta1"
plugin = {"apiVersion": version, "command": str(work / "plugin"), "interactiveMode": "Never"}
document = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "a",
    "clusters": [{"name": "a", "cluster": {"server": url, "insecure-skip-tls-verify": True}}],
    "users": [{"name": "a", "user": {"exec": plugin}}],
    "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
}
(work / "kubeconfig").write_text(json.dumps(document))
os.environ["KUBECONFIG"] = str(work / "kubeconfig")
CALLS = (
    ("client-go", "Config.Timeout", [work / "client-go", "Config.Timeout"]),
    ("client-go", "context", [work / "client-go", "context"]),
    ("lightkube", "timeout", ["lightkube_timeout"]),
    ("lightkube", "asyncio.timeout()", ["lightkube_asyncio"]),
    ("kr8s", "asyncio.timeout()", ["kr8s_asyncio"]),
    ("kubernetes-asyncio", "asyncio.timeout()", ["kubernetes_asyncio_asyncio"]),
)
for name, bound, command in CALLS:
    if len(command) == 1:
        command = [sys.executable, work / "caller.py", *command]
    took, failed = subprocess.check_output(command, text=True, stderr=subprocess.DEVNULL).split()
    seconds = 8 if float(took) > 7 else 1 if float(took) < 4 else float(took)
    print(f"{name:20}{bound:19}{'fails' if failed.lower() == 'true' else 'succeeds'} after {seconds} s", flush=True)
api.kill()
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
