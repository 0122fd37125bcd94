"""Stand-ins for Tetrate's platform: its definitions, and clusters that serve them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

CRDS = Path(__file__).parent / "crds.yaml"
"""Definitions of the kinds that the platform has."""


class Discovery:
    """What the API servers of some clusters answer to GET; `asked` keeps every question."""

    def __init__(
        self,
        kinds: Sequence[Mapping[str, Any]] | None = None,
        objects: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """`kinds` are definitions, the platform's by default; `objects` are there already."""
        self.kinds = list(yaml.safe_load_all(CRDS.read_text())) if kinds is None else kinds
        self.objects = objects
        self.asked: list[tuple[str, str]] = []

    def raw(self, cluster: str, path: str) -> str:
        self.asked.append((cluster, path))
        parts = urlsplit(path)
        names = parse_qs(parts.query).get("fieldSelector", [])
        if names:
            name = names[0].removeprefix("metadata.name=")
            found = [o for o in self.objects if o["metadata"]["name"] == name]
            kind = parts.path.rpartition("/")[2].removesuffix("s")
            return json.dumps({"items": [o for o in found if o["kind"].lower() == kind]})
        served = {f"{d['spec']['group']}/{v['name']}": d["spec"]["names"]
                  for d in self.kinds for v in d["spec"]["versions"]}  # fmt: skip
        if parts.path == "/apis":
            versions = [{"versions": [{"groupVersion": version}]} for version in served]
            return json.dumps({"groups": versions})
        names = served[parts.path.removeprefix("/apis/")]
        resources = [
            {"name": names["plural"], "kind": names["kind"]},
            {"name": f"{names['plural']}/status", "kind": names["kind"]},
        ]
        return json.dumps({"resources": resources})


NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "tetrate-system"}}
"""What the platform brings along in every cluster."""
