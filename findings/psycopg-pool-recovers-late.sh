#!/usr/bin/env bash
# psycopg-pool 3.3.3 (PyPI, with psycopg 3.3.9); asyncpg 0.32.0, pg 8.23.1 (npm) and pgxpool 5.13.0 (Go) for
# comparison. Needs Go 1.26, Python 3.11, Node 20 with npm, and the network.
#
# A database is away for 36 seconds, its port closed. Programs with a pool of two connections ask it five times a
# second, before, during and after this time, and wait a second at most for a connection.
# Expected: the first request after the database's return gets a connection, as at the other three.
# Happens: psycopg's pool connects only in the background, at intervals that double without an upper bound until
#   reconnect_timeout (five minutes). Requests wait for that and fail, and do not make it try. After an outage of 36 s
#   it fails for 20 to 33 s more; in general for up to as long again as the outage was, or two minutes. A larger
#   max_size, or min_size=0, changes little.
# Why it matters: the database has failed over, other services are back, and this one's outage doubles. Set
#   reconnect_timeout to some seconds: then the pool gives up, and the next request makes it connect.
# Seen, from the database's return to the first answer:
#   psycopg-pool                         more than 15 s
#   psycopg-pool, reconnect_timeout=3    less than 5 s
#   asyncpg                              less than 5 s
#   pg                                   less than 5 s
#   pgxpool                              less than 5 s
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
need go node npm
packages "psycopg[binary]==3.3.9" psycopg-pool==3.3.3 asyncpg==0.32.0
mkdir "$work/go-program" "$work/node"
cat >"$work/psycopg_program.py" <<'PY'
import logging
import sys
import time

from psycopg_pool import ConnectionPool

logging.disable()
place = f"host=127.0.0.1 port={sys.argv[1]} user=a dbname=a sslmode=disable gssencmode=disable"
more = {"reconnect_timeout": float(sys.argv[2])} if len(sys.argv) > 2 else {}
pool = ConnectionPool(place, min_size=2, max_size=2, timeout=1, open=True, **more)
while True:
    try:
        with pool.connection() as connection:
            connection.execute("select 1")
        print("answered", flush=True)
    except Exception as error:
        print("failed", error, flush=True)
    time.sleep(0.2)
PY
cat >"$work/asyncpg_program.py" <<'PY'
import asyncio
import sys

import asyncpg


async def main():
    place = {"host": "127.0.0.1", "port": int(sys.argv[1]), "user": "a", "database": "a", "ssl": False}
    pool = await asyncpg.create_pool(**place, min_size=2, max_size=2, timeout=1)
    while True:
        try:
            async with pool.acquire(timeout=1) as connection:
                await connection.fetchval("select 1")
            print("answered", flush=True)
        except Exception as error:
            print("failed", error, flush=True)
        await asyncio.sleep(0.2)


asyncio.run(main())
PY
cat >"$work/node/program.js" <<'JS'
const { Pool } = require("pg");

const place = { host: "127.0.0.1", port: Number(process.argv[2]), user: "a", database: "a" };
const pool = new Pool({ ...place, max: 2, connectionTimeoutMillis: 1000 });
pool.on("error", () => {});
const ask = () =>
  pool
    .query("select 1")
    .then(() => console.log("answered"), (error) => console.log("failed", error.message))
    .then(() => setTimeout(ask, 200));
ask();
JS
cat >"$work/go-program/main.go" <<'GO'
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

func main() {
	background := context.Background()
	place := "host=127.0.0.1 port=" + os.Args[1] + " user=a dbname=a sslmode=disable pool_max_conns=2 pool_min_conns=2"
	pool, err := pgxpool.New(background, place+" default_query_exec_mode=simple_protocol")
	if err != nil {
		panic(err)
	}
	for {
		bounded, end := context.WithTimeout(background, time.Second)
		var text string
		if err := pool.QueryRow(bounded, "select 1").Scan(&text); err != nil {
			fmt.Println("failed", err)
		} else {
			fmt.Println("answered")
		}
		end()
		time.Sleep(200 * time.Millisecond)
	}
}
GO
(
  cd "$work/go-program"
  go_module github.com/jackc/pgx/v5/pgxpool@v5.13.0 1.25
  go build -o "$work/go-client" .
  cd "$work/node"
  npm install --silent --no-audit --no-fund pg@8.23.1
)
python - >"$work/seen" <<'PY'
import os
import pathlib
import subprocess
import sys
import threading
import time

from fake_postgres import Postgres
from lab import claim

work = pathlib.Path(os.environ["WORK"])
database = Postgres("database")
PROGRAMS = {
    "psycopg-pool": [sys.executable, work / "psycopg_program.py", str(database.port)],
    "psycopg-pool, reconnect_timeout=3": [sys.executable, work / "psycopg_program.py", str(database.port), "3"],
    "asyncpg": [sys.executable, work / "asyncpg_program.py", str(database.port)],
    "pg": ["node", work / "node" / "program.js", str(database.port)],
    "pgxpool": [work / "go-client", str(database.port)],
}


class Program:
    """A program that says how each of its requests ended, and when."""

    def __init__(self, command):
        self.said = []
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.said.append((time.monotonic(), line.split()[0]))

    def answered_after(self, when):
        return next((at - when for at, how in self.said if how == "answered" and at > when), None)

    def failed_between(self, begin, end):
        return any(how == "failed" and begin < at < end for at, how in self.said)


begin = time.monotonic()
programs = {name: Program(command) for name, command in PROGRAMS.items()}
while any(program.answered_after(begin) is None for program in programs.values()):
    claim(time.monotonic() < begin + 30, "a program gets no answer at first")
    time.sleep(0.2)
gone = time.monotonic()
database.stop()
time.sleep(36)
back = time.monotonic()
database.start()
while time.monotonic() < back + 45 and any(program.answered_after(back) is None for program in programs.values()):
    time.sleep(0.2)
for name, program in programs.items():
    claim(program.failed_between(gone, back), f"{name} does not hear of the outage")
    took = program.answered_after(back) or 60
    text = "less than 5 s" if took < 5 else "more than 15 s" if took > 15 else f"{took:.0f} s"
    print(f"{name:37}{text}")
    program.process.kill()
    program.process.wait()
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
