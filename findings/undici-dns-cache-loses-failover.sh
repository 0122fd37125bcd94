#!/usr/bin/env bash
# undici 7.30.2 with its interceptors dns() and retry(); cacheable-lookup 7.0.0 for comparison. Needs Linux, Node 20,
# npm, Python 3.11 and the network.
#
# A name has two addresses, always in this order: the primary's, the standby's. Each agent makes eight requests: both
# are well, then the primary refuses connections, then it is silent. connect.timeout is a second; requests are GETs
# where nothing else is said.
# Expected: dns() saves look-ups, as it says. A dead first address still means the second, as without it.
# Happens: dns() sends each request to one address, in turn. Where that is dead the request fails, though the other
#   works, and the cache keeps the address. (On ECONNREFUSED it tries an address of the other family, if it has one.)
#   retry() makes up for it only if it is listed after dns(), the method is idempotent, and the connection refused:
#   it knows no UND_ERR_CONNECT_TIMEOUT.
# Why it matters: one line added for speed turns Happy Eyeballs off. Half of all requests fail in an outage of one of
#   two regions, and half go to the standby before it. A cache in connect.lookup keeps the failover.
# Seen (p: primary, s: standby, x: error):
#                          both well   primary refuses   primary is silent
#   no cache               pppppppp    ssssssss          ssssssss
#   cacheable-lookup       pppppppp    ssssssss          ssssssss
#   dns()                  pspspsps    xsxsxsxs          xsxsxsxs
#   dns(), retry()         pspspsps    ssssssss          xsxsxsxs
#   dns(), retry(), POST   pspspsps    xsxsxsxs          xsxsxsxs
#   retry(), dns()         pspspsps    xsxsxsxs          xsxsxsxs
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
need node npm python3
(cd "$work" && npm install --silent --no-audit --no-fund undici@7.30.2 cacheable-lookup@7.0.0)
cat >"$work/names.cjs" <<'JS'
// A name server for one process: edge.test has two addresses, in this order.
const dns = require("node:dns");
const lookup = dns.lookup;
exports.found = ["127.0.0.2", "127.0.0.3"].map((address) => ({ address, family: 4 }));
dns.lookup = (name, options, done) => {
  if (name !== "edge.test") return lookup(name, options, done);
  const copy = exports.found.map((each) => ({ ...each }));
  process.nextTick(() => (options.all ? done(null, copy) : done(null, copy[0].address, 4)));
};
JS
cat >"$work/client.mjs" <<'JS'
import { found } from "./names.cjs";
import CacheableLookup from "cacheable-lookup";

const { Agent, interceptors, request } = await import("undici");
const { dns, retry } = interceptors;
const agent = (more) => new Agent({ connect: { timeout: 1000, ...more } });
const resolver = {
  resolve4: (name, options, done) => done(null, found.map(({ address }) => ({ address, ttl: 60 }))),
  resolve6: (name, options, done) => done(Object.assign(new Error(), { code: "ENODATA" })),
};
const cache = new CacheableLookup({ resolver });
const again = () => retry({ maxRetries: 3, minTimeout: 10 });
const agents = {
  "no cache": agent(),
  "cacheable-lookup": agent({ lookup: cache.lookup }),
  "dns()": agent().compose([dns()]),
  "dns(), retry()": agent().compose([dns(), again()]),
  "dns(), retry(), POST": agent().compose([dns(), again()]),
  "retry(), dns()": agent().compose([again(), dns()]),
};
for (const [name, dispatcher] of Object.entries(agents)) {
  const seen = [];
  for (let count = 0; count < 8; count += 1) {
    const method = name.endsWith("POST") ? "POST" : "GET";
    const asked = request(`http://edge.test:${process.argv[2]}/`, { dispatcher, method });
    seen.push(await asked.then((answer) => answer.body.text(), () => "x"));
  }
  console.log(`${name}\t${seen.join("")}`);
}
process.exit();
JS
python3 - >"$work/seen" <<'PY'
import os
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PRIMARY, STANDBY = "127.0.0.2", "127.0.0.3"


class Name(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "1")
        self.end_headers()
        self.wfile.write(b"p" if self.server.server_address[0] == PRIMARY else b"s")

    do_POST = do_GET

    def log_message(self, format, *args):
        """Write no access log."""


standby = ThreadingHTTPServer((STANDBY, 0), Name)
port = standby.server_port
threading.Thread(target=standby.serve_forever, daemon=True).start()


def ask():
    """Return each client's answers."""
    command = ["node", os.environ["WORK"] + "/client.mjs", str(port)]
    return dict(line.split("\t") for line in subprocess.check_output(command, text=True).splitlines())


refused = ask()
# A primary that does not answer: its queue holds one connection, so each further SYN is lost.
silent = socket.create_server((PRIMARY, port), backlog=0)
filler = socket.create_connection((PRIMARY, port))
lost = ask()
filler.close()
silent.close()
primary = ThreadingHTTPServer((PRIMARY, port), Name)
threading.Thread(target=primary.serve_forever, daemon=True).start()
well = ask()
print(f"{'':23}both well   primary refuses   primary is silent")
for name in refused:
    print(f"{name:23}{well[name]:12}{refused[name]:18}{lost[name]}")
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
