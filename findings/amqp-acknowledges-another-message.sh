#!/usr/bin/env bash
# amqp091-go v1.16.0 (Go, RabbitMQ's own), amqp-connection-manager 5.0.0 with amqplib 2.0.1, rabbitmq-client 5.0.8 and
# @cloudamqp/amqp-client 4.1.1 (npm), aio-pika 10.2.1 (PyPI), amqp-client 5.37.1 (Java). Needs Go 1.25, JDK 17, Maven,
# Node 20 with npm, Python 3.11 and the network.
#
# A consumer with prefetch 2 has acknowledged m1 and works on m2 and m3 when its connection to RabbitMQ is cut. Its
# client reconnects by itself, and RabbitMQ delivers m2 and m3 again. The first handler of m2 ends, and acknowledges
# its message. Then the consumer is killed, while its other handlers are still at work.
# Expected: an acknowledgement of the old connection is an error, or ignored. m2 and m3 go to the next consumer.
# Happens: with amqp091-go's recovery (new in v1.13.0) and with amqp-connection-manager m3 is gone. Delivery tags
#   begin at 1 on each connection: the old tag of m2, 2, is the new one of m3. Both clients send it. Others refuse or
#   ignore it. rabbitmq-client does not consume again before each of its old handlers has ended. RabbitMQ is played by
#   fake_rabbitmq.py; a real RabbitMQ 3.10.8 lost m3 alike.
# Why it matters: a failover of the broker loses messages that nobody has processed, of a durable queue with manual
#   acknowledgements, and nothing is logged. RabbitMQ answers an old tag that is not in use by an error (406); then
#   channel or connection begin anew, and all messages in work are delivered again. With amqp-connection-manager,
#   consume and acknowledge in `setup`, on the channel that it gets: m3 is kept. With amqp091-go, leave Recovery out.
# Seen:
#                             delivered again      m3 after the consumer's end
#   amqp091-go, recovery      yes                  lost
#   amqp-connection-manager   yes                  lost
#   amqplib, recovery         yes                  kept
#   @cloudamqp/amqp-client    yes                  kept
#   rabbitmq-client           not within 10 s      kept
#   aio-pika                  yes                  kept
#   amqp-client (Java)        yes                  kept
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
need go java javac mvn node npm
packages aio-pika==10.2.1
mkdir "$work/go-program" "$work/java" "$work/node"
cat >"$work/go-program/main.go" <<'GO'
package main

import (
	"bufio"
	"os"
	"regexp"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"
)

var slow = regexp.MustCompile("m[23]")

// check panics: a consumer that cannot consume is a broken measurement.
func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	var waiting sync.Map
	recovery := &amqp.ReconnectionConfig{MaxRetryCount: 100, RetryInterval: 200000000}
	connection, err := amqp.DialConfig(os.Args[1], amqp.Config{Recovery: &amqp.Recovery{ReconnectionConfig: recovery}})
	check(err)
	channel, err := connection.Channel()
	check(err)
	check(channel.Qos(2, 0, false))
	messages, err := channel.Consume("work", "", false, false, false, false, nil)
	check(err)
	go func() {
		for message := range messages {
			go func() {
				if name := string(message.Body); slow.MatchString(name) {
					end := make(chan bool)
					waiting.LoadOrStore(name, end)
					<-end
				}
				message.Ack(false)
			}()
		}
	}()
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if end, found := waiting.Load(lines.Text()); found {
			close(end.(chan bool))
		}
	}
}
GO
cat >"$work/node/work.js" <<'JS'
const waiting = new Map();
const lines = require("node:readline").createInterface({ input: process.stdin });
lines.on("line", (line) => waiting.get(line)());
exports.work = async (name) => {
  if (!["m2", "m3"].includes(name)) return;
  await new Promise((done) => waiting.has(name) || waiting.set(name, done));
};
JS
cat >"$work/node/manager.js" <<'JS'
const { work } = require("./work.js");

const connection = require("amqp-connection-manager").connect([process.argv[2]], { reconnectTimeInSeconds: 1 });
const channel = connection.createChannel({});
const handle = (message) => work(message.content.toString()).then(() => channel.ack(message));
channel.consume("work", handle, { prefetch: 2 });
JS
cat >"$work/node/amqplib.js" <<'JS'
const { work } = require("./work.js");

const setup = async (connection) => {
  const channel = await connection.createChannel();
  const handle = (message) => work(message.content.toString()).then(() => channel.ack(message));
  await channel.prefetch(2);
  await channel.consume("work", (message) => handle(message).catch(() => {}));
};
const connected = require("amqplib").connect(process.argv[2], { recovery: { initialDelay: 200, setup } });
connected.then((connection) => connection.on("error", () => {}));
JS
cat >"$work/node/cloudamqp.mjs" <<'JS'
import { AMQPSession } from "@cloudamqp/amqp-client";
import { work } from "./work.js";

const session = await AMQPSession.connect(process.argv[2], { reconnectInterval: 200 });
const queue = await session.queue("work");
const handle = (message) => work(message.bodyString()).then(() => message.ack());
await queue.subscribe({ noAck: false, prefetch: 2 }, (message) => handle(message).catch(() => {}));
JS
cat >"$work/node/rabbitmq.js" <<'JS'
const { Connection } = require("rabbitmq-client");
const { work } = require("./work.js");

const connection = new Connection({ url: process.argv[2], retryLow: 200 });
const options = { queue: "work", qos: { prefetchCount: 2 } };
const consumer = connection.createConsumer(options, (message) => work(message.body.toString()));
for (const each of [connection, consumer]) each.on("error", () => {});
JS
cat >"$work/program.py" <<'PY'
import asyncio
import sys

import aio_pika

waiting = {}


async def handle(message):
    async with message.process():
        name = message.body.decode()
        if name in ("m2", "m3"):
            end = asyncio.Event()
            waiting.setdefault(name, end)
            await end.wait()


async def main():
    connection = await aio_pika.connect_robust(sys.argv[1], reconnect_interval=0.2)
    channel = await connection.channel()
    await channel.set_qos(prefetch_count=2)
    queue = await channel.get_queue("work")
    await queue.consume(handle)
    while line := await asyncio.to_thread(sys.stdin.readline):
        waiting[line.strip()].set()


asyncio.run(main())
PY
cat >"$work/java/Consumer.java" <<'JAVA'
import com.rabbitmq.client.ConnectionFactory;
import java.util.Scanner;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;

public class Consumer {
    public static void main(String[] of) throws Exception {
        var waiting = new ConcurrentHashMap<String, CountDownLatch>();
        var threads = Executors.newCachedThreadPool();
        var factory = new ConnectionFactory();
        factory.setUri(of[0]);
        factory.setNetworkRecoveryInterval(200);
        var channel = factory.newConnection().createChannel();
        channel.basicQos(2);
        channel.basicConsume("work", false, (tag, message) -> threads.submit(() -> {
            var name = new String(message.getBody());
            if (name.matches("m[23]")) {
                var end = new CountDownLatch(1);
                waiting.putIfAbsent(name, end);
                end.await();
            }
            channel.basicAck(message.getEnvelope().getDeliveryTag(), false);
            return null;
        }), tag -> {});
        for (var lines = new Scanner(System.in); lines.hasNextLine();) {
            waiting.get(lines.nextLine()).countDown();
        }
        System.exit(0);
    }
}
JAVA
(
  cd "$work/go-program"
  go_module github.com/rabbitmq/amqp091-go@v1.16.0 1.25
  go build -o "$work/go-client" .
  cd "$work/node"
  npm install --silent --no-audit --no-fund amqp-connection-manager@5.0.0 amqplib@2.0.1 rabbitmq-client@5.0.8 \
    @cloudamqp/amqp-client@4.1.1
  jars "$work/java" com.rabbitmq:amqp-client:5.37.1
  cd "$work/java"
  javac -cp 'lib/*' Consumer.java
)
python - >"$work/seen" <<'PY'
import os
import pathlib
import subprocess
import sys
import time

from fake_rabbitmq import RabbitMQ
from lab import claim

work = pathlib.Path(os.environ["WORK"])
CLIENTS = {
    "amqp091-go, recovery": [work / "go-client"],
    "amqp-connection-manager": ["node", work / "node" / "manager.js"],
    "amqplib, recovery": ["node", work / "node" / "amqplib.js"],
    "@cloudamqp/amqp-client": ["node", work / "node" / "cloudamqp.mjs"],
    "rabbitmq-client": ["node", work / "node" / "rabbitmq.js"],
    "aio-pika": [sys.executable, work / "program.py"],
    "amqp-client (Java)": ["java", "-cp", f"{work}/java:{work}/java/lib/*", "Consumer"],
}


def within(seconds, is_so):
    end = time.monotonic() + seconds
    while not is_so() and time.monotonic() < end:
        time.sleep(0.05)
    return is_so()


print(f"{'':26}{'delivered again':21}m3 after the consumer's end")
for name, command in CLIENTS.items():
    broker = RabbitMQ("m1", "m2", "m3", "m4")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    command = [*command, f"amqp://guest:guest@127.0.0.1:{broker.port}/"]
    client = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, **quiet)
    at_work = within(30, lambda: broker.acknowledged == ["m1"] and broker.sent == ["m1", "m2", "m3"])
    claim(at_work, f"{name} is sent {broker.sent} and acknowledges {broker.acknowledged}")
    broker.stop()
    broker.start()
    again = within(10, lambda: broker.sent[3:] == ["m2", "m3"])
    time.sleep(0.5)
    client.stdin.write("m2\n")
    client.stdin.flush()
    time.sleep(2)
    client.kill()
    client.wait()
    client.stdin.close()
    within(5, lambda: "m2" in broker.queue)
    claim("m2" in broker.queue, f"m2 is not kept by {name}")
    kept = "kept" if "m3" in broker.queue else "lost" if "m3" in broker.acknowledged else "?"
    print(f"{name:26}{'yes' if again else 'not within 10 s':21}{kept}")
    broker.stop()
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
