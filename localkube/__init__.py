"""Real Kubernetes clusters in Linux namespaces: the embedded backend of the demo.

A *lab* is one process tree with its own PID and mount namespaces; it holds a bridge and any number
of clusters. A *cluster* is one or more *nodes*, each with its own network, PID and mount
namespaces. Nothing of it is visible on the host but listening sockets on 127.0.0.1 and the lab's
state folder; killing the lab's first process ends everything in it.
"""

from __future__ import annotations

from foundation.errors import UserError


class LocalKubeError(UserError):
    """Something a person has to mend; its text says what, where and with which command."""
