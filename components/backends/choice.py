"""The backend that the settings name."""

from __future__ import annotations

from components.backends.protocol import ClusterBackend
from components.settings.existing import ExistingSettings
from components.settings.gke import GkeSettings
from components.settings.local import LocalSettings
from components.settings.model import Settings


def of(settings: Settings) -> ClusterBackend:
    """Return the backend that the settings name; only its module is imported."""
    match settings.backend:
        case LocalSettings() as own:
            from components.backends.local import LocalBackend

            return LocalBackend(settings, own)
        case ExistingSettings() as own:
            from components.backends.existing import ExistingBackend

            return ExistingBackend(settings, own)
        case GkeSettings() as own:
            from components.backends.gke import GkeBackend

            return GkeBackend(settings, own)
