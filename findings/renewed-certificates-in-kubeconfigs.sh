#!/usr/bin/env bash
# client-go v0.37.1, kubernetes 37.0.2, kubernetes-asyncio 36.1.0, kr8s 0.20.15 and lightkube 1.0.1 (Python),
# @kubernetes/client-node 1.4.0 (npm), fabric8 8.0.0 and client-java 25.0.0 (Java). Needs Go 1.26, Java 17 with Maven,
# Node 20 with npm, Python 3.11, openssl and the network. Compiling client-go takes two minutes the first time.
#
# A kubeconfig names its CA, its client certificate and its key as files, and each library's client calls once a
# second. First certificate and key are renewed on disk; then the API server answers 401 to the old one, as it does
# when that has ended, for it looks at each request's certificate. 15 s later it cuts all connections. In a second
# run the CA's file is renewed, and the API server starts anew with a certificate of that CA.
# Expected: files are named so that they can change: the next call takes the new ones, or a failed one at the latest.
# Happens: four of eight never read their client certificate again, and six do not read their CA within 15 s. Python's
#   kubernetes reads both at each connection. But over HTTP/1.1 a 401 ends no connection: a client that calls often is
#   refused for as long as its own lasts. kr8s reads its certificate after a 401, but never its CA; client-go reads the
#   CA once in five minutes. client-node alone loses no call: it makes a connection for each.
# Why it matters: a cluster that is built anew has a new CA, and a mounted certificate of cert-manager is renewed in
#   place. A long-running tool then fails beside good files, at the failover or months after its start. Make a new
#   client from the kubeconfig after a 401 and after a certificate error, and try that in a drill.
# Seen:
#                       client certificate  CA
#   client-go           recovers            fails
#   kubernetes          when it reconnects  recovers
#   kubernetes-asyncio  fails               fails
#   kr8s                recovers            fails
#   lightkube           fails               fails
#   client-node         recovers            recovers
#   fabric8             fails               fails
#   client-java         fails               fails
# shellcheck source=findings/lib.sh
FINDING_LIMIT=900
. "$(dirname "$0")/lib.sh"
need go java mvn node npm openssl
packages kubernetes==37.0.2 kubernetes-asyncio==36.1.0 kr8s==0.20.15 lightkube==1.0.1
mkdir "$work/go-program" "$work/node" "$work/java"
cat >"$work/go-program/main.go" <<'GO'
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// api is an API server that knows its users by client certificates.
type api struct {
	lock        sync.Mutex
	folder      string
	certificate tls.Certificate
	users       *x509.CertPool
	ended       string // the name of a certificate that is taken no more
	connections map[net.Conn]bool
}

func (a *api) use(name string) {
	path := filepath.Join(a.folder, name)
	pair, err := tls.LoadX509KeyPair(path+".crt", path+".key")
	check(err)
	a.certificate = pair
}

func (a *api) known(r *http.Request) bool {
	if len(r.TLS.PeerCertificates) == 0 {
		return false
	}
	of := r.TLS.PeerCertificates[0]
	usages := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	_, err := of.Verify(x509.VerifyOptions{Roots: a.users, KeyUsages: usages})
	return err == nil && of.Subject.CommonName != a.ended
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.lock.Lock()
	known := a.known(r)
	a.lock.Unlock()
	w.Header().Set("Content-Type", "application/json")
	one := `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","namespace":"default"}}`
	switch {
	case strings.HasPrefix(r.URL.Path, "/version"):
		io.WriteString(w, `{"major":"1","minor":"37","gitVersion":"v1.37.1"}`)
	case !known:
		if r.ProtoMajor == 2 { // as API servers do since 1.29
			w.Header().Set("Connection", "close")
		}
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Unauthorized","code":401}`)
	case strings.HasSuffix(r.URL.Path, "/a"):
		io.WriteString(w, one)
	default:
		io.WriteString(w, `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{},"items":[`+one+`]}`)
	}
}

func (a *api) track(connection net.Conn, state http.ConnState) {
	a.lock.Lock()
	defer a.lock.Unlock()
	if state == http.StateNew {
		a.connections[connection] = true
	} else if state == http.StateClosed {
		delete(a.connections, connection)
	}
}

// cut ends all connections; the lock is held.
func (a *api) cut() {
	for each := range a.connections {
		go each.Close()
	}
	clear(a.connections)
}

func (a *api) obey(order string) {
	a.lock.Lock()
	defer a.lock.Unlock()
	switch order {
	case "end":
		a.ended = "user-first"
	case "restart":
		a.use("server-second")
		fallthrough
	case "cut":
		a.cut()
	}
}

func serve(folder string) {
	a := &api{folder: folder, users: x509.NewCertPool(), connections: map[net.Conn]bool{}}
	a.use("server-first")
	users, err := os.ReadFile(filepath.Join(folder, "users.crt"))
	check(err)
	a.users.AppendCertsFromPEM(users)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	current := func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		a.lock.Lock()
		defer a.lock.Unlock()
		one := a.certificate
		return &one, nil
	}
	config := &tls.Config{GetCertificate: current, ClientAuth: tls.RequestClientCert, SessionTicketsDisabled: true}
	server := &http.Server{Handler: a, TLSConfig: config, ConnState: a.track, ErrorLog: log.New(io.Discard, "", 0)}
	go server.ServeTLS(listener, "", "")
	fmt.Printf("https://%s\n", listener.Addr())
	for {
		var order string
		if count, _ := fmt.Scan(&order); count == 0 {
			return
		}
		a.obey(order)
	}
}

func main() {
	if os.Args[1] == "serve" {
		serve(os.Args[2])
		return
	}
	config, err := clientcmd.BuildConfigFromFlags("", os.Args[1])
	check(err)
	client := kubernetes.NewForConfigOrDie(config)
	for ; ; time.Sleep(time.Second) {
		_, err := client.CoreV1().ConfigMaps("default").Get(context.Background(), "a", metav1.GetOptions{})
		fmt.Println(err == nil)
	}
}
GO
cat >"$work/program.py" <<'PY'
import asyncio
import sys
import time


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


call = globals()["of_" + sys.argv[1].replace("-", "_")](sys.argv[2])
while True:
    try:
        call()
        print("true", flush=True)
    except Exception:
        print("false", flush=True)
    time.sleep(1)
PY
cat >"$work/node/program.mjs" <<'JS'
import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";

const config = new KubeConfig();
config.loadFromFile(process.argv[2]);
const core = config.makeApiClient(CoreV1Api);
const call = () => core.readNamespacedConfigMap({ name: "a", namespace: "default" });
for (;;) {
  console.log(await call().then(() => true, () => false));
  await new Promise((done) => setTimeout(done, 1000));
}
JS
cat >"$work/java/Fabric8.java" <<'JAVA'
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.File;

public class Fabric8 {
    public static void main(String[] of) throws Exception {
        var config = new ConfigBuilder(Config.fromKubeconfig(new File(of[0]))).withRequestRetryBackoffLimit(0).build();
        var client = new KubernetesClientBuilder().withConfig(config).build();
        for (;; Thread.sleep(1000)) {
            try {
                System.out.println(client.configMaps().inNamespace("default").withName("a").get() != null);
            } catch (Exception error) {
                System.out.println(false);
            }
        }
    }
}
JAVA
cat >"$work/java/Official.java" <<'JAVA'
import io.kubernetes.client.openapi.apis.CoreV1Api;
import io.kubernetes.client.util.Config;

public class Official {
    public static void main(String[] of) throws Exception {
        var core = new CoreV1Api(Config.fromConfig(of[0]));
        for (;; Thread.sleep(1000)) {
            try {
                System.out.println(core.readNamespacedConfigMap("a", "default").execute() != null);
            } catch (Exception error) {
                System.out.println(false);
            }
        }
    }
}
JAVA
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
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time
from lab import claim

work = pathlib.Path(os.environ["WORK"])
JAVA = ["java", "-cp", f"{work}/java:{work}/java/lib/*"]
PYTHON = [sys.executable, "-W", "ignore", work / "program.py"]
CLIENTS = {
    "client-go": [work / "client-go"],
    "kubernetes": [*PYTHON, "kubernetes"],
    "kubernetes-asyncio": [*PYTHON, "kubernetes-asyncio"],
    "kr8s": [*PYTHON, "kr8s"],
    "lightkube": [*PYTHON, "lightkube"],
    "client-node": ["node", work / "node" / "program.mjs"],
    "fabric8": [*JAVA, "Fabric8"],
    "client-java": [*JAVA, "Official"],
}
PATIENCE = 15


def make(name, *more):
    """Make a key and a certificate."""
    files = "-keyout", f"{name}.key", "-out", f"{name}.crt", "-days", "1"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *files, *more]
    subprocess.run(command, cwd=work, check=True, stderr=subprocess.DEVNULL)


def authority(name):
    make(name, "-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign")


def issue(name, by, usage):
    signed = "-CA", f"{by}.crt", "-CAkey", f"{by}.key", "-subj", f"/O=a/CN={name}"
    make(name, *signed, "-addext", f"extendedKeyUsage={usage}", "-addext", "subjectAltName=IP:127.0.0.1")


class Server:
    """The API server, which obeys orders."""

    def __init__(self):
        told = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
        self.process = subprocess.Popen([work / "client-go", "serve", work], **told)
        self.url = self.process.stdout.readline().strip()

    def do(self, order):
        print(order, file=self.process.stdin, flush=True)


class Client:
    """A program that calls once a second, and says whether it got an answer."""

    def __init__(self, name, kubeconfig):
        told = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        self.process, self.said = subprocess.Popen([*CLIENTS[name], str(kubeconfig)], **told), []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.said.append(line.strip())

    def well(self):
        return self.said[-2:] == ["true", "true"]


def kubeconfig(name, url):
    cluster = {"server": url, "certificate-authority": str(work / f"{name}-ca.crt")}
    user = {"client-certificate": str(work / f"{name}.crt"), "client-key": str(work / f"{name}.key")}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "a",
        "clusters": [{"name": "a", "cluster": cluster}],
        "users": [{"name": "a", "user": user}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    }
    path = work / f"{name}.json"
    path.write_text(json.dumps(document))
    return path


def place(name, certificate, ca):
    """Renew the files of a kubeconfig, each by a rename."""
    sources = f"{certificate}.crt", f"{certificate}.key", f"{ca}.crt"
    for source, target in zip(sources, (f"{name}.crt", f"{name}.key", f"{name}-ca.crt"), strict=True):
        shutil.copy(work / source, work / "new")
        (work / "new").rename(work / target)


for each in "first", "second", "users":
    authority(each)
for each in "first", "second":
    issue(f"server-{each}", each, "serverAuth")
    issue(f"user-{each}", "users", "clientAuth")


def begin(name):
    """Return a server and a client of each library that has its answers."""
    place(name, "user-first", "first")
    server = Server()
    config = kubeconfig(name, server.url)
    clients = {each: Client(each, config) for each in CLIENTS}
    well = recovered(clients, 60)
    claim(len(well) == len(clients), f"only {sorted(well)} get answers")
    return server, clients


def recovered(clients, seconds):
    """Return who has its answers before the time is over."""
    end = time.monotonic() + seconds
    time.sleep(3)
    while time.monotonic() < end and not all(each.well() for each in clients.values()):
        time.sleep(0.1)
    return {name for name, each in clients.items() if each.well()}


def kill(*running):
    for each in running:
        each.process.kill()
        each.process.wait()


def renew_certificate():
    """Renew the client certificate, refuse the old one, and return who recovers."""
    server, clients = begin("user")
    place("user", "user-second", "first")
    server.do("end")
    now = recovered(clients, PATIENCE)
    server.do("cut")
    later = recovered(clients, PATIENCE)
    kill(server, *clients.values())
    return {name: "recovers" if name in now else "when it reconnects" for name in later}


def renew_authority():
    """Renew the CA and the server's certificate, start the server anew, and return who recovers."""
    server, clients = begin("ca")
    place("ca", "user-first", "second")
    server.do("restart")
    well = recovered(clients, PATIENCE)
    kill(server, *clients.values())
    return dict.fromkeys(well, "recovers")


certificate, ca = renew_certificate(), renew_authority()
print(f"{'':20}{'client certificate':20}CA")
for name in CLIENTS:
    print(f"{name:20}{certificate.get(name, 'fails'):20}{ca.get(name, 'fails')}")
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
