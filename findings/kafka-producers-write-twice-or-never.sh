#!/usr/bin/env bash
# Producers for Kafka, each as it comes. Java: kafka-clients 4.4.0. Go: franz-go 1.22.3, sarama 1.61.1, kafka-go 0.4.51.
# Python: kafka-python 3.0.12, confluent-kafka 2.16.1 (librdkafka), aiokafka 0.14.0. Node: kafkajs 2.2.4. The broker is
# franz-go's kfake. Needs Go 1.26, Java 17 with Maven, Python 3.11, Node 20 with npm, and the network.
#
# A producer sends "one" to a partition, and "two" 20 ms later, when the first is under way. A failover has left the
# partition one replica too few for a moment. The broker refuses the first request (NOT_ENOUGH_REPLICAS), or writes it
# and says so afterwards (NOT_ENOUGH_REPLICAS_AFTER_APPEND). Both errors are to be retried.
# Expected: the topic has one, two. Since Kafka 3.0 a producer is idempotent and waits for all replicas by default.
# Happens: so do Java, franz-go and kafka-python 3. librdkafka and kafkajs write twice, and turn the order round within
#   the partition. sarama and aiokafka write twice, and wait for the leader alone, so that its death loses what they
#   reported as sent. kafka-go waits for nobody and hears of no error: it loses the message and reports success.
# Why it matters: services in several languages write to one topic, and a failover of brokers does something else to
#   each. Set enable.idempotence (librdkafka, aiokafka), idempotent with maxInFlightRequests 1 (kafkajs),
#   Producer.Idempotent with its conditions (sarama), RequiredAcks (kafka-go).
# Seen, the acks asked for (-1: all) and what the topic has:
#                     acks   refused    written, then an error
#   kafka-clients     -1     one two    one two
#   franz-go          -1     one two    one two
#   kafka-python      -1     one two    one two
#   confluent-kafka   -1     two one    one two one
#   kafkajs           -1     two one    one two one
#   sarama            1      one two    one one two
#   aiokafka          1      one two    one one two
#   kafka-go          0      two        one two
# shellcheck source=findings/lib.sh
FINDING_LIMIT=600
. "$(dirname "$0")/lib.sh"
need go java mvn node npm
packages kafka-python==3.0.12 confluent-kafka==2.16.1 aiokafka==0.14.0
mkdir "$work/go-program" "$work/java" "$work/node"
cat >"$work/go-program/main.go" <<'GO'
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var (
	background = context.Background()
	words      = []string{"one", "two"}
)

// broker fails the first produce request, after or before it wrote it, and says what the topic has in the end.
func broker(fault string) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"))
	check(err)
	var first atomic.Bool
	var acks atomic.Int32
	cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		acks.Store(int32(request.(*kmsg.ProduceRequest).Acks))
		if first.CompareAndSwap(false, true) {
			cluster.SleepControl(func() { time.Sleep(time.Second) })
		}
		return nil, nil, false
	})
	how := map[string]*kerr.Error{"written": kerr.NotEnoughReplicasAfterAppend, "refused": kerr.NotEnoughReplicas}
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: how[fault], Count: 1})
	fmt.Println(cluster.ListenAddrs()[0])
	bufio.NewReader(os.Stdin).ReadString('\n')
	reader, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics("t"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	check(err)
	bounded, end := context.WithTimeout(background, 2*time.Second)
	defer end()
	var log []string
	for bounded.Err() == nil {
		reader.PollFetches(bounded).EachRecord(func(record *kgo.Record) { log = append(log, string(record.Value)) })
	}
	fmt.Println(acks.Load(), strings.Join(log, " "))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	var all sync.WaitGroup
	place := os.Args[2]
	switch os.Args[1] {
	case "broker":
		broker(place)
	case "franz-go":
		client, err := kgo.NewClient(kgo.SeedBrokers(place))
		check(err)
		for _, word := range words {
			all.Add(1)
			client.Produce(background, &kgo.Record{Topic: "t", Value: []byte(word)}, func(_ *kgo.Record, err error) {
				check(err)
				all.Done()
			})
			time.Sleep(20 * time.Millisecond)
		}
	case "sarama":
		config := sarama.NewConfig()
		config.Producer.Return.Successes = true
		client, err := sarama.NewAsyncProducer([]string{place}, config)
		check(err)
		for _, word := range words {
			client.Input() <- &sarama.ProducerMessage{Topic: "t", Value: sarama.StringEncoder(word)}
			time.Sleep(20 * time.Millisecond)
		}
		for range words {
			select {
			case <-client.Successes():
			case err := <-client.Errors():
				panic(err)
			}
		}
	case "kafka-go":
		client := &kafka.Writer{Addr: kafka.TCP(place), Topic: "t", BatchTimeout: time.Millisecond}
		for _, word := range words {
			all.Go(func() { check(client.WriteMessages(background, kafka.Message{Value: []byte(word)})) })
			time.Sleep(20 * time.Millisecond)
		}
	}
	all.Wait()
}
GO
cat >"$work/java/Program.java" <<'JAVA'
import java.util.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.StringSerializer;

public class Program {
    public static void main(String[] of) throws Exception {
        var settings = new HashMap<String, Object>(Map.of("bootstrap.servers", of[0]));
        var sent = new ArrayList<java.util.concurrent.Future<RecordMetadata>>();
        try (var client = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            for (var word : List.of("one", "two")) {
                sent.add(client.send(new ProducerRecord<>("t", word)));
                Thread.sleep(20);
            }
            for (var each : sent) {
                each.get();
            }
        }
    }
}
JAVA
cat >"$work/program.py" <<'PY'
import asyncio
import sys
import time

from aiokafka import AIOKafkaProducer
from confluent_kafka import Producer
from kafka import KafkaProducer

WORDS = b"one", b"two"
kind, place = sys.argv[1:]


async def with_aiokafka():
    client = AIOKafkaProducer(bootstrap_servers=place)
    await client.start()
    sent = []
    for word in WORDS:
        sent.append(await client.send("t", word))
        await asyncio.sleep(0.02)
    await asyncio.gather(*sent)
    await client.stop()


def with_kafka_python():
    client = KafkaProducer(bootstrap_servers=place)
    sent = []
    for word in WORDS:
        sent.append(client.send("t", word))
        time.sleep(0.02)
    for each in sent:
        each.get(timeout=30)


def with_confluent_kafka():
    client, failed = Producer({"bootstrap.servers": place}), []
    for word in WORDS:
        client.produce("t", word, on_delivery=lambda error, _: error and failed.append(error))
        client.poll(0.02)
    assert not client.flush(30) and not failed


if kind == "aiokafka":
    asyncio.run(with_aiokafka())
elif kind == "kafka-python":
    with_kafka_python()
else:
    with_confluent_kafka()
PY
cat >"$work/node/program.js" <<'JS'
const { Kafka, logLevel } = require("kafkajs");

(async () => {
  const client = new Kafka({ brokers: [process.argv[2]], logLevel: logLevel.NOTHING }).producer();
  await client.connect();
  const sent = [];
  for (const value of ["one", "two"]) {
    sent.push(client.send({ topic: "t", messages: [{ value }] }));
    await new Promise((done) => setTimeout(done, 20));
  }
  await Promise.all(sent);
  await client.disconnect();
})();
JS
(
  cd "$work/go-program"
  go_module github.com/twmb/franz-go/pkg/kfake@v0.0.0-20260918054303-01f206a7e32c 1.26
  go get github.com/twmb/franz-go@v1.22.3 github.com/IBM/sarama@v1.61.1 github.com/segmentio/kafka-go@v0.4.51 2>/dev/null
  go build -o "$work/go-client" .
  jars "$work/java" org.apache.kafka:kafka-clients:4.4.0
  cd "$work/java"
  javac -cp 'lib/*' Program.java
  cd "$work/node"
  npm install --silent --no-audit --no-fund kafkajs@2.2.4
)
python - >"$work/seen" <<'PY'
import os
import pathlib
import subprocess
import sys

from lab import claim

work = pathlib.Path(os.environ["WORK"])
PROGRAMS = {
    "kafka-clients": ["java", "-cp", f"{work}/java:{work}/java/lib/*", "Program"],
    "franz-go": [work / "go-client", "franz-go"],
    "kafka-python": [sys.executable, work / "program.py", "kafka-python"],
    "confluent-kafka": [sys.executable, work / "program.py", "confluent-kafka"],
    "kafkajs": ["node", work / "node" / "program.js"],
    "sarama": [work / "go-client", "sarama"],
    "aiokafka": [sys.executable, work / "program.py", "aiokafka"],
    "kafka-go": [work / "go-client", "kafka-go"],
}


def log(name, fault):
    """Return the acks that a producer asks for, and what the topic has when it has reported success."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    broker = subprocess.Popen([work / "go-client", "broker", fault], **pipes)
    place = broker.stdout.readline().strip()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    code = subprocess.run([*PROGRAMS[name], place], timeout=60, **quiet).returncode
    claim(code == 0, f"{name} reports an error")
    return broker.communicate("\n")[0].strip().split(maxsplit=1)


print(f"{'':18}acks   refused    written, then an error")
for name in PROGRAMS:
    (acks, refused), (_, written) = log(name, "refused"), log(name, "written")
    print(f"{name:18}{acks:7}{refused:11}{written}")
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
