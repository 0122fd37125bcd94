"""Real Envoys on loopback addresses: an edge, gateways, portals, with mutual TLS between them.

Every process gets a free 127.x.y.z address of its own, the configuration is what the program
renders (but for addresses and folders), certificates are made for the run, and a small DNS server
says which pods there are, as a cluster's DNS does for a headless Service.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from components.envoy.common import Listen, Paths, edge_san
from components.envoy.edge_clusters import EdgeConfig
from components.envoy.edge_config import edge_files
from components.envoy.gateway_clusters import GatewayConfig
from components.envoy.gateway_config import gateway_files
from components.envoy.tls import MESH, SDS_FILE, sds_file
from components.profile.model import HttpProfile, http_profile
from components.routing.exposed_services import twin_name
from components.routing.routes import Route, routes
from components.routing.targets import ApplicationCluster, Target, gateway_targets, passing_on_to
from foundation.certificates import KeyPair, authority, leaf
from foundation.contract import gateway_san
from foundation.project import ROOT
from tests.support.envoy_process import HOST, Envoy, ask
from tests.support.pod_dns import PodDns
from tests.support.waiting import eventually

MANIFESTS = ROOT / "manifests"
EAST = ApplicationCluster("east-cluster", "us-east1")
WEST = ApplicationCluster("west-cluster", "us-west1")
CLUSTERS = [EAST, WEST]
COLOURS = {"east-cluster": "#d97706", "west-cluster": "#2563eb"}


def portal_documents() -> list[dict]:
    return list(yaml.safe_load_all((MANIFESTS / "app.yaml").read_text()))


def portal_route() -> Route:
    return routes(portal_documents())[0]


def read_profile(file: Path) -> HttpProfile:
    return http_profile(yaml.safe_load(file.read_text()))


def shipped_profile() -> HttpProfile:
    return read_profile(MANIFESTS / "http-profile.yaml")


def forgiving_profile() -> HttpProfile:
    """Gives the shipped profile with short ejections, so that tests need not wait for the end."""
    shipped = shipped_profile()
    short = replace(shipped.outlier_detection, base_ejection_time=1.0, max_ejection_time=1.0)
    return replace(shipped, outlier_detection=short)


@dataclass
class Lab:
    """The whole of it; `folder` holds configuration, certificates and logs."""

    folder: Path
    envoys: dict[str, Envoy] = field(default_factory=dict)
    profile: HttpProfile = field(default_factory=forgiving_profile)
    route: Route = field(default_factory=portal_route)

    def __post_init__(self) -> None:
        self._subnet = _free_subnet()
        self._next = itertools.count(1)
        self.mesh = authority("mesh")
        self.clients = authority("clients")
        self.dns = {c.name: PodDns(self.address()) for c in CLUSTERS}
        self.gateways = {c.name: self.address() for c in CLUSTERS}
        self._customer = ssl.create_default_context(cadata=self.clients.certificate)

    def address(self) -> str:
        return f"{self._subnet}.{next(self._next)}"

    # -- certificates ---------------------------------------------------------------------------

    def mesh_context(self, san: str, issuer: KeyPair | None = None) -> ssl.SSLContext:
        """Gives the TLS context of a mesh member that trusts nobody in particular."""
        folder = self.write_certificate(self.folder / f"as-{san}", san, issuer or self.mesh)
        context = _trusting_nobody()
        context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
        return context

    def client_context(self) -> ssl.SSLContext:
        """Gives the TLS context of a customer, who checks the edge's certificate."""
        return self._customer

    def write_certificate(
        self, folder: Path, name: str, issuer: KeyPair, also: Sequence[str] = ()
    ) -> Path:
        pair = leaf(issuer, name, [name, *also])
        known = MESH if folder.name == "mesh" else folder.name
        folder.mkdir(parents=True, exist_ok=True)
        publish(
            folder,
            {
                "tls.crt": pair.certificate,
                "tls.key": pair.key,
                "ca.crt": issuer.certificate,
                SDS_FILE: sds_file(known, pair.certificate, pair.key),
            },
        )
        return folder

    # -- the tiers ------------------------------------------------------------------------------

    def add_edge(self, name: str, targets: list[Target], **settings: object) -> Envoy:
        address, folder = self.address(), self.folder / name
        self.write_certificate(folder / "mesh", edge_san("corp-edge"), self.mesh)
        assert self.route.tls_secret
        self.write_certificate(folder / "certs" / self.route.tls_secret, HOST, self.clients)
        return self._add(name, address, self.edge_files(name, address, targets, **settings))

    def edge_files(
        self, name: str, address: str, targets: list[Target], **settings: object
    ) -> dict[str, str]:
        folder = self.folder / name
        config = EdgeConfig(
            routes=(self.route,),
            targets=tuple(targets),
            profile=self.profile,
            own_addresses=(address,),
            https_port=10443,
            listen=_listen(address),
            paths=paths(folder),
            **settings,
        )
        return edge_files(config)

    def add_gateway(self, cluster: ApplicationCluster, **settings: object) -> Envoy:
        name, address = f"gateway-{cluster.name}", self.gateways[cluster.name]
        folder = self.folder / name
        self.write_certificate(folder / "mesh", gateway_san(cluster.name), self.mesh)
        config = GatewayConfig(
            cluster=cluster.name,
            region=cluster.region,
            routes=(self.route,),
            peers=tuple(gateway_targets(cluster.name, CLUSTERS, self.gateways)),
            passing_on=tuple(passing_on_to(cluster.name, CLUSTERS)),
            profile=self.profile,
            cluster_domain=f"{cluster.name}.test",
            listen=_listen(address),
            paths=paths(folder),
            dns_server=self.dns[cluster.name].server_address,
            **settings,
        )
        return self._add(name, address, gateway_files(config))

    def add_pod(self, cluster: ApplicationCluster, number: int) -> Envoy:
        name, address = f"pod-{cluster.name}-{number}", self.address()
        folder = self.folder / name / "config"
        data = next(d for d in portal_documents() if d["kind"] == "ConfigMap")["data"]
        files = {
            file: text.replace("/etc/portal", str(folder))
            .replace("127.0.0.1", address)
            .replace("0.0.0.0", address)
            for file, text in data.items()
        }
        place = {
            "CLUSTER": cluster.name,
            "REGION": cluster.region,
            "REGION_COLOUR": COLOURS[cluster.name],
        }
        pod = self._add(name, address, files, place, (3000, "/healthz"))
        self.show_pods(cluster, [*self.shown_pods(cluster), address])
        return pod

    def shown_pods(self, cluster: ApplicationCluster) -> list[str]:
        return self.dns[cluster.name].names.get(self._headless(cluster), [])

    def show_pods(self, cluster: ApplicationCluster, addresses: list[str]) -> None:
        """Sets what the cluster's DNS says the ready pods are."""
        self.dns[cluster.name].names[self._headless(cluster)] = addresses

    def _headless(self, cluster: ApplicationCluster) -> str:
        return f"{twin_name(self.route.service)}.{self.route.namespace}.svc.{cluster.name}.test"

    def _add(
        self,
        name: str,
        address: str,
        files: Mapping[str, str],
        environment: Mapping[str, str] | None = None,
        ready: tuple[int, str] = (9902, "/readyz"),
    ) -> Envoy:
        folder = self.folder / name / "config"
        folder.mkdir(parents=True)
        publish(folder, files)
        own = {"POD_NAME": name, **(environment or {})}
        self.envoys[name] = Envoy(name, address, folder.parent, own, *ready)
        return self.envoys[name]

    # -- running --------------------------------------------------------------------------------

    def start(self, *names: str) -> None:
        started = [self.envoys[name] for name in names or self.envoys]
        for envoy in started:
            envoy.start()
        for envoy in started:
            eventually(envoy.ready, f"{envoy.name} is ready\n{(envoy.folder / 'log').read_text()}")

    def stop(self) -> None:
        for envoy in self.envoys.values():
            envoy.kill()
        for dns in self.dns.values():
            dns.shutdown()
            dns.server_close()

    def hosts(self, name: str) -> dict[str, set[str]]:
        """Return what any Envoy cluster of an Envoy finds wrong with each upstream address."""
        answer = ask(self.envoys[name].address, 9901, "/clusters?format=json")
        result: dict[str, set[str]] = {}
        for cluster in json.loads(answer.body)["cluster_statuses"]:
            if not cluster["name"].startswith(("regions_", "local_", "peers_")):
                continue
            for host in cluster.get("host_statuses", []):
                health = dict(host["health_status"])
                health.pop("eds_health_status", None)
                where = host["address"]["socket_address"]["address"]
                wrong = result.setdefault(where, set())
                wrong |= {flag for flag, value in health.items() if value}
        return result


def publish(folder: Path, files: Mapping[str, str]) -> None:
    """Puts the files of a volume in place all at once, as the kubelet does."""
    kept = folder / f"..{len(list(folder.glob('..[0-9]*')))}"
    kept.mkdir()
    for file, text in files.items():
        (kept / file).write_text(text)
        if not (folder / file).exists():
            (folder / file).symlink_to(f"..data/{file}")
    (folder / "..data_tmp").symlink_to(kept.name)
    (folder / "..data_tmp").rename(folder / "..data")


@contextlib.contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    """Gives a lab whose processes end with it, whatever happens."""
    made = Lab(folder)
    try:
        yield made
    finally:
        made.stop()


def _listen(address: str) -> Listen:
    return Listen(address=address, admin_address=address)


def paths(folder: Path) -> Paths:
    return Paths(str(folder / "config"), str(folder / "mesh"), str(folder / "certs"))


def _trusting_nobody() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _free_subnet() -> str:
    """Gives the first three numbers of a loopback range that nobody else uses at the moment."""
    while True:
        subnet = f"127.{random.randrange(20, 250)}.{random.randrange(1, 250)}"
        with socket.socket() as probe:
            try:
                probe.bind((f"{subnet}.1", 9901))
            except OSError:
                continue
        return subnet
