#!/usr/bin/env bash
# etcd 3.7.3: client/v3, with three real members of a cluster. Needs Go 1.26, Python 3.11 and the network.
#
# A client has the addresses of all three members and writes again and again, each time with a context of one second.
# One member, not the leader, freezes, as a machine that is paused or cut off. The cluster goes on with two.
# Expected: the client fails over: a call or two time out, and the next ones go to the members that answer.
# Happens: the client's balancer takes connected members in turn, and a time-out says nothing about a connection. One
#   call in three fails for as long as the member is frozen. DialKeepAliveTime ends it, but is off unless set, and gRPC
#   raises what is shorter to ten seconds: 2 s with a time-out of 1 s take eleven.
# Why it matters: the cluster has its quorum, and each third request fails. Where a zone's packets are lost it goes on
#   until the kernel gives the connection up, a quarter of an hour later. Give each client DialKeepAliveTime.
# Seen, calls that failed, 1 to 9 s and 15 to 35 s after the fault:
#   as it comes                             one in three   one in three
#   DialKeepAliveTime 2 s, time-out 1 s     one in three   none
# shellcheck source=findings/lib.sh
FINDING_LIMIT=900
. "$(dirname "$0")/lib.sh"
need go python3
mkdir "$work/go-program"
cat >"$work/go-program/main.go" <<'GO'
package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func urls(text string) []url.URL {
	parsed, err := url.Parse(text)
	check(err)
	return []url.URL{*parsed}
}

// member runs until it is killed.
func member(name, folder, clients, peers, all string) {
	config := embed.NewConfig()
	config.Name, config.Dir, config.LogLevel, config.InitialCluster = name, folder, "fatal", all
	config.UnsafeNoFsync = true // the disk is not what is measured
	config.ListenClientUrls, config.AdvertiseClientUrls = urls(clients), urls(clients)
	config.ListenPeerUrls, config.AdvertisePeerUrls = urls(peers), urls(peers)
	running, err := embed.StartEtcd(config)
	check(err)
	<-running.Server.ReadyNotify()
	fmt.Println("ready")
	for {
		fmt.Println(running.Server.Leader() == running.Server.MemberID())
		time.Sleep(200 * time.Millisecond)
	}
}

// write says of each call how it ended.
func write(members string, keepAlive bool) {
	config := clientv3.Config{Endpoints: strings.Split(members, ","), Logger: zap.NewNop()}
	if keepAlive {
		config.DialKeepAliveTime, config.DialKeepAliveTimeout = 2*time.Second, time.Second
	}
	client, err := clientv3.New(config)
	check(err)
	for ; ; time.Sleep(100 * time.Millisecond) {
		bounded, end := context.WithTimeout(context.Background(), time.Second)
		_, err := client.Put(bounded, "a", "b")
		end()
		fmt.Println(err == nil)
	}
}

func main() {
	if os.Args[1] == "member" {
		member(os.Args[2], os.Args[3], os.Args[4], os.Args[5], os.Args[6])
	}
	write(os.Args[2], os.Args[1] == "keepalive")
}
GO
(
  cd "$work/go-program"
  go_module go.etcd.io/etcd/server/v3@v3.7.3 1.26
  go get go.etcd.io/etcd/client/v3@v3.7.3 2>/dev/null
  go build -o "$work/etcd" . || fail "cannot build etcd"
)
python3 - >"$work/seen" <<'PY'
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

work = pathlib.Path(os.environ["WORK"])
CLIENTS = {"as it comes": "plain", "DialKeepAliveTime 2 s, time-out 1 s": "keepalive"}


class Program:
    """A program that prints true and false, each with its time."""

    def __init__(self, *command):
        quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        self.process, self.said = subprocess.Popen([work / "etcd", *command], **quiet), []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.said.append((time.monotonic(), line.strip()))

    def failed(self, begin, end):
        calls = [how for at, how in self.said if begin < at < end]
        share = calls.count("false") / len(calls)
        return "none" if not share else "one in three" if 0.2 < share < 0.45 else f"{share:.0%}"


def free_urls(count):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    found = [f"http://127.0.0.1:{each.getsockname()[1]}" for each in held]
    for each in held:
        each.close()
    return found


clients, peers = free_urls(3), free_urls(3)
everyone = ",".join(f"m{index}={url}" for index, url in enumerate(peers))
running = []
try:
    for index in range(3):
        place = str(work / f"member-{index}"), clients[index], peers[index]
        running.append(Program("member", f"m{index}", *place, everyone))
    members = list(running)
    end = time.monotonic() + 30
    while time.monotonic() < end and not all(len(member.said) > 5 for member in members):
        time.sleep(0.2)
    writers = {name: Program(kind, ",".join(clients)) for name, kind in CLIENTS.items()}
    running += writers.values()
    time.sleep(5)
    followers = [member for member in members if member.said and member.said[-1][1] == "false"]
    if len(followers) != 2:
        sys.exit("no leader")
    fault = time.monotonic()
    followers[0].process.send_signal(signal.SIGSTOP)
    time.sleep(36)
    for name, writer in writers.items():
        early, late = writer.failed(fault + 1, fault + 9), writer.failed(fault + 15, fault + 35)
        print(f"{name:40}{early:15}{late}")
finally:
    for each in running:
        each.process.kill()
        each.process.wait()
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
