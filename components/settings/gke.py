"""What a stack of backend gke is to be like: the keys `gke…`, checked.

They are flat, one value a key, so that Pulumi.yaml says type, default and meaning of each, and
`pulumi config set` changes one without repeating the others. What has structure (address ranges,
names, roles) is not configuration and is in `components/backends`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network

from components.settings import existing
from components.settings.exposure import Exposure, ExposureKind
from components.settings.values import SettingsError, Values

EDGE_REGION = "us-central1"
"""Region of corp-edge when `edgeRegion` is empty: between the two of the application clusters."""

_PROJECT = re.compile(r"([a-z][a-z0-9.-]*:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
_REGION = re.compile(r"[a-z]+-[a-z]+[0-9]+")
_MACHINE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+")
_LABEL = re.compile(r"([a-z][a-z0-9_-]{0,62})=([a-z0-9_-]{0,63})")
_STACK = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")

_LONGEST_NAME = 40
"""Of a GKE cluster."""

_LONGEST_STACK = 20
"""A service account's name has 30 characters at most, and ours ends with the stack's."""


KEYS = (
    "gkeProject",
    "gkeMode",
    "gkeLocation",
    "gkeMachineType",
    "gkeNodes",
    "gkeMaxNodes",
    "gkeReleaseChannel",
    "gkePrivateNodes",
    "gkeAuthorizedNetworks",
    "gkeDeletionProtection",
    "gkeLabels",
    "edgeAddress",
    "exposure",
)
"""Keys of this backend; of `exposure` the default alone is taken."""


class Mode(StrEnum):
    """Who looks after the nodes (config key `gkeMode`)."""

    STANDARD = "standard"
    AUTOPILOT = "autopilot"


class Location(StrEnum):
    """How much of a region a cluster takes (config key `gkeLocation`)."""

    REGIONAL = "regional"
    ZONAL = "zonal"


class ReleaseChannel(StrEnum):
    """How soon Google brings new versions (config key `gkeReleaseChannel`)."""

    RAPID = "rapid"
    REGULAR = "regular"
    STABLE = "stable"
    EXTENDED = "extended"
    NONE = "none"


@dataclass(frozen=True)
class GkeSettings:
    """What the user chose for clusters that are made on Google Cloud."""

    project: str
    """Google's id of the project."""
    mode: Mode
    location: Location
    machine_type: str
    nodes: int
    """Nodes in each zone; of an autoscaled pool, the fewest."""
    max_nodes: int
    """Nodes in each zone at most; not more than `nodes` where the pool is not autoscaled."""
    release_channel: ReleaseChannel
    private_nodes: bool
    authorized_networks: tuple[str, ...]
    """Ranges (CIDR) from which alone the API servers answer; none: from everywhere."""
    deletion_protection: bool
    labels: Mapping[str, str]
    edge_host: str
    """Host of `edgeAddress`; empty where the load balancer's address is used."""
    edge_port: int
    """Port at which clients reach the edge."""

    @property
    def is_autopilot(self) -> bool:
        """Whether Google looks after the nodes."""
        return self.mode is Mode.AUTOPILOT

    @property
    def is_autoscaled(self) -> bool:
        """Whether the number of nodes follows the load."""
        return self.max_nodes > self.nodes


def read(values: Values, stack: str, clusters: Mapping[str, str]) -> GkeSettings:
    """Read the keys. Raises SettingsError.

    `clusters` has the region of every cluster by its name, the edge's too.
    """
    host, port = existing.edge_address(values)
    mode = values.choice("gkeMode", Mode)
    zonal_or_not = Location.REGIONAL if mode is Mode.AUTOPILOT else Location.ZONAL
    given = values.text("gkeLocation")
    labels = (_label(values, text) for text in values.texts("gkeLabels"))
    found = GkeSettings(
        project=_matching(values, "gkeProject", _PROJECT, "use a project's id, such as my-demo-1")
        if values.text("gkeProject")
        else "",
        mode=mode,
        location=values.choice("gkeLocation", Location) if given else zonal_or_not,
        machine_type=_matching(
            values, "gkeMachineType", _MACHINE, "use a machine type, such as e2-standard-2"
        ),
        nodes=values.whole("gkeNodes", 1, 20),
        max_nodes=values.whole("gkeMaxNodes", 1, 20),
        release_channel=values.choice("gkeReleaseChannel", ReleaseChannel),
        private_nodes=values.boolean("gkePrivateNodes"),
        authorized_networks=tuple(
            _network(v, values) for v in values.texts("gkeAuthorizedNetworks")
        ),
        deletion_protection=values.boolean("gkeDeletionProtection"),
        labels=dict(labels),
        edge_host=host,
        edge_port=port or Exposure().edge_ports[0],
    )
    _check(values, found, stack, clusters)
    return found


def _check(values: Values, gke: GkeSettings, stack: str, clusters: Mapping[str, str]) -> None:
    """Check what must fit together."""
    if not gke.project:
        raise SettingsError(
            f"gkeProject in {values.file} is missing: name the Google Cloud project that pays: "
            "./demo pulumi config set gkeProject PROJECT-ID"
        )
    if (given := values.text("exposure")) != ExposureKind.LOAD_BALANCER:
        raise values.refusal(
            "exposure", given, "backend gke has load balancers; ./demo pulumi config rm exposure"
        )
    if gke.is_autopilot and gke.location is Location.ZONAL:
        raise values.refusal(
            "gkeLocation", gke.location, "Autopilot clusters are regional; remove it: "
            "./demo pulumi config rm gkeLocation",
        )  # fmt: skip
    if gke.is_autopilot and gke.release_channel is ReleaseChannel.NONE:
        raise values.refusal(
            "gkeReleaseChannel", "none", "Autopilot clusters need a channel; use regular"
        )
    if gke.max_nodes < gke.nodes and not gke.is_autopilot:
        raise values.refusal("gkeMaxNodes", gke.max_nodes, f"use gkeNodes ({gke.nodes}) or more")
    if not _STACK.fullmatch(stack) or len(stack) > _LONGEST_STACK:
        raise SettingsError(
            f"the stack is called '{stack}', and names in Google Cloud end with that: call a stack "
            f"of backend gke by 1 to {_LONGEST_STACK} small letters, digits and -, a letter first"
        )
    for name, region in clusters.items():
        if not _REGION.fullmatch(region):
            raise SettingsError(
                f"{name} in {values.file} is in region '{region}': backend gke needs one of "
                "Google's regions, such as us-east1"
            )
        if len(f"{name}-{stack}") > _LONGEST_NAME:
            raise SettingsError(
                f"cluster {name} in {values.file} would be called {name}-{stack} in Google Cloud; "
                f"that is longer than {_LONGEST_NAME} characters: use a shorter name"
            )


def _matching(values: Values, key: str, pattern: re.Pattern[str], remedy: str) -> str:
    given = values.text(key)
    if not pattern.fullmatch(given):
        raise values.refusal(key, given, remedy)
    return given


def _network(given: str, values: Values) -> str:
    try:
        return str(IPv4Network(given))
    except ValueError as error:
        raise values.refusal(
            "gkeAuthorizedNetworks", given, f"{error}; use ranges such as 203.0.113.0/24"
        ) from None


def _label(values: Values, given: str) -> tuple[str, str]:
    match = _LABEL.fullmatch(given)
    if not match:
        raise values.refusal(
            "gkeLabels", given, "use entries name=value of small letters, digits, _ and -"
        )
    return match.group(1), match.group(2)
