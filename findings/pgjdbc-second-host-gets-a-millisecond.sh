#!/usr/bin/env bash
# pgjdbc (PostgreSQL's JDBC driver) 42.7.14, and 42.7.10 for comparison. Needs Java 17 with Maven, Python 3.11 and the
# network.
#
# A client is given two hosts of PostgreSQL, and tries to connect three times. The first host answers nothing, as a lost
# region's. The second is well, and 30 ms away: a socket factory refuses time-outs shorter than that, and keeps the
# time-out of each connect. connectTimeout is the default, 10 seconds, or 2.
# Expected: connectTimeout is for each connect, as libpq's is, so that the second host is tried.
# Happens: since 42.7.11 it is for all hosts together. The first takes all of it, and the second gets one millisecond:
#   it is lost too, at each attempt. 42.7.10 gives the second its full time-out and connects.
# Why it matters: a patch release ended the failover to another region, with the default and each other setting but 0.
#   On one machine and in one network, where a millisecond is enough, tests pass.
# Seen, the time-outs of the first attempt's two connects in seconds, and how many attempts connected:
#   42.7.10, default            10  10     3 of 3
#   42.7.10, connectTimeout=2   2   2      3 of 3
#   42.7.14, default            10  0.001  0 of 3
#   42.7.14, connectTimeout=2   2   0.001  0 of 3
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
need java javac mvn python3
seen=$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")
cd "$work"
cat >Program.java <<'JAVA'
import java.io.IOException;
import java.net.*;
import java.sql.*;
import java.util.*;
import javax.net.SocketFactory;

public class Program {
    static final List<Integer> timeouts = new ArrayList<>();

    public static class Far extends SocketFactory {
        public Socket createSocket() {
            return new Socket() {
                public void connect(SocketAddress place, int timeout) throws IOException {
                    timeouts.add(timeout);
                    if (timeout < 30) {
                        throw new SocketTimeoutException("Connect timed out");
                    }
                    super.connect(place, timeout);
                }
            };
        }

        public Socket createSocket(String host, int port) { throw new UnsupportedOperationException(); }

        public Socket createSocket(InetAddress host, int port) { throw new UnsupportedOperationException(); }

        public Socket createSocket(String host, int port, InetAddress from, int of) { return createSocket(host, port); }

        public Socket createSocket(InetAddress host, int port, InetAddress from, int of) { return createSocket(host, port); }
    }

    public static void main(String[] of) throws Exception {
        var connected = 0;
        for (int i = 0; i < 3; i++) {
            try {
                DriverManager.getConnection(of[0] + "&socketFactory=Program$Far", "a", "a").close();
                connected++;
            } catch (SQLException error) {
                Thread.sleep(500);
            }
        }
        System.out.println(timeouts.subList(0, 2) + " " + connected + " of 3");
    }
}
JAVA
javac Program.java
for version in 42.7.10 42.7.14; do
  mvn --quiet --batch-mode "-Dmaven.repo.local=$work/maven" dependency:copy \
    "-Dartifact=org.postgresql:postgresql:$version" "-DoutputDirectory=$work" >"$work/mvn.log" 2>&1 ||
    fail "cannot get pgjdbc: $(tail -3 "$work/mvn.log")"
done
python3 - >"$work/seen" <<'PY'
import json
import subprocess

from fake_postgres import Postgres
from fake_server import full

second = Postgres("second")
silent = full("127.0.0.2")
port = silent[0].getsockname()[1]


def start(version, more):
    url = f"jdbc:postgresql://127.0.0.2:{port},127.0.0.1:{second.port}/a?sslmode=disable{more}"
    command = ["java", "-cp", f".:postgresql-{version}.jar", "Program", url]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


CASES = [(version, more) for version in ("42.7.10", "42.7.14") for more in ("", "&connectTimeout=2")]
for (version, more), process in [(case, start(*case)) for case in CASES]:
    timeouts, said = process.communicate(timeout=60)[0].strip().split("] ")
    first, after = [str(round(each / 1000) if each > 500 else each / 1000) for each in json.loads(timeouts + "]")]
    print(f"{version + ', ' + (more[1:] or 'default'):28}{first:4}{after:7}{said}")
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$seen" ] || fail "CHANGED: other than described"
