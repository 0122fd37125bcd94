#!/usr/bin/env bash
# client-go v0.37.1 (what kubectl's exec is made of), kubernetes 37.0.2, kubernetes-asyncio 36.1.0 and kr8s 0.20.15
# (Python), fabric8 kubernetes-client 8.0.0 and client-java 25.0.0 (Java), @kubernetes/client-node 1.4.0 (npm). Needs
# Go 1.26, JDK 17, Maven, Node 20 with npm, Python 3.11 and the network. Compiling takes four minutes the first time.
#
# Each client executes a command in a pod. Two processes serve it: a runtime, by the code that container runtimes have
# for this (k8s.io/cri-streaming), and before it the handlers by which API server and kubelet pass a call on
# (k8s.io/apiserver). The command ends with exit code 3; or it runs on, and one of the two processes is killed.
# Expected: a call that is cut is an error: nobody knows how its command ended.
# Happens: over SPDY, client-go reports success for each cut: a status that never came reads as one without a message.
#   Over WebSockets it reports an error if its own connection is cut. But kubelets since 1.36, and API servers for
#   older ones, translate WebSockets into SPDY, by client-go. If the connection behind them is cut, they send their
#   client "Success". client-java, kubernetes and client-node believe it. When its own connection is cut, client-node
#   never calls back. kubernetes-asyncio's messages just end.
# Why it matters: `kubectl exec db-0 -- pg_basebackup ... && promote` goes on while containerd restarts, or (kubelet
#   before 1.36) the kubelet. kubectl 1.32.4 exits with 0 as well. kubectl uses SPDY where WebSockets are refused, and
#   Go programs that call NewSPDYExecutor always do. Let the command print a last line, and look for it.
# Seen:
#                           exit code 3   API server killed   runtime killed
#   client-go, SPDY         3             0                   0
#   client-go, WebSockets   3             error               0
#   kubernetes              3             error               0
#   client-java             3             error               0
#   client-node             3             waits on            0
#   fabric8                 3             error               error
#   kr8s                    3             error               error
#   kubernetes-asyncio      3             no status           no status
# shellcheck source=findings/lib.sh
FINDING_LIMIT=1200
. "$(dirname "$0")/lib.sh"
need go java javac mvn node npm
packages kubernetes==37.0.2 kubernetes-asyncio==36.1.0 kr8s==0.20.15
mkdir "$work/go-program" "$work/java" "$work/node"
cat >"$work/go-program/main.go" <<'GO'
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/proxy"
	translator "k8s.io/apiserver/pkg/util/proxy"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
	streaming "k8s.io/cri-streaming/pkg/streaming/remotecommand"
	"k8s.io/streaming/pkg/httpstream/wsstream"
)

const pod = `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","namespace":"default"},
"spec":{"containers":[{"name":"a"}]},"status":{"phase":"Running","conditions":[
{"type":"Ready","status":"True"},{"type":"ContainersReady","status":"True"}]}}`

func serve(handler http.HandlerFunc) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("http://%s\n", listener.Addr())
	panic(http.Serve(listener, handler))
}

// container's commands end with exit code 3 or, "wait", not at all.
type container struct{}

func (container) ExecInContainer(_ context.Context, _, _, _ string, command []string, _ io.Reader,
	out, _ io.WriteCloser, _ bool, _ <-chan streaming.TerminalSize, _ time.Duration) error {
	fmt.Fprintln(out, "begun")
	if command[0] == "wait" {
		fmt.Println("called")
		select {}
	}
	time.Sleep(time.Second)
	return exec.CodeExitError{Err: errors.New("exit code 3"), Code: 3}
}

func runtime() {
	serve(func(w http.ResponseWriter, r *http.Request) {
		streams := &streaming.Options{Stdout: true, Stderr: true}
		streaming.ServeExec(w, r, container{}, "", "", "", r.URL.Query()["command"], streams, time.Hour, time.Minute,
			streaming.SupportedStreamingProtocols)
	})
}

type responder struct{}

func (responder) Error(w http.ResponseWriter, _ *http.Request, _ error) {
	w.WriteHeader(http.StatusBadGateway)
}

// api passes calls on as the kubelet's getExec does, and an API server's ExecREST for older kubelets.
func api(runtime string) {
	serve(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/exec") {
			w.Header().Set("Content-Type", "application/json")
			body := pod
			if strings.HasPrefix(r.URL.Path, "/version") {
				body = `{"major":"1","minor":"35","gitVersion":"v1.35.0"}`
			}
			io.WriteString(w, body)
			return
		}
		to, _ := url.Parse(runtime + "/exec?" + r.URL.RawQuery)
		var handler http.Handler = proxy.NewUpgradeAwareHandler(to, nil, false, true, responder{})
		if wsstream.IsWebSocketRequestWithStreamCloseProtocol(r) {
			handler = translator.NewStreamTranslatorHandler(to, nil, 0, translator.Options{Stdout: true, Stderr: true})
		}
		handler.ServeHTTP(w, r)
	})
}

func main() {
	switch os.Args[1] {
	case "runtime":
		runtime()
	case "api":
		api(os.Args[2])
	}
	config := &rest.Config{Host: os.Args[2]}
	query := "?container=a&stdout=true&stderr=true&command=" + os.Args[3]
	place := os.Args[2] + "/api/v1/namespaces/default/pods/a/exec" + query
	parsed, _ := url.Parse(place)
	executor, err := remotecommand.NewWebSocketExecutor(config, "GET", place)
	if os.Args[1] == "spdy" {
		executor, err = remotecommand.NewSPDYExecutor(config, "POST", parsed)
	}
	if err != nil {
		panic(err)
	}
	streams := remotecommand.StreamOptions{Stdout: os.Stdout, Stderr: os.Stderr}
	err = executor.StreamWithContext(context.Background(), streams)
	var ended exec.CodeExitError
	switch {
	case errors.As(err, &ended):
		fmt.Println(ended.Code)
	case err != nil:
		fmt.Println("error")
	default:
		fmt.Println(0)
	}
}
GO
cat >"$work/program.py" <<'PY'
import asyncio
import json
import os
import pathlib
import sys

_, library, url, command = sys.argv
place = {"name": "a", "namespace": "default", "command": [command]}
streams = {"stdout": True, "stderr": True, "stdin": False, "tty": False, "_preload_content": False}


def by_kubernetes():
    from kubernetes import client, stream

    core = client.CoreV1Api(client.ApiClient(client.Configuration(host=url)))
    answer = stream.stream(core.connect_get_namespaced_pod_exec, **place, **streams)
    answer.run_forever()
    return answer.returncode


def by_kubernetes_asyncio():
    return asyncio.run(messages())


async def messages():
    from kubernetes_asyncio import client
    from kubernetes_asyncio.stream import WsApiClient
    from kubernetes_asyncio.stream.ws_client import ERROR_CHANNEL

    async with WsApiClient(client.Configuration(host=url)) as api:
        async with await client.CoreV1Api(api).connect_get_namespaced_pod_exec(**place, **streams) as socket:
            async for message in socket:
                if message.data[0] == ERROR_CHANNEL and message.data[1:]:
                    return api.parse_error_data(message.data[1:].decode())
    return "no status"


def by_kr8s():
    import kr8s
    from kr8s.objects import Pod

    file = pathlib.Path(os.environ["WORK"], "kubeconfig")
    one = {"name": "a", "cluster": {"server": url}, "user": {"token": "a"}, "context": {"cluster": "a", "user": "a"}}
    file.write_text(json.dumps({"current-context": "a", "clusters": [one], "users": [one], "contexts": [one]}))
    manifest = {"metadata": {"name": "a", "namespace": "default"}, "spec": {"containers": [{"name": "a"}]}}
    pod = Pod(manifest, api=kr8s.api(kubeconfig=str(file)))
    return pod.exec([command], check=False).returncode


try:
    print(globals()["by_" + library.replace("-", "_")]())
except Exception:
    print("error")
PY
cat >"$work/node/program.mjs" <<'JS'
import { Exec, KubeConfig } from "@kubernetes/client-node";
import { PassThrough } from "node:stream";

const [, , server, command] = process.argv;
const config = new KubeConfig();
config.loadFromClusterAndUser({ name: "a", server, skipTLSVerify: true }, { name: "a" });
const out = new PassThrough().resume();
const said = (status) => {
  console.log(status.status === "Success" ? 0 : status.details.causes[0].message);
  process.exit();
};
setInterval(() => {}, 1000);
await new Exec(config)
  .exec("default", "a", "a", [command], out, out, null, false, said)
  .catch(() => console.log("error"));
JS
cat >"$work/java/Fabric8.java" <<'JAVA'
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;

public class Fabric8 {
    public static void main(String[] of) {
        var config = new ConfigBuilder(Config.empty()).withMasterUrl(of[0]).withRequestTimeout(60_000).build();
        try (var client = new KubernetesClientBuilder().withConfig(config).build();
                var pod = client.pods().inNamespace("default").withName("a").inContainer("a")
                        .writingOutput(System.err).writingError(System.err).exec(of[1])) {
            System.out.println(pod.exitCode().get());
        } catch (Exception error) {
            System.out.println("error");
        }
        System.exit(0);
    }
}
JAVA
cat >"$work/java/Official.java" <<'JAVA'
import io.kubernetes.client.Exec;
import io.kubernetes.client.util.Config;

public class Official {
    public static void main(String[] of) throws Exception {
        String[] command = {of[1]};
        var process = new Exec(Config.fromUrl(of[0])).exec("default", "a", command, "a", false, false);
        int code = process.waitFor();
        System.out.println(code < 0 ? "error" : code);
        System.exit(0);
    }
}
JAVA
(
  cd "$work/go-program"
  go_module k8s.io/client-go@v0.37.1 1.26
  go get k8s.io/apiserver@v0.37.1 k8s.io/cri-streaming@v0.37.1 2>/dev/null
  go build -o "$work/program" . 2>/dev/null
  cd "$work/node"
  npm install --silent --no-audit --no-fund @kubernetes/client-node@1.4.0
  jars "$work/java" io.fabric8:kubernetes-client:8.0.0 io.kubernetes:client-java:25.0.0
  cd "$work/java"
  javac -cp 'lib/*' Fabric8.java Official.java
)
python - >"$work/seen" <<'PY'
import os
import pathlib
import select
import subprocess
import sys
import time

work = pathlib.Path(os.environ["WORK"])
JAVA = ["java", "-cp", f"{work}/java:{work}/java/lib/*"]
PYTHON = [sys.executable, work / "program.py"]
CLIENTS = {
    "client-go, SPDY": [work / "program", "spdy"],
    "client-go, WebSockets": [work / "program", "websockets"],
    "kubernetes": [*PYTHON, "kubernetes"],
    "client-java": [*JAVA, "Official"],
    "client-node": ["node", work / "node" / "program.mjs"],
    "fabric8": [*JAVA, "Fabric8"],
    "kr8s": [*PYTHON, "kr8s"],
    "kubernetes-asyncio": [*PYTHON, "kubernetes-asyncio"],
}
VICTIMS = "", "api", "runtime"
PATIENCE = 15


def start(*command):
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def ending(command, victim):
    """Return the exit code that a client reports, or what it reports in place of one."""
    runtime = start(work / "program", "runtime")
    address = runtime.stdout.readline().strip()
    api = start(work / "program", "api", address)
    client = start(*command, api.stdout.readline().strip(), "wait" if victim else "end")
    try:
        if victim:
            if not select.select([runtime.stdout], [], [], 60)[0]:
                return "no call"
            time.sleep(1)
            {"api": api, "runtime": runtime}[victim].kill()
        said, _ = client.communicate(timeout=PATIENCE if victim else 60)
        return said.splitlines()[-1] if said else "nothing"
    except subprocess.TimeoutExpired:
        return "waits on"
    finally:
        for each in client, api, runtime:
            each.kill()
            each.communicate()


print(f"{'':24}{'exit code 3':14}{'API server killed':20}runtime killed")
for name, command in CLIENTS.items():
    first, second, third = (ending(command, victim) for victim in VICTIMS)
    print(f"{name:24}{first:14}{second:20}{third}")
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
