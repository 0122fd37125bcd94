"""The backend that the settings name."""

from __future__ import annotations

from components.backends.protocol import ClusterBackend
from components.settings.model import Backend, Settings


def of(settings: Settings) -> ClusterBackend:
    """Gives the backend that the settings name; only its module is imported."""
    if settings.backend is Backend.LOCAL:
        from components.backends.local import LocalBackend

        return LocalBackend(settings)
    if settings.backend is Backend.EXISTING:
        from components.backends.existing import ExistingBackend

        return ExistingBackend(settings)
    if settings.backend is Backend.GKE:
        from components.backends.gke import GkeBackend

        return GkeBackend(settings)
    raise NotImplementedError(settings.backend)  # refused by components.settings.model
