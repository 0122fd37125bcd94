"""Which version of its files an Envoy goes by: the command that tells it, run inside the pod.

It uses bash alone, as `components.envoy.drain` does.
"""

from __future__ import annotations

from collections.abc import Mapping

from components.envoy.xds import VERSION_FILE
from foundation import envoy_admin

LOOKS = 25
"""How often the command looks, ten times a second, before it says that it is not so yet."""

FILES = "files"
"""Word that comes before the version of the pod's volume."""

_STATS = r"/stats?filter=(\.version_text|^cluster_manager\.warming_clusters)$"

_SCRIPT = """\
{request}exec 9<> <(:)
certificates=" $1 "
cat_() {{ [[ ! -r $1 ]] || printf '%s' "$(<"$1")"; }}
look() {{
  local files key value name wanted=$1 seen=0
  files=$(cat_ {folder}/{file}) loaded=0
  told="{word}: $files"
  [[ -n $wanted ]] || wanted=$files
  request GET '{stats}' || return
  [[ $files == "$wanted" ]] && loaded=1
  while read -rt 2 -u 3 key value; do
    value=${{value%$'\\r'}}
    case $key in
      sds.*.version_text:)
        name=${{key#sds.}} seen=1
        [[ $certificates == '  ' ||
          $certificates == *" ${{name%.version_text:}}=${{value//[^0-9a-f]}} "* ]] || loaded=0 ;;
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
    certificates: Mapping[str, str] | None = None,
    *,
    admin_address: str = "127.0.0.1",
    looks: int = LOOKS,
) -> list[str]:
    """Return the command that waits until `version` is in force, or `looks` tenths of a second.

    `folder` is where the ConfigMap is mounted; `components.gateways.loaded.state` reads what is
    printed. An
    empty `version` is that of the volume, and then the command fails unless it is in force; an
    Envoy whose volume has none loads certificates alone. `certificates` are the versions that are
    wanted of them, by name (`components.envoy.tls.sds_version`); without any, all will do.
    """
    wanted = " ".join(f"{name}={each}" for name, each in (certificates or {}).items())
    script = _SCRIPT.format(
        folder=folder,
        file=VERSION_FILE,
        word=FILES,
        request=envoy_admin.request(admin_address, admin_port),
        stats=_STATS,
        looks=looks,
    )
    return ["/bin/bash", "-c", script, version, wanted]
