"""The `gateway.tetrate.io/` annotations of a Service: which are followed, and what they may say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from foundation.contract import EDGE_CLUSTER
from foundation.errors import UserError
from foundation.identity import mapping

Document = Mapping[str, Any]

PREFIX = "gateway.tetrate.io/"
PROTOCOLS = ("HTTPS", "HTTP")
EXPOSE = ("global", "local", "true", "false")
#: Tetrate allows as many names in `hosts`.
MAX_HOSTS = 10

#: Annotations that change nothing here, because the program makes the gateways itself.
_TOLERATED = ("auto-deploy", "cloud-annotations", "gateway-namespace")
#: Annotations for Tetrate's gateways alone, which then get them as they are.
_TETRATES_OWN = (
    "local-host",
    "local-path",
    "local-protocol",
    "local-port",
    "tls-secret-namespace",
    "workload-selector",
    "retry-policy",
    "traffic-mode",
)
_FOLLOWED = (
    "host",
    "hosts",
    "path",
    "protocol",
    "tls-secret",
    "edge-clusters",
    "edge-cluster",
    "expose",
    "port",
)
_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")


class RouteError(UserError):
    """A manifest from which no route can be made; the text is for people."""


class Notes:
    """The gateway annotations of one Service, and where they are, for error texts."""

    def __init__(self, service: Document, source: str, own_gateways: bool) -> None:
        self.where = f"{source}: Service {name_of(service)}"
        self._values = {
            key.removeprefix(PREFIX): value
            for key, value in annotations_of(service).items()
            if key.startswith(PREFIX)
        }
        known = _FOLLOWED + _TOLERATED + (() if own_gateways else _TETRATES_OWN)
        for key, value in self._values.items():
            if key not in known:
                raise self.wrong(
                    key, f"is not followed here; remove it (known: {', '.join(_FOLLOWED)})"
                )
            if not isinstance(value, str):
                raise self.wrong(key, f"is {value!r}; an annotation is text, so quote it")

    def wrong(self, key: str, what: str) -> RouteError:
        """Return the error that says what is wrong with an annotation."""
        return RouteError(f"{self.where}: annotation '{PREFIX}{key}' {what}")

    def get(self, key: str, default: str = "") -> str:
        """Return an annotation by its name without the prefix."""
        return str(self._values.get(key, default)).strip()


def hosts(notes: Notes) -> tuple[str, ...]:
    """Return the external names, in small letters, each once. Raises RouteError."""
    key = "hosts" if notes.get("hosts") else "host"
    names = tuple(host.strip().lower() for host in notes.get(key).split(","))
    if len(names) > MAX_HOSTS:
        raise notes.wrong(key, f"has {len(names)} names; {MAX_HOSTS} are allowed")
    for host in names:
        if not _HOST.fullmatch(host):
            raise notes.wrong(
                key, f"has '{host}', which is no host name; write it as bank.example.com"
            )
    return tuple(dict.fromkeys(names))


def check_edge(notes: Notes) -> None:
    """Check that the list of edge clusters, if present, names the edge and sane weights."""
    key = "edge-clusters" if notes.get("edge-clusters") else "edge-cluster"
    text = notes.get(key)
    if not text:
        return
    names = []
    for entry in text.split(","):
        name, colon, weight = entry.strip().partition(":")
        names.append(name)
        if colon and not weight.isdecimal():
            raise notes.wrong(key, f"has the weight '{weight}'; a whole number from 0 up is needed")
    if EDGE_CLUSTER not in names:
        raise notes.wrong(key, f"is '{text}'; it must name '{EDGE_CLUSTER}'")


def annotations_of(document: Document) -> Mapping[str, Any]:
    """Return the annotations of a document, of whatever type its metadata is."""
    return mapping(mapping(document.get("metadata")).get("annotations"))


def name_of(document: Document) -> str:
    """Return the document's name, for error texts."""
    return str((document.get("metadata") or {}).get("name", "without a name"))
