"""Backend `gke`: clusters made on Google Cloud by pulumi-gcp.

Imports nothing of pulumi-gcp before it is clear that it is there: it has a folder of its own, which
is on Python's path only when this backend is chosen.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi

from components.backends import gke_state
from components.backends.protocol import MadeCluster
from components.settings.exposure import Exposure
from components.settings.gke import GkeSettings
from components.settings.model import Settings
from foundation import project
from foundation.errors import UserError
from foundation.pulumi_process import is_update
from toolchain import gcp as package

if TYPE_CHECKING:
    from components.backends.gke_foundation import Foundation

AUTH_PLUGIN = "gke-gcloud-auth-plugin"
"""What kubectl and Pulumi's provider ask for a token of the user's."""

INTERNAL = {
    "networking.gke.io/load-balancer-type": "Internal",
    "networking.gke.io/internal-load-balancer-allow-global-access": "true",
}
"""Annotations of the regional gateways' Services: an address in the network alone, that the
clusters of other regions reach as well. Only the edge is in the internet."""

_KEYS = ("GOOGLE_CREDENTIALS", "GOOGLE_CLOUD_KEYFILE_JSON", "GCLOUD_KEYFILE_JSON")
_TOKEN = "GOOGLE_OAUTH_ACCESS_TOKEN"  # noqa: S105 - the name of a variable
_FILE = "GOOGLE_APPLICATION_CREDENTIALS"
_MACHINE = Path("/sys/class/dmi/id/product_name")


class GkeBackend:
    """One network a stack; a cluster keeps its position in the address plan while it is there."""

    exposure = Exposure(gateway_annotations=INTERNAL)
    _known: gke_state.Resources = ()

    def __init__(self, settings: Settings, own: GkeSettings) -> None:
        """Raises UserError when pulumi-gcp is missing: without it even a preview is impossible.

        Also raises UserError when the state cannot be read: it holds the clusters' addresses.
        """
        if not package.is_ready():
            raise UserError(
                f"backend gke needs pulumi-gcp {package.version()} in {package.FOLDER.name}: run "
                f"the same by ./demo, which installs it, or: {package.COMMAND}"
            )
        if package.plugin_is_missing(os.environ):
            raise UserError(
                f"Pulumi's provider for Google Cloud is missing, and is not fetched here by "
                f"itself: ./demo pulumi plugin install resource gcp {package.version()}"
            )
        if str(package.FOLDER) not in sys.path:
            sys.path.append(str(package.FOLDER))
        self._settings, self._own = settings, own
        self._foundation: Foundation | None = None
        state = project.own_state(os.environ, pulumi.get_project(), settings.stack)
        self._known = gke_state.resources(state)
        # Google ends all pods of a node that it moves: never in all clusters at once.
        self._one_by_one = state is None or gke_state.changes_nodes(own.machine_type, self._known)
        self._changed_before: Sequence[pulumi.Resource] = ()
        self._positions = gke_state.positions(settings.cluster_names, self._known)

    @property
    def edge_names(self) -> tuple[str, ...]:
        """What `edgeAddress` says."""
        return (self._own.edge_host,) if self._own.edge_host else ()

    @property
    def https_port(self) -> int:
        """Port at which clients reach the edge."""
        return self._own.edge_port

    def check(self) -> None:
        """Raise UserError when this machine cannot act in Google Cloud, or clusters would go."""
        if not has_credentials(os.environ):
            raise UserError(
                "no Google credentials: gcloud auth application-default login, or name a service "
                f"account's key file in {_FILE}"
            )
        if shutil.which(AUTH_PLUGIN) is None:
            raise UserError(
                f"{AUTH_PLUGIN} is not on PATH; nobody gets into a GKE cluster without it: gcloud "
                f"components install {AUTH_PLUGIN}"
            )
        if self._known and is_update():  # a destroy takes them anyway
            gke_state.check_kept(self._settings.cluster_names, self._own, self._known)

    def make(self, name: str, parent: pulumi.Resource) -> MadeCluster:
        """Register the cluster and, with the first one, what all clusters share."""
        from components.backends.gke_cluster import make_cluster
        from components.backends.gke_foundation import Foundation

        settings = self._settings
        if self._foundation is None:
            self._foundation = Foundation("google-cloud", settings.stack, self._own)
        regions = {each.name: each.region for each in settings.clusters}
        region = regions.get(name, settings.edge_region)
        position = self._positions[name]
        made = make_cluster(
            name, region, position, self._foundation, settings, parent, self._changed_before
        )
        if self._one_by_one:
            self._changed_before = made.ready
        return MadeCluster(
            kubeconfig=pulumi.Output.all(made.endpoint, made.authority).apply(
                lambda known: kubeconfig(name, *known)
            ),
            identity=made.identity,
            gateway_address=None,
            # Each object is deleted by itself: with load balancers and disks that went with their
            # cluster, Google's would stay, and cost money.
            lives_in=None,
            owned=True,
            ready=made.ready,
        )


def kubeconfig(name: str, endpoint: str, authority: str) -> str:
    """Return the kubeconfig of a cluster, of one context; it holds no secret but asks for a token.

    `authority` is the certificate of the cluster's authority, in base64.
    """
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": AUTH_PLUGIN,
        "installHint": f"gcloud components install {AUTH_PLUGIN}",
        "provideClusterInfo": True,
        "interactiveMode": "IfAvailable",
    }
    cluster = {"server": f"https://{endpoint}", "certificate-authority-data": authority}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "clusters": [{"name": name, "cluster": cluster}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "users": [{"name": name, "user": {"exec": plugin}}],
        }
    )


def has_credentials(env: Mapping[str, str], machine: Path = _MACHINE) -> bool:
    """Check whether Google's libraries would find credentials, good or not, where they look.

    `machine` is the file that says whose machine this is: Google's have credentials of their own.
    """
    if any(env.get(key) for key in (*_KEYS, _TOKEN)):
        return True
    if given := env.get(_FILE):
        return Path(given).is_file()
    folder = env.get("CLOUDSDK_CONFIG") or f"{env.get('HOME', '')}/.config/gcloud"
    if Path(folder, "application_default_credentials.json").is_file():
        return True
    try:
        return "Google" in machine.read_text()
    except OSError:
        return False
