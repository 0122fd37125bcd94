"""What a trap is, and what is known of the stack to which a profile is to be applied."""

from __future__ import annotations

from dataclasses import dataclass

from components.routing.targets import LbMode


@dataclass(frozen=True)
class Trap:
    """A setting that does not do what it seems to do."""

    name: str
    where: str
    """The profile's file, or the stack's settings."""
    key: str
    """Path below `resilience`, or the name of a setting."""
    found: str
    """What is there."""
    why: str
    """What it costs."""
    fix: str

    @property
    def line(self) -> str:
        """All of it in one line, for people."""
        return f"{self.where}: {self.key} ({self.found}): {self.why}. Fix: {self.fix}"


@dataclass(frozen=True)
class Context:
    """Where a profile is to be applied."""

    source: str = "http-profile.yaml"
    """Name of the profile's file, for texts."""
    clusters: int = 2
    """Application clusters; to the edge, the gateways of each are one address."""
    platform: str = "envoy"
    lb_mode: LbMode = LbMode.ACTIVE

    @property
    def own_envoys(self) -> bool:
        """Whether the profile is rendered for our Envoys, and not applied as it is."""
        return self.platform != "tetrate"

    def trap(self, name: str, key: str, found: str, why: str, fix: str) -> Trap:
        """Return a trap in the profile."""
        return Trap(name, self.source, key, found, why, fix)

    def setting(self, name: str, key: str, found: str, why: str, fix: str) -> Trap:
        """Return a trap in the stack's settings."""
        return Trap(name, "the stack's settings", key, found, why, fix)
