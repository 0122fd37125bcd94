#!/usr/bin/env bash
# kubernetes 37.0.2 (Python client) with urllib3 2.8.0. Needs Python 3.11 and the network for pip.
#
# An API server accepts requests and does not answer (as a frozen one does), or answers 503 or 429 with
# Retry-After: 3, as API servers do under load. The client calls it with _request_timeout=1 and no retries
# configured (Configuration().retries is None).
# Expected: each call ends after one try and about one second at most.
# Happens: None leaves urllib3's own default, three retries. GET and DELETE of a hanging server take four
#   seconds and are sent four times; POST and PATCH one. With Retry-After the client sleeps it three times, so
#   a GET takes nine seconds; the time-out does not cover the sleeping, and nothing is logged. Without that
#   header the same 503 comes back at once. Configuration().retries = False makes each call a single try.
# Why it matters: a failover decision with "one second for each cluster" takes four, or three times whatever
#   the failing API server names, exactly when that cluster is ill; and the DELETE counts four times.
# Seen:
#   GET, hangs                      4 tries, 4.0 s, MaxRetryError
#   DELETE, hangs                   4 tries, 4.0 s, MaxRetryError
#   PATCH, hangs                    1 tries, 1.0 s, ReadTimeoutError
#   POST, hangs                     1 tries, 1.0 s, ReadTimeoutError
#   GET, 503                        1 tries, 0.0 s, ServiceException
#   GET, 503, Retry-After: 3        4 tries, 9.0 s, ServiceException
#   GET, 429, Retry-After: 3        4 tries, 9.0 s, ApiException
#   retries False, GET, hangs       1 tries, 1.0 s, ReadTimeoutError
#   retries False, 503, Retry-After 1 tries, 0.0 s, ServiceException
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
packages kubernetes==37.0.2 urllib3==2.8.0
python - <<'PY'
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import kubernetes
import urllib3
from lab import claim

seen = []


class ApiServer(BaseHTTPRequestHandler):
    """Do by the namespace of the request: hang, or answer its status, with Retry-After or without."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        seen.append(self.command)
        what = self.path.split("/")[4]
        if what == "hang":
            time.sleep(20)
            return
        code, _, wait = what.partition("-")
        body = json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure"}).encode()
        self.send_response(int(code))
        if wait:
            self.send_header("retry-after", "3")
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PATCH = do_DELETE = do_GET

    def log_message(self, format, *args):
        """Write no access log."""


server = ThreadingHTTPServer(("127.0.0.1", 0), ApiServer)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()


def client(**settings):
    configuration = kubernetes.client.Configuration()
    configuration.host = f"http://127.0.0.1:{server.server_port}"
    for name, value in settings.items():
        setattr(configuration, name, value)
    return kubernetes.client.CoreV1Api(kubernetes.client.ApiClient(configuration))


def run(title, call, *arguments):
    """Return tries and whole seconds of one call that fails."""
    seen.clear()
    start = time.monotonic()
    try:
        call(*arguments, _request_timeout=1)
        end = "no error"
    except (urllib3.exceptions.HTTPError, kubernetes.client.ApiException) as error:
        end = type(error).__name__
    seconds = time.monotonic() - start
    print(f"{title:32}{len(seen)} tries, {seconds:.1f} s, {end}")
    return len(seen), round(seconds)


api = client()
claim(run("GET, hangs", api.list_namespaced_pod, "hang") == (4, 4), "GET of a hanging server")
claim(run("DELETE, hangs", api.delete_namespaced_pod, "p", "hang") == (4, 4), "DELETE, hangs")
claim(run("PATCH, hangs", api.patch_namespaced_pod, "p", "hang", {}) == (1, 1), "PATCH, hangs")
claim(run("POST, hangs", api.create_namespaced_pod, "hang", {}) == (1, 1), "POST, hangs")
claim(run("GET, 503", api.list_namespaced_pod, "503") == (1, 0), "503 without Retry-After")
claim(run("GET, 503, Retry-After: 3", api.list_namespaced_pod, "503-after") == (4, 9), "503 with it")
claim(run("GET, 429, Retry-After: 3", api.list_namespaced_pod, "429-after") == (4, 9), "429 with it")
once = client(retries=False)
claim(run("retries False, GET, hangs", once.list_namespaced_pod, "hang") == (1, 1), "retries False")
claim(run("retries False, 503, Retry-After", once.list_namespaced_pod, "503-after") == (1, 0), "False, 503")
PY
