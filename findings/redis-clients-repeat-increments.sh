#!/usr/bin/env bash
# Clients of Redis and Valkey, each as it comes. Python: redis 8.1.0, valkey 6.2.0, coredis 6.9.0. Node: ioredis 6.0.0,
# redis 6.3.1, GLIDE 2.5.2. Go: go-redis 9.23.0. Java: Lettuce 7.7.0, Jedis 8.0.2. Needs Go 1.26,
# Java 17 with Maven, Python 3.11, Node 20 with npm, and the network.
#
# A program sends one INCR on an open connection. The server executes it, and the connection ends before the answer, as
# when a primary dies or a proxy restarts. New connections work. Then the same, with every answer lost.
# Expected: the caller gets an error and decides: INCR, LPUSH or XADD must not be executed twice.
# Happens: redis, coredis, go-redis, ioredis and Lettuce send it again without a word; the caller gets 2. When each
#   answer is lost, coredis sends it three times, go-redis four, redis eleven; ioredis and Lettuce never stop, and say
#   nothing. redis 8 repeats while valkey, which began as a copy of it, does not.
# Why it matters: a failover counts orders, quotas and queue entries twice, and no log shows it. A command that crashes
#   a server crashes each one that is promoted. Turn repeats off: Retry(NoBackoff(), 0) in redis, MaxRetries -1 in
#   go-redis, maxRetriesPerRequest 0 in ioredis (with autoResendUnfulfilledCommands false a call never ends). Or write
#   such that a repeat does no harm.
# Seen, how often the server executed it and what the caller got:
#              one answer lost    each answer lost
#   redis      2 times, 2         11 times, error
#   valkey     1 time, error      1 time, error
#   coredis    2 times, 2         3 times, error
#   ioredis    2 times, 2         without end
#   node-redis 1 time, error      1 time, error
#   GLIDE      1 time, error      1 time, error
#   go-redis   2 times, 2         4 times, error
#   Lettuce    2 times, 2         without end
#   Jedis      1 time, error      1 time, error
# shellcheck source=findings/lib.sh
FINDING_LIMIT=600
. "$(dirname "$0")/lib.sh"
need go java mvn node npm
packages redis==8.1.0 valkey==6.2.0 coredis==6.9.0
mkdir "$work/node" "$work/java" "$work/go-program"
cat >"$work/sync_program.py" <<'PY'
import importlib
import sys

client = importlib.import_module(sys.argv[1])
try:
    print(getattr(client, sys.argv[1].capitalize())(port=int(sys.argv[2])).incr("a"))
except client.ConnectionError:
    print("error")
PY
cat >"$work/coredis_program.py" <<'PY'
import asyncio
import sys

import coredis


async def main():
    async with coredis.Redis(port=int(sys.argv[1])) as client:
        try:
            print(await client.incr("a"))
        except coredis.exceptions.ConnectionError:
            print("error")


asyncio.run(main())
PY
cat >"$work/node/program.js" <<'JS'
const { Redis } = require("ioredis");
const { createClient } = require("redis");
const { GlideClient } = require("@valkey/valkey-glide");

const port = Number(process.argv[3]);
const quiet = (client) => client.on("error", () => {});
const CLIENTS = {
  ioredis: async () => quiet(new Redis(port)),
  "node-redis": () => quiet(createClient({ socket: { port } })).connect(),
  GLIDE: () => GlideClient.createClient({ addresses: [{ host: "127.0.0.1", port }] }),
};
CLIENTS[process.argv[2]]()
  .then((client) => client.incr("a"))
  .then((value) => console.log(value), () => console.log("error"))
  .then(() => process.exit());
JS
cat >"$work/go-program/main.go" <<'GO'
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/redis/go-redis/v9"
)

func main() {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + os.Args[1]})
	if value, err := client.Incr(context.Background(), "a").Result(); err != nil {
		fmt.Println("error")
	} else {
		fmt.Println(value)
	}
}
GO
cat >"$work/java/Program.java" <<'JAVA'
public class Program {
    static long incr(String client, int port) {
        if (client.equals("Jedis")) {
            return redis.clients.jedis.RedisClient.create("127.0.0.1", port).incr("a");
        }
        return io.lettuce.core.RedisClient.create("redis://127.0.0.1:" + port).connect().sync().incr("a");
    }

    public static void main(String[] of) {
        try {
            System.out.println(incr(of[0], Integer.parseInt(of[1])));
        } catch (RuntimeException error) {
            System.out.println("error");
        }
        System.exit(0);
    }
}
JAVA
(
  cd "$work/go-program"
  go_module github.com/redis/go-redis/v9@v9.23.0 1.25
  go build -o "$work/go-client" .
  cd "$work/node"
  npm install --silent --no-audit --no-fund ioredis@6.0.0 redis@6.3.1 @valkey/valkey-glide@2.5.2
  jars "$work/java" io.lettuce:lettuce-core:7.7.0.RELEASE redis.clients:jedis:8.0.2
  cd "$work/java"
  javac -cp 'lib/*' Program.java
)
python - >"$work/seen" <<'PY'
import os
import pathlib
import subprocess
import sys
import time

from fake_redis import Redis

work = pathlib.Path(os.environ["WORK"])
JAVA = ["java", "-cp", f"{work}/java:{work}/java/lib/*", "Program"]
NODE = ["node", work / "node" / "program.js"]
PROGRAMS = {
    "redis": [sys.executable, work / "sync_program.py", "redis"],
    "valkey": [sys.executable, work / "sync_program.py", "valkey"],
    "coredis": [sys.executable, work / "coredis_program.py"],
    "ioredis": [*NODE, "ioredis"],
    "node-redis": [*NODE, "node-redis"],
    "GLIDE": [*NODE, "GLIDE"],
    "go-redis": [work / "go-client"],
    "Lettuce": [*JAVA, "Lettuce"],
    "Jedis": [*JAVA, "Jedis"],
}
ENDLESS = 25


def start(command, lost):
    server = Redis(lambda count: count <= lost)
    told = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    return server, subprocess.Popen([*command, str(server.port)], **told)


def ending(server, process):
    """Tell how often it was executed; end a program that goes on and on."""
    end = time.monotonic() + 40
    while process.poll() is None and server.executed.total() < ENDLESS and time.monotonic() < end:
        time.sleep(0.1)
    goes_on = process.poll() is None
    process.kill()
    said = process.communicate()[0].split()[-1:]  # GLIDE writes its log to the same place
    count = server.executed.total()
    if goes_on:
        return "without end" if count >= ENDLESS else f"{count}, no answer"
    return f"{count} time{'s' if count > 1 else ''}, {said[0] if said else 'nothing'}"


print(f"{'':11}{'one answer lost':19}each answer lost")
for name, command in PROGRAMS.items():
    one, each = [ending(*run) for run in [start(command, 1), start(command, 10**6)]]
    print(f"{name:11}{one:19}{each}")
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
