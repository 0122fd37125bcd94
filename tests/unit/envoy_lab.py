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
import shutil
import signal
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path

import yaml

from components.certificates import KeyPair, authority, leaf
from components.envoy.common import Listen, Paths, edge_san, gateway_san
from components.envoy.edge import EdgeConfig, edge_files
from components.envoy.gateway import GatewayConfig, gateway_files
from components.profile import HttpProfile, http_profile
from components.routes import Route, routes
from components.routing import ApplicationCluster, Target, gateway_targets

MANIFESTS = Path(__file__).parents[2] / "manifests"
HOST = "online-banking.dynabank.com"
EAST = ApplicationCluster("east-cluster", "us-east1")
WEST = ApplicationCluster("west-cluster", "us-west1")
CLUSTERS = [EAST, WEST]
COLOURS = {"east-cluster": "#d97706", "west-cluster": "#2563eb"}


def envoy_binary() -> Path:
    """Gives the Envoy of the environment that runs the tests."""
    beside = Path(sys.executable).parent / "envoy"
    found = str(beside) if beside.exists() else shutil.which("envoy")
    assert found, "no envoy; install requirements.txt"
    return Path(found)


def portal_documents() -> list[dict]:
    return list(yaml.safe_load_all((MANIFESTS / "app.yaml").read_text()))


def portal_route() -> Route:
    return routes(portal_documents())[0]


def shipped_profile() -> HttpProfile:
    return http_profile(yaml.safe_load((MANIFESTS / "http-profile.yaml").read_text()))


def forgiving_profile() -> HttpProfile:
    """Gives the shipped profile with short ejections, so that tests need not wait for the end."""
    shipped = shipped_profile()
    short = replace(shipped.outlier_detection, base_ejection_time=1.0, max_ejection_time=1.0)
    return replace(shipped, outlier_detection=short)


def eventually(condition: Callable[[], bool], what: str, seconds: float = 8) -> None:
    """Waits until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)


@dataclass(frozen=True)
class Answer:
    """What came back from one request."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def cluster(self) -> str:
        return self.headers.get("x-served-by-cluster", "")

    @property
    def pod(self) -> str:
        return self.headers.get("x-served-by-pod", "")


def ask(
    address: str,
    port: int,
    path: str = "/web-portal",
    *,
    tls: ssl.SSLContext | None = None,
    sni: str | None = HOST,
    host: str = HOST,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Sends one request on a new connection; no retries. Raises OSError, HTTPException."""
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(socket.create_connection((address, port), timeout=5))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            sock = stack.enter_context(tls.wrap_socket(sock, server_hostname=sni))
        connection = HTTPConnection(host)
        connection.sock = sock
        connection.request(method, path, headers={"Host": host, **(headers or {})})
        response: HTTPResponse = connection.getresponse()
        fields = {key.lower(): value for key, value in response.getheaders()}
        return Answer(response.status, fields, response.read().decode())


class _Dns(socketserver.ThreadingUDPServer):
    """Answers A queries from `names`; everything else, and a name without pods, is empty."""

    daemon_threads = True

    def __init__(self, address: str) -> None:
        self.names: dict[str, list[str]] = {}
        super().__init__((address, 0), _DnsHandler)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


class _DnsHandler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        query, sock = self.request
        labels, position = [], 12
        while query[position]:
            length = query[position]
            labels.append(query[position + 1 : position + 1 + length].decode())
            position += 1 + length
        end = position + 5
        kind = struct.unpack("!H", query[position + 1 : position + 3])[0]
        addresses = self.server.names.get(".".join(labels), []) if kind == 1 else []
        head = query[:2] + struct.pack("!HHHHH", 0x8580, 1, len(addresses), 0, 0)
        records = b"".join(
            struct.pack("!HHHIH", 0xC00C, 1, 1, 1, 4) + socket.inet_aton(a) for a in addresses
        )
        sock.sendto(head + query[12:end] + records, self.client_address)


@dataclass
class Envoy:
    """A running Envoy."""

    name: str
    address: str
    folder: Path
    environment: dict[str, str]
    ready_port: int
    ready_path: str
    process: subprocess.Popen | None = None

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    envoy_binary(),
                    *("--config-path", self.folder / "config" / "envoy.yaml"),
                    *("--service-node", self.name, "--service-cluster", "test"),
                    *("--concurrency", "1", "--log-level", "warning", "--disable-hot-restart"),
                    *("--reject-unknown-dynamic-fields", "--file-flush-interval-msec", "100"),
                ],
                env=self.environment,
                stdout=log,
                stderr=log,
            )

    def ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            return ask(self.address, self.ready_port, self.ready_path).status == 200
        except (OSError, HTTPException):
            return False

    def kill(self) -> None:
        """Ends the process as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def terminate(self) -> None:
        """Ends the process as the kubelet does after the preStop hook."""
        self.signal(signal.SIGTERM)
        assert self.process is not None
        assert self.process.wait(5) == 0
        self.process = None

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def log(self) -> list[dict]:
        """Gives the access log."""
        lines = (self.folder / "log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


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
        self.dns = {c.name: _Dns(self.address()) for c in CLUSTERS}
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

    def write_certificate(self, folder: Path, name: str, issuer: KeyPair) -> Path:
        pair = leaf(issuer, name, [name])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tls.crt").write_text(pair.certificate)
        (folder / "tls.key").write_text(pair.key)
        (folder / "ca.crt").write_text(issuer.certificate)
        return folder

    # -- the tiers ------------------------------------------------------------------------------

    def add_edge(self, name: str, targets: list[Target], **settings: object) -> Envoy:
        address, folder = self.address(), self.folder / name
        self.write_certificate(folder / "mesh", edge_san("corp-edge"), self.mesh)
        assert self.route.tls_secret
        self.write_certificate(folder / "certs" / self.route.tls_secret, HOST, self.clients)
        config = EdgeConfig(
            routes=(self.route,),
            targets=tuple(targets),
            profile=self.profile,
            own_addresses=(address,),
            https_port=10443,
            listen=_listen(address),
            paths=_paths(folder),
            **settings,
        )
        return self._add(name, address, edge_files(config))

    def add_gateway(self, cluster: ApplicationCluster) -> Envoy:
        name, address = f"gateway-{cluster.name}", self.gateways[cluster.name]
        folder = self.folder / name
        self.write_certificate(folder / "mesh", gateway_san(cluster.name), self.mesh)
        config = GatewayConfig(
            cluster=cluster.name,
            region=cluster.region,
            routes=(self.route,),
            peers=tuple(gateway_targets(cluster.name, CLUSTERS, self.gateways)),
            profile=self.profile,
            cluster_domain=f"{cluster.name}.test",
            listen=_listen(address),
            paths=_paths(folder),
            dns_server=self.dns[cluster.name].server_address,
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
        return f"web-portal-pods.transaction-service.svc.{cluster.name}.test"

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
        for file, text in files.items():
            (folder / file).write_text(text)
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
        """Gives what an Envoy thinks is wrong with each of its upstream addresses."""
        answer = ask(self.envoys[name].address, 9901, "/clusters?format=json")
        result: dict[str, set[str]] = {}
        for cluster in json.loads(answer.body)["cluster_statuses"]:
            if not cluster["name"].startswith(("regions_", "app_")):
                continue
            for host in cluster.get("host_statuses", []):
                health = dict(host["health_status"])
                health.pop("eds_health_status", None)
                where = host["address"]["socket_address"]["address"]
                result[where] = {flag for flag, value in health.items() if value}
        return result


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


def _paths(folder: Path) -> Paths:
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
