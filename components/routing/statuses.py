"""Which statuses of HTTP say that an application is there and answers.

One that wants a login (401, 302) or knows no such page (404) does. 501 is said by what does not
know GET. The checks of all Envoys and the last step of an update go by these.
"""

from __future__ import annotations

ALIVE = (range(200, 500), range(501, 502))


def is_alive(status: int) -> bool:
    """Tell whether a status says that the application answers."""
    return any(status in statuses for statuses in ALIVE)
