"""How long an ejected address stays so, as Envoy counts it. Envoy itself does not say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from topology.admin import Host, Rules

FLAG = "failed_outlier_check"


@dataclass
class _Known:
    times: int = 0
    """Ejections that still count, as Envoy's back-off does."""
    since: float | None = None
    """Begin of the ejection that is in force."""
    back: float = 0.0
    """End of the last one."""


class Ejections:
    """The ejections that one proxy has told of."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def hear(self, at: float, hosts: Iterable[Host], rules: Rules) -> None:
        """Take what a proxy says of its hosts at a moment.

        Each ejection lasts longer than the one before; each interval without one takes that back.
        """
        for host in hosts:
            is_ejected = FLAG in host.flags
            if not is_ejected and host.address not in self._known:
                continue
            known = self._known.setdefault(host.address, _Known())
            if is_ejected and known.since is None:
                well = int((at - known.back) / rules.interval)
                known.times, known.since = max(0, known.times - well) + 1, at
            elif not is_ejected and known.since is not None:
                known.since, known.back = None, at

    def left(self, address: str, now: float, rules: Rules) -> float | None:
        """Return the seconds until an address is tried again; None for one that is not ejected."""
        known = self._known.get(address)
        if known is None or known.since is None:
            return None
        lasts = min(known.times * rules.base, max(rules.base, rules.most))
        return max(0.0, known.since + lasts - now)
