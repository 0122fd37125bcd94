"""What the edge says of each request of a client, from its access log."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drills.stack import EDGE
from drills.traffic import Execution
from drills.traffic.portal import GATEWAYS, PortalLogs, execution


@dataclass(frozen=True)
class Line:
    """One request as the edge saw it. A client that tried again by itself has several."""

    status: int
    """What the edge sent; 0 if the client's connection ended before it could."""
    flags: str = ""
    """Envoy's `%RESPONSE_FLAGS%`."""
    details: str = ""
    """Envoy's `%RESPONSE_CODE_DETAILS%`."""

    @property
    def is_cut(self) -> bool:
        """Whether the connection to the client ended before the answer was complete."""
        return self.status == 0 or "downstream" in self.details

    @property
    def is_good(self) -> bool:
        """Whether a good answer of the application was sent to its end.

        What the edge itself says to gRPC is 200 as well, with a `grpc-status` that is not.
        """
        of_application = self.details.startswith("via_upstream")
        return of_application and 200 <= self.status < 400 and not self.is_cut


def line(text: str) -> tuple[str, Line] | None:
    """Return the number of a request and what its line says; None for any other line."""
    try:
        fields: Any = json.loads(text)
        number = fields["demo_request"]
        found = Line(int(fields["status"] or 0), fields["flags"] or "", fields["details"] or "")
    except (ValueError, KeyError, TypeError):
        return None
    return (str(number), found) if number else None


class EdgeLogs(PortalLogs):
    """Follows the logs of the edge's pods, old and new; `lines` grows meanwhile."""

    def __init__(self, kubeconfig: Path) -> None:
        """`kubeconfig` has the context of the edge's cluster."""
        super().__init__(kubeconfig, [EDGE], lambda _: None, GATEWAYS)
        self.lines: defaultdict[str, list[Line]] = defaultdict(list)

    def entry(self, text: str, cluster: str, pod: str) -> Execution | None:
        """Keep what the line says, whatever it is."""
        if found := line(text):
            self.lines[found[0]].append(found[1])
        return execution(text, cluster, pod)

    def of(self, number: str) -> Sequence[Line]:
        """Return what is known of a request."""
        return self.lines.get(number, ())
