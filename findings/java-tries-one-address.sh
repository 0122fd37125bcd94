#!/usr/bin/env bash
# Java 17 (HttpClient and HttpURLConnection), and curl 7.88.1 for comparison. Needs a JDK of 17 or newer, curl
# and Python 3.11; no network.
#
# A name has two addresses, 127.0.0.2 and 127.0.0.3 (-Djdk.net.hosts.file, curl --resolve). The server listens
# on the second. The first refuses connections, or (its queue is full) answers nothing.
# Expected: a client tries the addresses of a name one after the other, as curl does.
# Happens: Java resolves both and tries the first alone. HttpClient and HttpURLConnection fail, with
#   ConnectException or after the connect time-out, again and again: the order stays while the lookup is cached.
# Why it matters: two address records for two regions are failover for curl. For a Java
#   service they are a coin that is tossed once per lookup; it needs one address that moves, or its own retry.
# Seen:
#   first address refuses:
#     Java: 2 addresses; ConnectException ConnectException ConnectException
#     curl: 200
#   first address answers nothing:
#     Java: 2 addresses; HttpConnectTimeoutException HttpConnectTimeoutException SocketTimeoutException
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
need java javac curl python3
java -version 2>&1 | grep -Eq 'version "(1[7-9]|[2-9][0-9])' || fail "needs Java 17 or newer"
cd "$work"
cat >Ask.java <<'JAVA'
import java.net.*;
import java.net.http.*;
import java.time.Duration;

public class Ask {
    public static void main(String[] of) throws Exception {
        var url = URI.create("http://edge.test:" + of[0] + "/");
        System.out.print(InetAddress.getAllByName("edge.test").length + " addresses;");
        var client = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(1)).build();
        var text = HttpResponse.BodyHandlers.ofString();
        for (int i = 0; i < 2; i++) {
            try {
                System.out.print(" " + client.send(HttpRequest.newBuilder(url).build(), text).statusCode());
            } catch (Exception error) {
                System.out.print(" " + error.getClass().getSimpleName());
            }
        }
        var classic = (HttpURLConnection) url.toURL().openConnection();
        classic.setConnectTimeout(1000);
        try {
            System.out.println(" " + classic.getResponseCode());
        } catch (Exception error) {
            System.out.println(" " + error.getClass().getSimpleName());
        }
    }
}
JAVA
javac Ask.java
printf '127.0.0.2 edge.test\n127.0.0.3 edge.test\n' >hosts.txt
python3 - <<'PY'
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from fake_server import full
from lab import claim


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format, *args):
        """Write no access log."""


server = HTTPServer(("127.0.0.3", 0), Page)
threading.Thread(target=server.serve_forever, daemon=True).start()
port = server.server_port


def java():
    command = ["java", "-Djdk.net.hosts.file=hosts.txt", "Ask", str(port)]
    said = subprocess.check_output(command, text=True, timeout=60).strip()
    print(f"  Java: {said}")
    return said


def curl():
    command = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}"]
    command += ["--resolve", f"edge.test:{port}:127.0.0.2,127.0.0.3", f"http://edge.test:{port}/"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    print(f"  curl: {said}")
    return said


print("first address refuses:")
said = java()
claim(said == "2 addresses; ConnectException ConnectException ConnectException", "Java tries the second")
claim(curl() == "200", "curl does not try the second address")
print("first address answers nothing:")
silent = full("127.0.0.2", port)
said = java()
lost = "HttpConnectTimeoutException HttpConnectTimeoutException SocketTimeoutException"
claim(said == f"2 addresses; {lost}", "Java tries the second address after a time-out")
PY
