#!/usr/bin/env bash
# OpenTelemetry's exporters of traces over HTTP: Go (otlptracehttp v1.47.0), Python (PyPI
# opentelemetry-exporter-otlp-proto-http 1.45.2), Node (npm @opentelemetry/exporter-trace-otlp-proto 0.223.1). Needs
# Go 1.26, Python 3.11, Node 20 with npm, and the network.
#
# The collector is away for the first three seconds: it answers 503, ends each connection without an answer, or its port
# is closed. A program ends one span in this time and one after it, and shuts its SDK down in order.
# Expected: both spans arrive. Retries are on without any setting, Go's for up to a minute.
# Happens: Go retries an answer of 503 alone. A closed port, or a connection that ends, loses the batch at once. Python
#   and Node retry all three.
# Why it matters: the spans of a failover are lost just where the collector failed over too, and a restarted collector
#   is a closed port, not a 503. For Go put a proxy that answers 503, or an agent on the node, before the collector.
# Seen:
#            503          connection ends   port closed
#   Go       both spans   1 of 2 spans      1 of 2 spans
#   Python   both spans   both spans        both spans
#   Node     both spans   both spans        both spans
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
need go node npm
packages opentelemetry-exporter-otlp-proto-http==1.45.2 opentelemetry-sdk==1.45.2
mkdir "$work/go-program" "$work/node"
cat >"$work/go-program/main.go" <<'GO'
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/trace"
)

func main() {
	background := context.Background()
	exporter, err := otlptracehttp.New(background, otlptracehttp.WithEndpointURL(os.Args[1]))
	if err != nil {
		panic(err)
	}
	provider := trace.NewTracerProvider(trace.WithBatcher(exporter, trace.WithBatchTimeout(500*time.Millisecond)))
	tracer := provider.Tracer("finding")
	for _, name := range []string{"span-in-outage", "span-after-it"} {
		_, span := tracer.Start(background, name)
		span.End()
		if name == "span-in-outage" {
			fmt.Println(name)
			time.Sleep(12 * time.Second)
		}
	}
	provider.Shutdown(background)
}
GO
cat >"$work/program.py" <<'PY'
import sys
import time

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider()
exporter = OTLPSpanExporter(endpoint=sys.argv[1])
provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=500))
tracer = provider.get_tracer("finding")
tracer.start_span("span-in-outage").end()
print("ended", flush=True)
time.sleep(12)
tracer.start_span("span-after-it").end()
provider.shutdown()
PY
cat >"$work/node/program.js" <<'JS'
const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-proto");
const { BasicTracerProvider, BatchSpanProcessor } = require("@opentelemetry/sdk-trace-base");

const exporter = new OTLPTraceExporter({ url: process.argv[2] });
const spanProcessors = [new BatchSpanProcessor(exporter, { scheduledDelayMillis: 500 })];
const provider = new BasicTracerProvider({ spanProcessors });
const tracer = provider.getTracer("finding");
tracer.startSpan("span-in-outage").end();
console.log("ended");
setTimeout(() => {
  tracer.startSpan("span-after-it").end();
  provider.shutdown();
}, 12000);
JS
(
  cd "$work/go-program"
  go_module go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp@v1.47.0 1.26
  go get go.opentelemetry.io/otel/sdk@v1.47.0 2>/dev/null
  go build -o "$work/go-client" .
  cd "$work/node"
  npm install --silent --no-audit --no-fund @opentelemetry/exporter-trace-otlp-proto@0.223.1 \
    @opentelemetry/sdk-trace-base@2.12.1 @opentelemetry/api@1.9.0
)
python - >"$work/seen" <<'PY'
import os
import pathlib
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

work = pathlib.Path(os.environ["WORK"])
AWAY = 3
PROGRAMS = {
    "Go": [work / "go-client"],
    "Python": [sys.executable, work / "program.py"],
    "Node": ["node", work / "node" / "program.js"],
}
OUTAGES = "503", "connection ends", "port closed"


class Collector:
    """Receive traces; it is away until some time after it is first asked, or until its port is opened."""

    def __init__(self, outage):
        self.outage, self.spans, self.back = outage, set(), None
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.body()
                collector.back = collector.back or time.monotonic() + AWAY
                away = outage != "port closed" and time.monotonic() < collector.back
                if away and outage == "connection ends":
                    self.close_connection = True
                    return
                if not away:
                    collector.spans |= {name for name in (b"span-in-outage", b"span-after-it") if name in body}
                self.send_response(503 if away else 200)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", "0")
                self.end_headers()

            def body(self):
                if self.headers["content-length"]:
                    return self.rfile.read(int(self.headers["content-length"]))
                body = b""
                while size := int(self.rfile.readline(), 16):  # Node's is chunked
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
        server.daemon_threads = True
        server.server_bind()
        self.url = f"http://127.0.0.1:{server.server_address[1]}/v1/traces"

        self.server = server
        if outage != "port closed":
            self.serve()

    def serve(self):
        self.server.server_activate()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def start(outage, command):
    collector = Collector(outage)
    told = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([*command, collector.url], **told)
    if outage == "port closed":

        def serve_later():
            process.stdout.readline()  # its first span has ended
            time.sleep(AWAY)
            collector.serve()

        threading.Thread(target=serve_later, daemon=True).start()
    return collector, process


print(f"{'':9}{'503':13}{'connection ends':18}port closed")
runs = {name: [start(outage, command) for outage in OUTAGES] for name, command in PROGRAMS.items()}
for name, of in runs.items():
    cells = []
    for collector, process in of:
        process.wait(100)
        spans = len(collector.spans)
        cells.append("both spans" if spans == 2 else f"{spans} of 2 spans")
    print(f"{name:9}{cells[0]:13}{cells[1]:18}{cells[2]}")
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
