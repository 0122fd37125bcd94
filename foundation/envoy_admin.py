"""Requests to an Envoy's admin port by bash alone, for commands that run inside its pod.

The port is open on the pod's loopback only, and the image need not contain anything but bash.
"""

from __future__ import annotations

from foundation.contract import ADMIN_PORT


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
