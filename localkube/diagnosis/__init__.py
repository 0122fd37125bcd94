"""What can be seen to be wrong with a lab: each finding is data, and pure functions decide it.

`look` asks the machine and puts the findings together. Nothing here changes anything, but for
`stopped.resume`, which `up` calls.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """Something about a lab that a person has to know."""

    text: str
    """What it is and where, in one line."""
    remedy: str
    """What mends it: a command, or what to do."""
    is_over: bool = False
    """Whether it has passed, so that nothing need be done now for the lab to serve."""
