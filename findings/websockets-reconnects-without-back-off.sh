#!/usr/bin/env bash
# websockets 17.4 and websocket-client 1.9.2 (Python); reconnecting-websocket 4.4.0 and partysocket 1.3.0 with ws
# 8.23.0 (Node). Needs Python 3.11, Node 20 with npm, and the network.
#
# A client keeps a WebSocket by the loop that websockets documents for it, "async for connection in connect(...)", or
# by a library that reconnects. For 12 s the service answers 503; or it accepts each connection and closes it with
# 1013, "try again later", as a gateway does whose own backends are gone.
# Expected: exponential back-off, which websockets has, either way.
# Happens: websockets backs off for the 503 alone. A handshake that succeeds resets its delay, and after it websockets
#   connects again at once: hundreds of handshakes a second from each client, for as long as it lasts. The others wait
#   before each try, whatever the last one came to.
# Why it matters: a region that can accept and not serve gets, in place of each quiet stream, hundreds of handshakes a
#   second. Sleep in the loop's body after ConnectionClosed, or let the gateway answer 503.
# Seen:
#                            503        accepted, closed with 1013
#   websockets               few        over 50 a second
#   websocket-client         few        few
#   reconnecting-websocket   few        few
#   partysocket              few        few
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
need node npm
packages websockets==17.4 websocket-client==1.9.2
mkdir "$work/node"
cat >"$work/client.py" <<'PY'
import asyncio
import sys

import websocket
import websockets


async def by_websockets(url):
    async for connection in websockets.connect(url):
        try:
            async for _ in connection:
                pass
        except websockets.ConnectionClosed:
            continue


if sys.argv[1] == "websockets":
    asyncio.run(by_websockets(sys.argv[2]))
else:
    websocket.WebSocketApp(sys.argv[2]).run_forever(reconnect=5)
PY
cat >"$work/node/client.js" <<'JS'
const [name, url] = process.argv.slice(2);
const WebSocket = require("ws");
const Reconnecting = name === "partysocket" ? require("partysocket/ws").default : require(name);
new Reconnecting(url, [], { WebSocket }).onerror = () => {};
JS
(
  cd "$work/node"
  npm install --silent --no-audit --no-fund reconnecting-websocket@4.4.0 partysocket@1.3.0 ws@8.23.0
)
python - >"$work/seen" <<'PY'
import base64
import hashlib
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import threading
import time

work = pathlib.Path(os.environ["WORK"])
CLIENTS = {
    "websockets": [sys.executable, work / "client.py"],
    "websocket-client": [sys.executable, work / "client.py"],
    "reconnecting-websocket": ["node", work / "node" / "client.js"],
    "partysocket": ["node", work / "node" / "client.js"],
}
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Service:
    """Count the tries of one client, which are all answered alike."""

    def __init__(self, accepts):
        self.accepts, self.tries = accepts, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"ws://127.0.0.1:{self.listener.getsockname()[1]}/"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            with connection:
                request = b""
                while b"\r\n\r\n" not in request:
                    request += connection.recv(65536)
                self.tries.append(time.monotonic())
                if not self.accepts:
                    connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")
                    continue
                key = re.search(rb"(?i)sec-websocket-key: *(\S+)", request)[1]
                accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
                head = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
                connection.sendall(head + b"sec-websocket-accept: " + accept + b"\r\n\r\n")
                connection.sendall(b"\x88\x02" + struct.pack(">H", 1013))
                connection.recv(65536)  # the client's close frame


rates = {name: [] for name in CLIENTS}
for accepts in False, True:
    services = {name: Service(accepts) for name in CLIENTS}
    processes = []
    for name, command in CLIENTS.items():
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        processes.append(subprocess.Popen([*command, name, services[name].url], **quiet))
    limit = time.monotonic() + 60
    while not all(service.tries for service in services.values()) and time.monotonic() < limit:
        time.sleep(0.1)
    time.sleep(12)
    for process in processes:
        process.kill()
        process.wait()
    for name, service in services.items():
        first = service.tries[0] if service.tries else 0
        count = sum(each < first + 12 for each in service.tries)
        print(name, accepts, count, file=sys.stderr)
        known = (count > 600, "over 50 a second"), (20 > count > 1, "few")
        rates[name].append(next((text for true, text in known if true), f"{count} in 12 s"))
print(f"{'':25}{'503':11}accepted, closed with 1013")
for name, (refused, accepted) in rates.items():
    print(f"{name:25}{refused:11}{accepted}")
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
