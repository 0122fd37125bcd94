"""What is to be registered, read and checked: nothing of it has been registered yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi

from components import backends, lint, manifest, secrets
from components.entrance import NAMESPACE
from components.envoy import naive
from components.errors import DemoError
from components.lint.model import Place
from components.profile import HttpProfile, ProfileError, http_profile
from components.routes import Route, RouteError, routes
from components.settings import EDGE_CLUSTER, Settings, load
from toolchain.errors import UserError


@dataclass(frozen=True)
class Plan:
    """The settings and what the files that they name hold."""

    settings: Settings
    documents: Sequence[Mapping[str, Any]]
    """Documents of the application's manifest."""
    routes: Sequence[Route]
    """Its exposed Services, those with TLS first."""
    profile: HttpProfile
    secrets: Sequence[Mapping[str, Any]]
    """Documents of the Secrets for clients' TLS."""
    backend: backends.ClusterBackend


def make(root: Path) -> Plan:
    """Reads the stack's settings and the files that they name; `root` is the project's folder.

    Raises UserError with one line for people when anything of it cannot be used. A preview only
    warns of what this machine lacks, for it may be that of a reviewer or of a pull request. Traps
    in the profile are only warned of: somebody may want to see what they cost.
    """
    settings = load(root)
    plan = read(settings, backends.of(settings))
    for trap in lint.traps(plan.profile, _place(settings)):
        pulumi.log.warn(trap.line)
    try:
        plan.backend.check()
    except UserError as error:
        if not pulumi.runtime.is_dry_run():
            raise
        pulumi.log.warn(f"pulumi up would stop here: {error}")
    return plan


def read(settings: Settings, backend: backends.ClusterBackend) -> Plan:
    """Reads the files that the settings name. Raises DemoError."""
    documents = manifest.load(settings.manifest)
    (profile, *more) = manifest.load(settings.http_profile)
    if more:
        raise DemoError(
            f"{manifest.shown(settings.http_profile)} holds {1 + len(more)} documents; keep one"
        )
    try:
        found = routes(documents, EDGE_CLUSTER, source=manifest.shown(settings.manifest))
        parsed = http_profile(profile, source=manifest.shown(settings.http_profile))
    except (RouteError, ProfileError) as error:
        raise DemoError(str(error)) from None
    for document in documents:
        metadata = document["metadata"]
        if NAMESPACE in (metadata["name"], metadata.get("namespace")):
            raise DemoError(
                f"{manifest.shown(settings.manifest)}: {document['kind']} {metadata['name']} is in "
                f"{NAMESPACE}, which is the gateways' own namespace; move it to another"
            )
    if not any(route.tls_secret for route in found):
        raise DemoError(
            f"{manifest.shown(settings.manifest)}: no Service is exposed by HTTPS; set "
            "gateway.tetrate.io/protocol and gateway.tetrate.io/tls-secret on one"
        )
    for route in found if settings.naive_route else ():
        if naive.is_shadowed(route):
            raise DemoError(
                f"{manifest.shown(settings.manifest)}: Service {route.service} is exposed at "
                f"{route.path}, where the naive route is; give it another "
                "gateway.tetrate.io/path, or ./demo pulumi config set naiveRoute false"
            )
    return Plan(
        settings=settings,
        documents=documents,
        routes=sorted(found, key=lambda route: route.tls_secret is None),
        profile=parsed,
        secrets=[
            secrets.checked(document, manifest.shown(settings.online_banking_secret))
            for document in manifest.load(settings.online_banking_secret)
        ],
        backend=backend,
    )


def _place(settings: Settings) -> Place:
    return Place(
        source=manifest.shown(settings.http_profile),
        clusters=len(settings.clusters),
        platform=settings.platform,
        lb_mode=settings.lb_mode,
    )
