"""Requests to an Envoy's admin port by bash alone, for commands that run inside its pod.

The port is open on the pod's loopback only, and the image need not contain anything but bash.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TypeVar

from foundation.contract import ADMIN_PORT
from foundation.errors import UserError

Told = TypeVar("Told")

_TRIES = 3

END = "the answer is whole"
"""The line that `answered` prints last."""

ANSWERED = f"""\
answered() {{
  local line last=
  while IFS= read -rt 10 line <&3; do
    line=${{line%$'\\r'}}
    printf '%s\\n' "$line"
    last=${{line:-$last}}
  done
  exec 3>&-
  [[ $last != 0 ]] || echo '{END}'
}}
"""
"""The bash function `answered`, which prints the answer to `request`, and END if it is whole.

The last chunk of one has the length 0. A command that `kubectl exec` runs may be cut as well: a
container runtime that ends, say, and kubectl then ends with 0 as if all had been said.
"""


def whole(said: str) -> list[str]:
    """Return the lines of an answer that `answered` has printed. Raises UserError if it is cut."""
    *lines, last = said.splitlines() or [""]
    if last != END:
        raise UserError("Envoy's answer is cut off")
    return lines


def repeated(ask: Callable[[], Told]) -> Told:
    """Return what pods are asked; again where one does not answer, which may end just then.

    Raises the UserError of the last of three tries.
    """
    for _ in range(_TRIES - 1):
        with contextlib.suppress(UserError):
            return ask()
    return ask()


def request(address: str = "127.0.0.1", port: int = ADMIN_PORT) -> str:
    """Return the bash function `request METHOD PATH`; the answer can be read from descriptor 3.

    It fails where nobody listens.
    """
    return f"""\
request() {{
  exec 3<>/dev/tcp/{address}/{port} || return
  printf '%s\\r\\n' "$1 $2 HTTP/1.1" 'Host: localhost' 'Connection: close' \\
    'Content-Length: 0' '' >&3
}}
"""
