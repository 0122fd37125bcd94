#!/usr/bin/env bash
# ioredis 6.0.0 and iovalkey 0.4.0 (npm); redis 6.3.1 (node-redis) and GLIDE 2.5.2 for comparison. Needs Python 3.11,
# Node 20 with npm, and the network.
#
# A client with a time-out of one second for each command sets a key to "old" while the server is away. The call fails
# by that time-out. The server comes back after 4 or 20 seconds, and at once another program sets the key to "new".
# Expected: a call that failed is over. It may have been executed before it failed, but not later.
# Happens: ioredis and iovalkey reject the promise and leave the command in their queue. When they have reconnected
#   they execute it: the key is "old" again. They do so until they have retried twenty times, ten seconds with
#   iovalkey and more than a minute with ioredis 6; with maxRetriesPerRequest: null, which queues like BullMQ ask for,
#   for ever. node-redis and GLIDE drop it.
# Why it matters: the caller was told of a failure, took another way, and the old write lands on top of it after the
#   failover: a lock of a holder that gave up, a price, a leader. Set enableOfflineQueue: false, which fails at once.
# Seen, what the call said, and the key some seconds after the server's return:
#                                                          after 4 s   after 20 s
#   ioredis                             Command timed out  old         old
#   ioredis, maxRetriesPerRequest null  Command timed out  old         old
#   ioredis, enableOfflineQueue false   error at once      new         new
#   iovalkey                            Command timed out  old         new
#   node-redis                          Command timed out  new         new
#   GLIDE                               Command timed out  new         new
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
need node npm python3
mkdir "$work/node"
cat >"$work/node/program.js" <<'JS'
const { Redis } = require("ioredis");
const iovalkey = require("iovalkey").Redis;
const { createClient } = require("redis");
const { GlideClient } = require("@valkey/valkey-glide");

const [kind, port, more] = [process.argv[2], Number(process.argv[3]), JSON.parse(process.argv[4])];
const quiet = (client) => client.on("error", () => {});
const ready = (client) => new Promise((done) => client.once("ready", () => done(client)));
const CLIENTS = {
  ioredis: () => ready(quiet(new Redis({ port, commandTimeout: 1000, ...more }))),
  iovalkey: () => ready(quiet(new iovalkey({ port, commandTimeout: 1000 }))),
  "node-redis": () => quiet(createClient({ socket: { port }, commandOptions: { timeout: 1000 } })).connect(),
  GLIDE: () => GlideClient.createClient({ addresses: [{ host: "127.0.0.1", port }], requestTimeout: 1000 }),
};
CLIENTS[kind]().then((client) => {
  console.log("ready");
  process.stdin.once("data", () => {
    const begin = Date.now();
    client.set("a", "old").then(
      () => console.log("set"),
      () => console.log(Date.now() - begin < 900 ? "error at once" : "Command timed out"),
    );
  });
});
JS
(
  cd "$work/node"
  npm install --silent --no-audit --no-fund ioredis@6.0.0 iovalkey@0.4.0 redis@6.3.1 @valkey/valkey-glide@2.5.2
)
python3 - >"$work/seen" <<'PY'
import json
import os
import pathlib
import subprocess
import time

from fake_redis import Redis
from lab import claim

program = pathlib.Path(os.environ["WORK"]) / "node" / "program.js"
CASES = {
    "ioredis": ("ioredis", {}),
    "ioredis, maxRetriesPerRequest null": ("ioredis", {"maxRetriesPerRequest": None}),
    "ioredis, enableOfflineQueue false": ("ioredis", {"enableOfflineQueue": False}),
    "iovalkey": ("iovalkey", {}),
    "node-redis": ("node-redis", {}),
    "GLIDE": ("GLIDE", {}),
}


class Client:
    """A program with one client, and a server of its own."""

    def __init__(self, kind, more):
        self.server = Redis()
        command = ["node", program, kind, str(self.server.port), json.dumps(more)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        self.process = subprocess.Popen(command, **pipes)
        claim(self.says("ready"), f"{kind} does not connect")

    def says(self, *texts):
        """Return the first of its lines that is one of these; GLIDE writes its log between them."""
        return next((line.strip() for line in self.process.stdout if line.strip() in texts), "")


OUTAGES = 4, 20
clients = {(name, outage): Client(*case) for name, case in CASES.items() for outage in OUTAGES}
for client in clients.values():
    client.server.stop()
time.sleep(0.5)
for client in clients.values():
    client.process.stdin.write("set\n")
    client.process.stdin.flush()
begin = time.monotonic()
said = {case: client.says("set", "error at once", "Command timed out") for case, client in clients.items()}
for outage in OUTAGES:
    time.sleep(max(0, begin + outage - time.monotonic()))
    for (_, of), client in clients.items():
        if of == outage:
            client.server.value = "new"  # what the other program sets
            client.server.start()
time.sleep(8)
print(f"{'':55}after 4 s   after 20 s")
for name in CASES:
    claim(said[name, 4] == said[name, 20], f"{name} says two things")
    print(f"{name:36}{said[name, 4]:19}{clients[name, 4].server.value:12}{clients[name, 20].server.value}")
for client in clients.values():
    client.process.kill()
    client.process.wait()
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
