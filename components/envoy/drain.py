"""How an Envoy leaves without losing a request: the command that runs before its pod ends.

Envoy ends at once on SIGTERM, so the drain comes before. It is bash,
because changes through Envoy's admin port need a POST, which a pod's `httpGet` hook cannot send.
"""

from __future__ import annotations

from foundation import envoy_admin

#: Seconds until Services and health checks have stopped sending new requests here. Nothing inside
#: the pod shows that they have; kube-proxy applies changes within a second or two.
NOTICE_SECONDS = 3
#: Seconds that connections get to end by themselves; each answer asks its client to reconnect.
DRAIN_SECONDS = 5

_SCRIPT = """\
{request}exec 9<> <(:)
pause() {{ read -rt "$1" -u 9; true; }}
admin() {{
  request "$1" "$2" || return
  local line; while read -rt 2 -u 3 line; do printf '%s\\n' "${{line%$'\\r'}}"; done
  exec 3>&-
}}
busy() {{
  local key value
  while read -r key value; do
    [[ $key == *downstream_cx_active: && $value != 0 ]] && return 0
  done < <(admin GET '/stats?filter=^http\\.({managers})\\.downstream_cx_active$')
  return 1
}}
admin POST /healthcheck/fail
pause {notice}
admin POST '/drain_listeners?graceful&skip_exit'
end=$((SECONDS + {drain}))
while ((SECONDS < end)) && busy; do pause 0.2; done
"""


def drain_command(
    admin_port: int,
    managers: str = "https|http|ingress|peer",
    *,
    admin_address: str = "127.0.0.1",
    notice: int = NOTICE_SECONDS,
    drain: int = DRAIN_SECONDS,
) -> list[str]:
    """Return the command of a pod's preStop hook.

    It fails readiness and health checks, waits `notice` seconds until nobody sends here any more,
    then, at most `drain` seconds, until the connections of the HTTP connection managers called
    `managers` (alternatives of a regular expression) have ended.
    """
    request = envoy_admin.request(admin_address, admin_port)
    script = _SCRIPT.format(request=request, managers=managers, notice=notice, drain=drain)
    return ["/bin/bash", "-c", script]
