"""What a cloud does for its clusters: addresses for LoadBalancer Services, volumes for claims.

One process for both: each would take as long to start as the other, and as much memory.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from localkube.inside import loadbalancer, provisioner
from localkube.spec import ClusterSpec

WATCH_SECONDS = 300
"""How long one watch of the API server lasts."""


def end(failure: threading.ExceptHookArgs) -> None:
    """End the process, which is started anew, instead of going on without one of its threads."""
    sys.__excepthook__(failure.exc_type, failure.exc_value, failure.exc_traceback)  # type: ignore[arg-type]
    os._exit(1)


def main(folder: Path) -> None:
    """Follow the cluster's Services and claims for ever."""
    spec = ClusterSpec.load(folder)
    kubeconfig = spec.kubeconfigs / "controllers.conf"
    threading.excepthook = end
    arguments = (kubeconfig, spec, WATCH_SECONDS)
    threading.Thread(target=provisioner.follow, args=arguments, daemon=True).start()
    loadbalancer.follow(*arguments)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
