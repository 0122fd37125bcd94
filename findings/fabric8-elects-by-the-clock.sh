#!/usr/bin/env bash
# fabric8's Kubernetes client 8.0.0 (Java); client-java 25.0.0 and Python's kubernetes 37.0.2 for comparison. Needs
# Java 17 with Maven, Python 3.11 and the network.
#
# A standby waits for a Lease of 6 seconds that another process holds and renews each second. Their clocks differ: the
# standby's is 10 seconds ahead, or the leader's is 30 seconds ahead. The leader dies 12 seconds after the standby's
# start.
# Expected: clocks do not matter, as in client-go: a candidate waits until it has not seen the Lease change for as long
#   as the Lease lasts, by its own clock. The standby leads some seconds after the leader's death.
# Happens: fabric8 compares renewTime, as the leader's clock wrote it, with its own. A standby whose clock is ahead by
#   more than the Lease takes it from a leader that renews it, at its next look. Where the leader's clock is ahead, the
#   Lease stays with the dead one for that much longer.
# Why it matters: one node without time synchronisation takes the lead from a leader at work, or makes a failover
#   later by as much as its clock was wrong. The Java Operator SDK elects by it. Watch clocks, and choose a Lease
#   longer than they can differ.
# Seen, when the standby led:
#                 clocks agree        standby's ahead     leader's ahead
#   fabric8       after its death     while it renewed    not within 20 s
#   client-java   after its death     after its death     after its death
#   kubernetes    after its death     after its death     after its death
# shellcheck source=findings/lib.sh
FINDING_LIMIT=600
. "$(dirname "$0")/lib.sh"
need java mvn
packages kubernetes==37.0.2
mkdir "$work/java"
cat >"$work/java/Fabric8.java" <<'JAVA'
import io.fabric8.kubernetes.client.*;
import io.fabric8.kubernetes.client.extended.leaderelection.*;
import io.fabric8.kubernetes.client.extended.leaderelection.resourcelock.LeaseLock;
import java.time.Duration;

public class Fabric8 {
    public static void main(String[] of) {
        var config = new ConfigBuilder(Config.empty()).withMasterUrl(of[0]).withNamespace("default").build();
        var election = new LeaderElectionConfigBuilder()
            .withName("standby")
            .withLeaseDuration(Duration.ofSeconds(6))
            .withRenewDeadline(Duration.ofSeconds(4))
            .withRetryPeriod(Duration.ofSeconds(1))
            .withLock(new LeaseLock("default", "lease", "standby"))
            .withLeaderCallbacks(new LeaderCallbacks(() -> {}, () -> {}, who -> {}))
            .build();
        new KubernetesClientBuilder().withConfig(config).build().leaderElector().withConfig(election).build().run();
    }
}
JAVA
cat >"$work/java/Official.java" <<'JAVA'
import io.kubernetes.client.extended.leaderelection.*;
import io.kubernetes.client.extended.leaderelection.resourcelock.LeaseLock;
import io.kubernetes.client.util.Config;
import java.time.Duration;

public class Official {
    public static void main(String[] of) {
        var lock = new LeaseLock("default", "lease", "standby", Config.fromUrl(of[0]));
        var times = new Duration[] {Duration.ofSeconds(6), Duration.ofSeconds(4), Duration.ofSeconds(1)};
        new LeaderElector(new LeaderElectionConfig(lock, times[0], times[1], times[2])).run(() -> {}, () -> {});
    }
}
JAVA
cat >"$work/program.py" <<'PY'
import sys
import time

from kubernetes import client
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock


def lead():
    time.sleep(100)


client.Configuration.set_default(client.Configuration(host=sys.argv[1]))
config = electionconfig.Config(LeaseLock("lease", "default", "standby"), 6, 4, 1, lead, lambda: None)
leaderelection.LeaderElection(config).run()
PY
(
  jars "$work/java" io.fabric8:kubernetes-client:8.0.0 io.kubernetes:client-java-extended:25.0.0
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
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

work = pathlib.Path(os.environ["WORK"])
JAVA = ["java", "-cp", f"{work}/java:{work}/java/lib/*"]
PROGRAMS = {
    "fabric8": [*JAVA, "Fabric8"],
    "client-java": [*JAVA, "Official"],
    "kubernetes": [sys.executable, work / "program.py"],
}
CLOCKS = {"clocks agree": 0, "standby's ahead": -10, "leader's ahead": 30}  # the leader's, by the standby's
LIFE, PATIENCE = 12, 20


class Server(ThreadingHTTPServer):
    """An API server with one Lease, and the leader, who renews it each second until its death."""

    daemon_threads = True

    def __init__(self, ahead):
        super().__init__(("127.0.0.1", 0), Api)
        self.ahead, self.lock, self.led, self.version = ahead, threading.Lock(), 0, 0
        self.asked = False
        spec = {"holderIdentity": "leader", "leaseDurationSeconds": 6, "leaseTransitions": 0}
        self.lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": spec}
        self.lease["metadata"] = {"name": "lease", "namespace": "default"}
        self.write({"acquireTime": self.leaders_time(), "renewTime": self.leaders_time()})
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def leaders_time(self):
        return (datetime.now(UTC) + timedelta(seconds=self.ahead)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def write(self, spec):
        self.version += 1
        self.lease["spec"].update(spec)
        self.lease["metadata"]["resourceVersion"] = str(self.version)

    def renew(self):
        with self.lock:
            if not self.led:
                self.write({"renewTime": self.leaders_time()})


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path.startswith("/version"):
            self.answer(200, {"major": "1", "minor": "37", "gitVersion": "v1.37.0"})
            return
        self.server.asked = True
        with self.server.lock:
            self.answer(200, self.server.lease)

    def do_PUT(self):
        wanted = json.loads(self.rfile.read(int(self.headers["content-length"])))
        server = self.server
        with server.lock:
            if wanted["metadata"].get("resourceVersion", str(server.version)) != str(server.version):
                self.answer(409, {"kind": "Status", "status": "Failure", "reason": "Conflict", "code": 409})
                return
            server.write(wanted["spec"])
            if wanted["spec"].get("holderIdentity") == "standby" and not server.led:
                server.led = time.monotonic()
            self.answer(200, server.lease)

    do_PATCH = do_PUT

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        """Write no access log."""


servers = {(name, clocks): Server(ahead) for name in PROGRAMS for clocks, ahead in CLOCKS.items()}
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
processes = [
    subprocess.Popen([*PROGRAMS[name], f"http://127.0.0.1:{server.server_port}"], **quiet)
    for (name, _), server in servers.items()
]
seconds = 0
while seconds < LIFE:
    for server in servers.values():
        server.renew()
    time.sleep(1)
    seconds += all(server.asked for server in servers.values())  # Java takes its time to start
death = time.monotonic()
time.sleep(PATIENCE)
for process in processes:
    process.kill()
    process.wait()
print(f"{'':14}" + "".join(f"{clocks:20}" for clocks in CLOCKS).rstrip())
for name in PROGRAMS:
    row = f"{name:14}"
    for clocks in CLOCKS:
        led = servers[name, clocks].led
        text = "while it renewed" if 0 < led < death else "after its death" if led else f"not within {PATIENCE} s"
        row += f"{text:20}"
    print(row.rstrip())
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
