"""A `kubectl` for Envoys on loopback addresses: it lists their pods, and runs commands beside them.

A command gets the Envoy's address in place of the 127.0.0.1 that a pod has for itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_SCRIPT = """#!/bin/bash
folder=${0%/*}
for one; do case $one in --context=*) context=${one#*=} ;; esac; done
case " $* " in
  *" get "*)
    cat "$folder/$context.json" || exit
    exec cat ;;
  *" exec "*)
    while [ "$1" != -- ]; do pod=$1; shift; done
    [ -e "$folder/$pod.address" ] || { echo "Error from server: no exec into $pod" >&2; exit 1; }
    address=$(<"$folder/$pod.address")
    exec "$2" "$3" "${4//127.0.0.1/$address}" "${@:5}" ;;
esac
"""


def install(folder: Path, clusters: Mapping[str, Mapping[str, str]]) -> Path:
    """Write the program into a folder; `clusters` has addresses of each cluster's pods by name.

    Nobody may run a command in a pod whose address is empty. Returns the folder, for PATH.
    """
    folder.mkdir()
    for cluster, pods in clusters.items():
        events = [{"type": "ADDED", "object": _ready(name)} for name in pods]
        lines = [f"{json.dumps(event)}\n" for event in events]
        (folder / f"{cluster}.json").write_text("".join(lines))
        for name, address in pods.items():
            if address:
                (folder / f"{name}.address").write_text(address)
    program = folder / "kubectl"
    program.write_text(_SCRIPT)
    program.chmod(0o755)
    return folder


def _ready(name: str) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": "True"}]
    return {"metadata": {"name": name}, "status": {"conditions": conditions}}
