"""Which version of its files an Envoy goes by: the command that tells it, run inside the pod.

It uses bash alone, as `components.envoy.drain` does.
"""

from __future__ import annotations

from components.envoy.xds import VERSION_FILE

LOOKS = 25
"""How often the command looks, ten times a second, before it says that it is not so yet."""

FILES = "files"
"""Word that comes before the version of the pod's volume."""

_STATS = r"/stats?filter=(\.version_text|^cluster_manager\.warming_clusters)$"

_SCRIPT = """\
exec 9<> <(:)
look() {{
  local files key value wanted=$1 seen=0
  files=$(<{folder}/{file}) loaded=0
  told="{word}: $files"
  [[ -n $wanted ]] || wanted=$files
  exec 3<>/dev/tcp/{address}/{admin} || return
  [[ $files == "$wanted" ]] && loaded=1
  printf '%s\\r\\n' 'GET {stats} HTTP/1.1' 'Host: version' 'Connection: close' '' >&3
  while read -rt 2 -u 3 key value; do
    value=${{value%$'\\r'}}
    case $key in
      *.version_text:) seen=1; [[ $value == "\\"$wanted\\"" ]] || loaded=0 ;;
      *.warming_clusters:) [[ $value == 0 ]] || loaded=0 ;;
      *) continue ;;
    esac
    told+=$'\\n'"$key $value"
  done
  exec 3>&-
  ((seen)) || loaded=0
}}
for ((n = 0; n < {looks}; n++)); do
  look "$0"
  ((loaded)) && break
  read -rt 0.1 -u 9
done
printf '%s\\n' "$told"
[[ -n $0 ]] || ((loaded))
"""


def version_command(
    version: str,
    folder: str,
    admin_port: int,
    *,
    admin_address: str = "127.0.0.1",
    looks: int = LOOKS,
) -> list[str]:
    """Return the command that waits until `version` is in force, or `looks` tenths of a second.

    `folder` is where the ConfigMap is mounted; `components.gateways.loaded.state` reads what is
    printed. An
    empty `version` is that of the volume, and then the command fails unless it is in force.
    """
    script = _SCRIPT.format(
        folder=folder,
        file=VERSION_FILE,
        word=FILES,
        address=admin_address,
        admin=admin_port,
        stats=_STATS,
        looks=looks,
    )
    return ["/bin/bash", "-c", script, version]
