#!/usr/bin/env bash
# asyncpg 0.32.0, psycopg 3.3.9 with its libpq (Python), pgx 5.13.0 (Go) and pgjdbc 42.7.14 (Java). Needs Go 1.25,
# Java 17 with Maven, Python 3.11 and the network.
#
# A client is given two hosts of PostgreSQL and a time-out for connecting: 2 seconds, asyncpg and pgjdbc 6. The second
# host is well. The first refuses connections, is starting up (57P03), has no connection left (53300), ends each
# connection at once, as a proxy before a dead database does, or accepts and says nothing, as a frozen machine does.
# Expected: each client goes on to the second host, whatever is wrong with the first, as libpq does.
# Happens: asyncpg goes on after a refusal and while the first starts up. The others end its call: its time-out is one
#   for all hosts, and the frozen one takes all of it. pgjdbc waits for ever for a frozen first host: connectTimeout is
#   over when TCP is up, and socketTimeout, which helps, bounds each query as well.
# Why it matters: the list of hosts is the failover. It works in the test that stops the first database, and not when
#   its machine freezes, its pooler outlives it, or clients that come back have taken all its connections.
# Seen:
#            refuses   starts    full      ends      frozen
#   asyncpg  second    second    error     error     error
#   psycopg  second    second    second    second    second
#   pgx      second    second    second    second    second
#   pgjdbc   second    second    second    second    waits
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
need go java mvn
packages asyncpg==0.32.0 "psycopg[binary]==3.3.9"
mkdir "$work/go-program" "$work/java"
cat >"$work/asyncpg_program.py" <<'PY'
import asyncio
import sys

import asyncpg


async def main():
    ports = [int(port) for port in sys.argv[1:]]
    place = {"host": ["127.0.0.1"] * 2, "port": ports, "user": "a", "database": "a", "ssl": False}
    connection = await asyncpg.connect(**place, timeout=6)
    print(await connection.fetchval("select 1"))


asyncio.run(main())
PY
cat >"$work/psycopg_program.py" <<'PY'
import sys

import psycopg

place = f"host=127.0.0.1,127.0.0.1 port={','.join(sys.argv[1:])} user=a dbname=a connect_timeout=2"
with psycopg.connect(place + " sslmode=disable gssencmode=disable") as connection:
    print(connection.execute("select 1").fetchone()[0])
PY
cat >"$work/go-program/main.go" <<'GO'
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5"
)

func main() {
	background := context.Background()
	place := "host=127.0.0.1,127.0.0.1 port=" + os.Args[1] + "," + os.Args[2] + " user=a dbname=a connect_timeout=2"
	connection, err := pgx.Connect(background, place+" sslmode=disable default_query_exec_mode=simple_protocol")
	if err != nil {
		panic(err)
	}
	var name string
	if err := connection.QueryRow(background, "select 1").Scan(&name); err != nil {
		panic(err)
	}
	fmt.Println(name)
}
GO
cat >"$work/java/Program.java" <<'JAVA'
import java.sql.DriverManager;

public class Program {
    public static void main(String[] of) throws Exception {
        var hosts = "127.0.0.1:" + of[0] + ",127.0.0.1:" + of[1];
        var more = "?sslmode=disable&preferQueryMode=simple&connectTimeout=6";
        try (var connection = DriverManager.getConnection("jdbc:postgresql://" + hosts + "/a" + more, "a", "a");
             var rows = connection.createStatement().executeQuery("select 1")) {
            rows.next();
            System.out.println(rows.getString(1));
        }
    }
}
JAVA
(
  cd "$work/go-program"
  go_module github.com/jackc/pgx/v5@v5.13.0 1.25
  go build -o "$work/go-client" .
  jars "$work/java" org.postgresql:postgresql:42.7.14
  cd "$work/java"
  javac Program.java
)
python - >"$work/seen" <<'PY'
import os
import pathlib
import subprocess
import sys

from fake_postgres import Postgres

work = pathlib.Path(os.environ["WORK"])
PROGRAMS = {
    "asyncpg": [sys.executable, work / "asyncpg_program.py"],
    "psycopg": [sys.executable, work / "psycopg_program.py"],
    "pgx": [work / "go-client"],
    "pgjdbc": ["java", "-cp", f"{work}/java:{work}/java/lib/*", "Program"],
}
FIRSTS = {"refuses": "", "starts": "57P03", "full": "53300", "ends": "closes", "frozen": "silent"}
second = Postgres("second")


def start(command, refusal):
    first = Postgres("first", refusal)
    if not refusal:
        first.stop()
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    return subprocess.Popen([*command, str(first.port), str(second.port)], **quiet)


def ending(process):
    try:
        return process.communicate(timeout=25)[0].strip() or "error"
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return "waits"


print(f"{'':9}" + "".join(f"{how:10}" for how in FIRSTS).rstrip())
for name, command in PROGRAMS.items():
    processes = [start(command, refusal) for refusal in FIRSTS.values()]
    print(f"{name:9}" + "".join(f"{ending(process):10}" for process in processes).rstrip())
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
