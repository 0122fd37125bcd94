#!/usr/bin/env bash
# client-go v0.37.1, kubernetes 37.0.2, kubernetes-asyncio 36.1.0, kr8s 0.20.15 and lightkube 1.0.1 (Python). Needs Go
# 1.26, Python 3.11 and the network. Compiling client-go takes two minutes the first time.
#
# Three kubeconfigs get their token from a file (tokenFile), from a plugin (exec), and from a plugin that also says
# when the token ends (expirationTimestamp, 15 s ahead). Each library makes a client of each and a call, which
# succeeds. 16 s later file and plugins give another token, and the API server takes that alone. Each client calls on.
# Expected: the second call at the latest succeeds: a 401 makes a client ask its file or plugin again.
# Happens: kubernetes never reads tokenFile again, nor asks a plugin again that gave no expiry. kubernetes-asyncio
#   never asks again at all, even if the plugin said when its token ends: its config.refresh_token() is a task that
#   one starts oneself. kr8s does not know tokenFile and calls without any token. client-go fails until it reads
#   tokenFile anew, within a minute. lightkube alone loses no call.
# Why it matters: tokens of service accounts last an hour, those of clouds a quarter to an hour. A long-running Python
#   tool for several clusters works in each test, and fails at every cluster after its first hour. In a cluster use
#   load_incluster_config; elsewhere make a new client from the kubeconfig after a 401.
# Seen (which call after the change succeeds):
#                       tokenFile        plugin           plugin, expiry
#   client-go           within a minute  second call      at once
#   kubernetes          never            never            at once
#   kubernetes-asyncio  never            never            never
#   kr8s                fails at once    at once          at once
#   lightkube           at once          at once          at once
# shellcheck source=findings/lib.sh
FINDING_LIMIT=900
. "$(dirname "$0")/lib.sh"
need go
packages kubernetes==37.0.2 kubernetes-asyncio==36.1.0 kr8s==0.20.15 lightkube==1.0.1
mkdir "$work/caller"
cat >"$work/caller/main.go" <<'GO'
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// serve is an API server that knows one token: what the file holds now.
func serve(file string) {
	api := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		valid, _ := os.ReadFile(file)
		w.Header().Set("Content-Type", "application/json")
		code, body := 200, `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"}}`
		switch {
		case strings.HasPrefix(r.URL.Path, "/version"):
			body = `{"major":"1","minor":"36","gitVersion":"v1.36.0"}`
		case r.Header.Get("Authorization") != "Bearer "+string(valid):
			code = 401
			body = `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"Unauthorized","code":401}`
		case !strings.HasSuffix(r.URL.Path, "/a"):
			body = fmt.Sprintf(`{"kind":"ConfigMapList","apiVersion":"v1","metadata":{},"items":[%s]}`, body)
		}
		w.WriteHeader(code)
		fmt.Fprintln(w, body)
	}))
	api.EnableHTTP2 = true
	api.StartTLS()
	fmt.Println(api.URL)
	os.Stdout.Close()
	select {}
}

func main() {
	if os.Args[1] == "serve" {
		serve(os.Args[2])
	}
	clients := map[string]*kubernetes.Clientset{}
	for {
		var file string
		if count, _ := fmt.Scan(&file); count == 0 {
			return
		}
		if clients[file] == nil {
			config, err := clientcmd.BuildConfigFromFlags("", file)
			if err != nil {
				panic(err)
			}
			clients[file] = kubernetes.NewForConfigOrDie(config)
		}
		_, err := clients[file].CoreV1().ConfigMaps("default").Get(context.Background(), "a", metav1.GetOptions{})
		fmt.Println(err == nil)
	}
}
GO
(
  cd "$work/caller"
  go_module k8s.io/client-go@v0.37.1 1.26
  go build -o "$work/client-go" . 2>/dev/null
)
cat >"$work/caller.py" <<'PY'
import asyncio
import sys


def of_kubernetes(file):
    from kubernetes import client, config

    core = client.CoreV1Api(config.new_client_from_config(file))
    return lambda: core.read_namespaced_config_map("a", "default")


def of_lightkube(file):
    from lightkube import Client, KubeConfig
    from lightkube.resources.core_v1 import ConfigMap

    client = Client(KubeConfig.from_file(file))
    return lambda: client.get(ConfigMap, "a", namespace="default")


def of_kr8s(file):
    import kr8s
    from kr8s.objects import ConfigMap

    api = kr8s.api(kubeconfig=file)
    return lambda: ConfigMap.get("a", namespace="default", api=api)


loop = asyncio.new_event_loop()


def of_kubernetes_asyncio(file):
    from kubernetes_asyncio import client, config

    core = client.CoreV1Api(loop.run_until_complete(config.new_client_from_config(file)))
    return lambda: loop.run_until_complete(core.read_namespaced_config_map("a", "default"))


make, calls = globals()["of_" + sys.argv[1].replace("-", "_")], {}
for line in sys.stdin:
    file = line.strip()
    try:
        if file not in calls:
            calls[file] = make(file)
        calls[file]()
        print("true", flush=True)
    except Exception:
        print("false", flush=True)
PY
python - >"$work/seen" <<'PY'
import json
import os
import pathlib
import subprocess
import sys
import time

work = pathlib.Path(os.environ["WORK"])
token, plugin, api_version = work / "token", work / "plugin.py", "client.authentication.k8s.io/v1beta1"
NAMES = "client-go", "kubernetes", "kubernetes-asyncio", "kr8s", "lightkube"
LIMIT = 55
plugin.write_text(f"""
import datetime, json, pathlib
status = {{"token": pathlib.Path({str(token)!r}).read_text()}}
end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=15)
if EXPIRES:
    status["expirationTimestamp"] = end.strftime("%Y-%m-%dT%H:%M:%SZ")
print(json.dumps({{"apiVersion": {api_version!r}, "kind": "ExecCredential", "status": status}}))
""")


def plug(expires):
    """Return a user whose credentials a plugin prints, with or without when they end."""
    path = plugin.with_suffix(f".{expires}")
    path.write_text(plugin.read_text().replace("EXPIRES", str(expires)))
    run = {"command": sys.executable, "args": [str(path)], "interactiveMode": "Never"}
    return {"exec": {"apiVersion": api_version, **run}}


def kubeconfig(user):
    """Return the path of a user's kubeconfig."""
    return work / user.replace(", ", "-")


USERS = {"tokenFile": {"tokenFile": str(token)}, "plugin": plug(False), "plugin, expiry": plug(True)}
token.write_text("one")
told = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True, "bufsize": 1}
server = subprocess.Popen([work / "client-go", "serve", token], **told)
url = server.stdout.read().strip()
for name, user in USERS.items():
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "a",
        "clusters": [{"name": "a", "cluster": {"server": url, "insecure-skip-tls-verify": True}}],
        "users": [{"name": "a", "user": user}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    }
    kubeconfig(name).write_text(json.dumps(document))
callers = {}
for name in NAMES:
    command = [work / name] if name == "client-go" else [sys.executable, "-W", "ignore", work / "caller.py"]
    callers[name] = subprocess.Popen([*command, name], stdin=subprocess.PIPE, **told)


def call(name, user):
    """Return whether a call succeeds."""
    print(kubeconfig(user), file=callers[name].stdin, flush=True)
    return callers[name].stdout.readline() == "true\n"


outcomes = {(name, user): "" if call(name, user) else "fails at once" for name in NAMES for user in USERS}
time.sleep(16)
token.write_text("two")
begin, calls = time.monotonic(), 0
while time.monotonic() < begin + LIMIT and not all(outcomes.values()):
    calls += 1
    for each, outcome in outcomes.items():
        if not outcome and call(*each):
            took = f"after {time.monotonic() - begin:.0f} s"
            outcomes[each] = {1: "at once", 2: "second call"}.get(calls, "within a minute")
            print(*each, took, file=sys.stderr)
    time.sleep(1)
print(" " * 20 + "".join(f"{user:17}" for user in USERS).rstrip())
for name in NAMES:
    print(f"{name:20}" + "".join(f"{outcomes[name, user] or 'never':17}" for user in USERS).rstrip())
for process in [*callers.values(), server]:
    process.kill()
    process.wait()
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
