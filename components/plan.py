"""What is to be registered, read and checked: nothing of it has been registered yet."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi

from components import client_secrets
from components.application import cluster_info
from components.application.exposed_application import exposed_application
from components.application.objects import taken
from components.backends import choice
from components.backends.protocol import ClusterBackend, Standing
from components.clusters import replacements
from components.documents import checks, references, schema, sources, waiting
from components.documents.origin import ManifestError
from components.envoy import capacity
from components.envoy.edge_clusters import EdgeConfig
from components.profile import lint
from components.profile.lint.model import Context
from components.profile.model import HttpProfile, http_profile
from components.routing import cautions, regions
from components.routing.routes import Route, routes
from components.routing.targets import LbMode, edge_targets
from components.settings.local import LocalSettings
from components.settings.model import Platform, Settings, load
from components.tetrate import served
from components.tetrate.documents import (
    NAMESPACE_LABELS,
    check_tenant,
    exposed_namespaces,
    foreign_namespaces,
)
from components.tls import secrets, validity
from foundation import project
from foundation.contract import GATEWAY_NAMESPACE
from foundation.errors import UserError
from foundation.identity import KUBERNETES_NAMESPACES, Identity, is_core
from foundation.pulumi_process import is_update
from toolchain import patience


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
    backend: ClusterBackend
    platform_documents: Sequence[Mapping[str, Any]] = ()
    """On platform tetrate the Profile and the Tenant that uses it; else none."""

    @property
    def application(self) -> dict[str, Any]:
        """What drills know of the application: see `exposed_application`."""
        return exposed_application(self.routes[0], self.documents)


def make(root: Path) -> Plan:
    """Read the stack's settings and the files that they name; `root` is the project's folder.

    Raises UserError with one line for people when anything of it cannot be used. A preview only
    warns of what this machine lacks, for it may be that of a reviewer or of a pull request. Traps
    in the profile are only warned of: somebody may want to see what they cost.
    """
    patience.factor()  # refused here, in one line, and not in the middle of an update
    settings = load(root)
    plan = read(settings, choice.of(settings))
    warnings = [*settings.without_effect, *checks.hooks(plan.documents)]
    if settings.platform is Platform.ENVOY:
        warnings += cautions.lines(plan.documents, plan.routes)
        warnings += unplaced(settings)
    if isinstance(settings.backend, LocalSettings):  # others are asked, or have kinds of their own
        warnings += checks.undefined(plan.documents)
        namespaces = exposed_namespaces(plan.documents)
        infos = {Identity("", "ConfigMap", each, cluster_info.NAME) for each in namespaces}
        warnings += references.missing(plan.documents, infos)
    warnings += [trap.line for trap in lint.traps(plan.profile, _context(settings))]
    filled = list(filter(secrets.is_filled, plan.secrets))
    file = sources.named(settings.online_banking_secret)
    warnings += client_secrets.uncovered(filled, plan.routes, file)
    warnings += client_secrets.misplaced(plan.documents, filled, plan.routes, file)
    for line in warnings:
        pulumi.log.warn(line)
    try:
        plan.backend.check()
        if settings.platform is Platform.ENVOY:
            capacity.check(_edge(plan))
        state = project.own_state(os.environ, pulumi.get_project(), settings.stack)
        if is_update() and state:
            replacements.check(state, plan.documents)
        if is_update():
            for secret in filled:
                validity.check(secret, file)
        if settings.platform is Platform.TETRATE:
            _check_platform(plan)
    except UserError as error:
        if not pulumi.runtime.is_dry_run():
            raise
        pulumi.log.warn(f"pulumi up would stop here: {error}")
    return plan


def unplaced(settings: Settings) -> list[str]:
    """Return a line for each region that counts as far from all others: its place is not known."""
    used = [cluster.region for cluster in settings.clusters]
    if settings.lb_mode is LbMode.LOCALITY:
        used.append(settings.edge_region)
    return [
        f"region {each} of stack {settings.stack} counts as farther than all others: where it is"
        " is not known. Name a region of Google Cloud or AWS that is near to it"
        for each in regions.unplaced(used)
    ]


def _edge(plan: Plan) -> EdgeConfig:
    """Return the edge's configuration with addresses as long as any, before there are some."""
    settings = plan.settings
    addresses = {cluster.name: "255.255.255.255" for cluster in settings.clusters}
    targets = edge_targets(
        settings.edge_weights, settings.clusters, addresses, settings.edge_region
    )
    return EdgeConfig(
        routes=tuple(plan.routes),
        targets=tuple(targets),
        profile=plan.profile,
        own_addresses=("255.255.255.255",),
        https_port=plan.backend.https_port,
        failback=settings.failback,
    )


def read(settings: Settings, backend: ClusterBackend) -> Plan:
    """Read the files that the settings name. Raises UserError."""
    # Clusters of others may have any namespace; those that the stack makes have none but these.
    unknown = isinstance(backend, Standing)
    present = None if unknown else {*KUBERNETES_NAMESPACES, GATEWAY_NAMESPACE}
    # Only of its own clusters does the demo know the version.
    later = None if isinstance(settings.backend, LocalSettings) else _warn_of_version
    manifest, profile_file = sources.named(settings.manifest), sources.named(settings.http_profile)
    documents = sources.load(settings.manifest, present, later)
    (profile, *more) = sources.load(settings.http_profile)
    if more:
        raise UserError(f"{profile_file} holds {1 + len(more)} documents; keep one")
    own_gateways = settings.platform is Platform.ENVOY
    found = routes(documents, source=manifest, own_gateways=own_gateways)
    parsed = http_profile(profile, source=profile_file)
    for document in documents:
        metadata = document["metadata"]
        named = is_core(document, "Namespace")
        own = metadata["name"] if named else metadata.get("namespace")
        if own == GATEWAY_NAMESPACE:
            where = "move it to another"
            if document["kind"] == "Secret" and document.get("type") == secrets.TLS_KIND:
                file = sources.named(settings.online_banking_secret)
                where = f"a certificate for clients goes into {file}"
            raise UserError(
                f"{manifest}: {document['kind']} {metadata['name']} is in "
                f"{GATEWAY_NAMESPACE}, which is the gateways' own namespace; {where}"
            )
        waiting.seconds(document, manifest)
    if twin := taken(documents):
        raise UserError(
            f"{manifest}: {twin} has the name of the headless Service "
            "that the gateways use; give it another name"
        )
    if not any(route.tls_secret for route in found):
        raise UserError(
            f"{manifest}: no Service is exposed by HTTPS; set "
            "gateway.tetrate.io/protocol and gateway.tetrate.io/tls-secret on one"
        )
    return Plan(
        settings=settings,
        documents=documents,
        routes=sorted(found, key=lambda route: route.tls_secret is None),
        profile=parsed,
        secrets=client_secrets.read(settings, found, later),
        backend=backend,
        platform_documents=_platform_documents(settings, profile),
    )


def _warn_of_version(error: ManifestError) -> None:
    pulumi.log.warn(f"Kubernetes {schema.version()} would refuse this: {error}")


def _platform_documents(
    settings: Settings, profile: Mapping[str, Any]
) -> tuple[Mapping[str, Any], ...]:
    if settings.platform is not Platform.TETRATE:
        return ()
    tenant = check_tenant(
        sources.load(settings.tenant_settings),
        profile,
        sources.named(settings.tenant_settings),
        sources.named(settings.http_profile),
    )
    return (profile, tenant)


def _check_platform(plan: Plan) -> None:
    """Look whether Tetrate's platform is there, as far as can be seen. Raises UserError."""
    assert isinstance(plan.backend, Standing)  # components.settings.model refuses the others
    served.check(plan.backend.raw, plan.platform_documents)
    named = {route.tls_namespace for route in plan.routes if route.tls_secret}
    given = {str(secret["metadata"]["namespace"]) for secret in plan.secrets}
    served.check_namespaces(plan.backend.raw, named | given)
    names = [cluster.name for cluster in plan.settings.clusters]
    for namespace in foreign_namespaces(plan.documents):
        pulumi.log.warn(
            f"{sources.named(plan.settings.manifest)} has no Namespace {namespace}, so label it "
            f"yourself in {', '.join(names)}: kubectl label namespace {namespace} "
            + " ".join(f"{key}={value}" for key, value in NAMESPACE_LABELS.items())
        )


def _context(settings: Settings) -> Context:
    return Context(
        source=sources.named(settings.http_profile),
        clusters=len(settings.clusters),
        platform=settings.platform,
        lb_mode=settings.lb_mode,
    )
