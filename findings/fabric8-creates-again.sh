#!/usr/bin/env bash
# fabric8's Kubernetes client 8.0.0 (Java); client-java 25.0.0 and Python's kubernetes 37.0.2 for comparison. Needs
# Java 17 with Maven, Python 3.11 and the network.
#
# A program creates one ConfigMap with generateName. The API server makes it, but the answer is lost: the connection
# ends, or the load balancer before it says 504 since the server took too long. This befalls one answer, or each.
# Expected: the caller gets the error. A POST is not repeated: each one makes an object of a new name.
# Happens: fabric8 sends it again, up to ten times in half a minute, after a lost connection and after each status of
#   500 and above, without a word in its log. One lost answer makes two objects, of which the caller gets the
#   second's name; ten more make eleven. The other clients send it once.
# Why it matters: during a failover of the API server a Java operator makes Jobs, Pods and Events twice, and nobody
#   owns the first. KUBERNETES_REQUEST_RETRY_BACKOFFLIMIT=0, or withRequestRetryBackoffLimit(0), turns it off, for
#   reads as well.
# Seen, objects made and what the caller got:
#                         one lost      one 504       each 504
#   fabric8               2, success    2, success    11, error
#   fabric8, no retries   1, error      1, error      1, error
#   client-java           1, error      1, error      1, error
#   kubernetes            1, error      1, error      1, error
# shellcheck source=findings/lib.sh
FINDING_LIMIT=600
. "$(dirname "$0")/lib.sh"
need java mvn
packages kubernetes==37.0.2
mkdir "$work/java"
cat >"$work/java/Fabric8.java" <<'JAVA'
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;

public class Fabric8 {
    public static void main(String[] of) {
        var config = new ConfigBuilder(Config.empty()).withMasterUrl(of[0]).withNamespace("default").build();
        if (of.length > 1) {
            config.setRequestRetryBackoffLimit(0);
        }
        var made = new ConfigMapBuilder().withNewMetadata().withGenerateName("a-").endMetadata().build();
        try (var client = new KubernetesClientBuilder().withConfig(config).build()) {
            client.configMaps().resource(made).create();
            System.out.println("success");
        } catch (Exception error) {
            System.out.println("error");
        }
        System.exit(0);
    }
}
JAVA
cat >"$work/java/Official.java" <<'JAVA'
import io.kubernetes.client.openapi.ApiException;
import io.kubernetes.client.openapi.apis.CoreV1Api;
import io.kubernetes.client.openapi.models.*;
import io.kubernetes.client.util.Config;

public class Official {
    public static void main(String[] of) {
        var made = new V1ConfigMap().metadata(new V1ObjectMeta().generateName("a-"));
        try {
            new CoreV1Api(Config.fromUrl(of[0])).createNamespacedConfigMap("default", made).execute();
            System.out.println("success");
        } catch (ApiException error) {
            System.out.println("error");
        }
        System.exit(0);
    }
}
JAVA
cat >"$work/program.py" <<'PY'
import sys

from kubernetes import client

configuration = client.Configuration(host=sys.argv[1])
api = client.CoreV1Api(client.ApiClient(configuration))
try:
    api.create_namespaced_config_map("default", {"metadata": {"generateName": "a-"}})
    print("success")
except Exception:
    print("error")
PY
(
  jars "$work/java" io.fabric8:kubernetes-client:8.0.0 io.kubernetes:client-java:25.0.0
  cd "$work/java"
  javac -cp 'lib/*' Fabric8.java Official.java
)
python - >"$work/seen" <<'PY'
import json
import os
import pathlib
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

work = pathlib.Path(os.environ["WORK"])
JAVA = ["java", "-cp", f"{work}/java:{work}/java/lib/*"]
PROGRAMS = {
    "fabric8": ([*JAVA, "Fabric8"], []),
    "fabric8, no retries": ([*JAVA, "Fabric8"], ["no retries"]),
    "client-java": ([*JAVA, "Official"], []),
    "kubernetes": ([sys.executable, work / "program.py"], []),
}


class Api(BaseHTTPRequestHandler):
    """An API server that makes what is posted, and whose first answers to that are lost."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200, {"major": "1", "minor": "37", "gitVersion": "v1.37.0"})

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.server.made += 1
        if self.server.made > self.server.lost:
            metadata = {"name": f"a-{self.server.made}", "namespace": "default"}
            self.answer(201, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
        elif self.server.status:
            self.answer(self.server.status, {"message": "upstream request timeout"})
        else:
            self.close_connection = True

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        """Write no access log."""


def start(program, lost, status):
    command, more = program
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.daemon_threads = True
    server.lost, server.status, server.made = lost, status, 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    told = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    return server, subprocess.Popen([*command, f"http://127.0.0.1:{server.server_port}", *more], **told)


def ending(server, process):
    said = process.communicate(timeout=90)[0].strip()
    return f"{server.made}, {said}"


print(f"{'':22}{'one lost':14}{'one 504':14}each 504")
for name, program in PROGRAMS.items():
    runs = [start(program, *case) for case in [(1, 0), (1, 504), (10**6, 504)]]
    print(f"{name:22}" + "".join(f"{ending(*run):14}" for run in runs).rstrip())
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
