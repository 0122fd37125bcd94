"""The stand-in's Google Cloud: objects in a folder, rules of order, and real clusters."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import yaml

from localkube import cluster as localkube
from localkube import pki
from localkube.api import Api
from localkube.spec import ClusterSpec

CLUSTER = "gcp:container/cluster:Cluster"
NODES = "gcp:container/nodePool:NodePool"
NETWORK = "gcp:compute/network:Network"
SUBNETWORK = "gcp:compute/subnetwork:Subnetwork"
ROUTER = "gcp:compute/router:Router"
NAT = "gcp:compute/routerNat:RouterNat"
SERVICE = "gcp:projects/service:Service"
MEMBER = "gcp:projects/iAMMember:IAMMember"
ACCOUNT = "gcp:serviceaccount/account:Account"

NEEDED_API = {
    CLUSTER: "container", NODES: "container", NETWORK: "compute", SUBNETWORK: "compute",
    ROUTER: "compute", NAT: "compute", ACCOUNT: "iam", MEMBER: "cloudresourcemanager",
}  # fmt: skip

REFUSED_BESIDE_AUTOPILOT = ("removeDefaultNodePool", "enableShieldedNodes")
"""Source: `ConflictsWith` in google/services/container/resource_container_cluster.go."""

Object = dict[str, Any]


class Refused(Exception):
    """What Google would answer with an error."""


class Cloud:
    """One project."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.project = ""
        self._lock = threading.Lock()
        settings = json.loads((folder / "settings.json").read_text())
        self._first_port: int = settings["firstPort"]
        """First of a run of ports: one for each cluster's API server."""
        self._edge_ports: dict[str, int] = settings["edgePorts"]
        """Ports of the host that lead to ports of the cluster corp-edge."""

    def objects(self, *kinds: str) -> list[Object]:
        """All objects of these types, or all."""
        files = sorted((self.folder / "objects").glob("*.json"))
        found = [each for each in map(_read, files) if each]  # one may just have been deleted
        return [each for each in found if not kinds or each["type"] in kinds]

    def read(self, identity: str) -> Object | None:
        """The object with this id, as it is."""
        return _read(self._file(identity))

    def create(self, kind: str, inputs: dict[str, Any]) -> Object:
        """Makes an object. Raises Refused."""
        with self._lock:
            self._check_new(kind, inputs)
            made = {"type": kind, "id": self._identity(kind, inputs), "inputs": inputs}
            if self.read(made["id"]):
                raise Refused(f"409: {made['id']} exists already")
            self._write({**made, "outputs": {}})
            index = len(self.objects(CLUSTER)) - 1
            if kind == SERVICE:
                self._enable(inputs["service"])
        try:
            outputs = self._outputs(kind, inputs, made["id"], index)
        except BaseException:
            self._file(made["id"]).unlink()
            raise
        complete = {**made, "outputs": {**inputs, **outputs}}
        self._write(complete)
        self.note("create", complete)
        return complete

    def update(self, identity: str, inputs: dict[str, Any]) -> Object:
        """Changes an object in its place."""
        old = self.read(identity)
        if old is None:
            raise Refused(f"404: {identity} is not there")
        new = {**old, "inputs": inputs, "outputs": {**old["outputs"], **inputs}}
        self._write(new)
        self.note("update", new)
        return new

    def delete(self, identity: str) -> None:
        """Takes an object away. Raises Refused when others still need it."""
        found = self.read(identity)
        if found is None:
            return
        for why in self._holds(found):
            raise Refused(f"400: {identity} cannot be deleted: {why}")
        if found["type"] == CLUSTER:
            localkube.delete(self._spec(found["inputs"]["name"]))
        self._file(identity).unlink()
        self.note("delete", found)

    def note(self, what: str, about: Object) -> None:
        """Adds a line to the journal, which tests read."""
        with self._lock, (self.folder / "journal").open("a") as file:
            file.write(f"{what} {about['type'].rpartition(':')[2]} {about['id']}\n")

    def _check_new(self, kind: str, inputs: dict[str, Any]) -> None:
        api = NEEDED_API.get(kind)
        if api and f"{api}.googleapis.com" not in self._enabled():
            raise Refused(f"403: {api}.googleapis.com is not enabled in project {self.project}")
        if "network" in inputs:
            self._referred(NETWORK, "selfLink", inputs["network"])
        if kind == SUBNETWORK:
            self._check_ranges(inputs)
        if kind == NAT:
            self._referred(ROUTER, "name", inputs["router"])
        if kind == MEMBER:
            self._referred(ACCOUNT, "member", inputs["member"])
        if kind == NODES:
            self._referred(CLUSTER, "name", inputs["cluster"])
            self._referred(ACCOUNT, "email", inputs["nodeConfig"]["serviceAccount"])
        if kind == CLUSTER:
            subnetwork = self._referred(SUBNETWORK, "selfLink", inputs["subnetwork"])["inputs"]
            if not inputs["location"].startswith(subnetwork["region"]):
                raise Refused("400: the subnetwork is in another region")
            names = {each["rangeName"] for each in subnetwork["secondaryIpRanges"]}
            policy = inputs["ipAllocationPolicy"]
            if not set(policy.values()) <= names:
                raise Refused(f"400: the subnetwork has no secondary ranges {policy}")

    def _check_ranges(self, inputs: dict[str, Any]) -> None:
        def all_of(subnetwork: dict[str, Any]) -> list[IPv4Network]:
            more = [each["ipCidrRange"] for each in subnetwork["secondaryIpRanges"]]
            return [IPv4Network(text) for text in (subnetwork["ipCidrRange"], *more)]

        taken = [r for other in self.objects(SUBNETWORK) for r in all_of(other["inputs"])]
        for one in all_of(inputs):
            if any(one.overlaps(other) for other in taken):
                raise Refused(f"400: {one} overlaps another range of the network")

    def _referred(self, kind: str, key: str, value: str) -> Object:
        for found in self.objects(kind):
            if found["outputs"].get(key) == value:
                return found
        raise Refused(f"404: there is no {kind} whose {key} is {value}")

    def _holds(self, found: Object) -> Iterator[str]:
        kind, outputs = found["type"], found["outputs"]
        if kind == NETWORK:
            for user in self.objects(SUBNETWORK, ROUTER, CLUSTER):
                if user["inputs"]["network"] == outputs["selfLink"]:
                    yield f"{user['id']} uses it"
        if kind == SUBNETWORK:
            for user in self.objects(CLUSTER):
                if user["inputs"]["subnetwork"] == outputs["selfLink"]:
                    yield f"{user['id']} uses it"
        if kind == CLUSTER:
            if outputs.get("deletionProtection", True):
                yield "it has deletionProtection"
            yield from self._balancers(outputs["name"])
        if kind == NODES:
            yield from self._balancers(outputs["cluster"])
        if kind == ACCOUNT:
            for user in self.objects(NODES):
                if user["inputs"]["nodeConfig"]["serviceAccount"] == outputs["email"]:
                    yield f"{user['id']} acts for it"

    def _balancers(self, cluster: str) -> Iterator[str]:
        """Load balancers that Google would still run, and that nobody would take back later."""
        api = Api(pki.user_kubeconfig(self._spec(cluster)), timeout=5)
        for service in api.call("GET", "/api/v1/services")["items"]:
            if service["spec"]["type"] == "LoadBalancer":
                metadata = service["metadata"]
                yield f"a forwarding rule is left of {metadata['namespace']}/{metadata['name']}"

    def _outputs(
        self, kind: str, inputs: dict[str, Any], identity: str, index: int
    ) -> dict[str, Any]:
        outputs = {"project": self.project, "selfLink": f"https://example.com/{identity}"}
        if kind == ACCOUNT:
            email = f"{inputs['accountId']}@{self.project}.iam.gserviceaccount.com"
            return {**outputs, "email": email, "member": f"serviceAccount:{email}"}
        if kind != CLUSTER:
            return outputs
        spec = ClusterSpec(
            lab=str(self.folder / "lab"),
            name=inputs["name"],
            index=index,
            nodes=1,
            api_port=self._first_port + index,
            ports=self._edge_ports if inputs["name"].startswith("corp-edge") else {},
        )
        localkube.create(spec, identity)
        admin = yaml.safe_load(pki.user_kubeconfig(spec))
        authority = admin["clusters"][0]["cluster"]["certificate-authority-data"]
        return {
            **outputs,
            "endpoint": f"127.0.0.1:{spec.api_port}",
            "masterAuth": {"clusterCaCertificate": authority},
        }

    def _spec(self, cluster: str) -> ClusterSpec:
        return ClusterSpec.load(self.folder / "lab" / "clusters" / cluster)

    def _identity(self, kind: str, inputs: dict[str, Any]) -> str:
        name = inputs.get("name") or inputs.get("service") or inputs.get("accountId")
        parts = [kind.rpartition(":")[2], inputs.get("location") or inputs.get("region")]
        parts += [inputs.get("cluster"), name or f"{inputs.get('role')} {inputs.get('member')}"]
        return "/".join(["projects", self.project, *filter(None, parts)])

    def _enabled(self) -> list[str]:
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / "apis").read_text().split()
        return []

    def _enable(self, api: str) -> None:
        with (self.folder / "apis").open("a") as file:
            file.write(f"{api}\n")

    def _file(self, identity: str) -> Path:
        return self.folder / "objects" / f"{identity.replace('/', '_')}.json"

    def _write(self, made: Object) -> None:
        file = self._file(made["id"])
        file.parent.mkdir(exist_ok=True)
        arriving = file.with_suffix(f".{threading.get_ident()}")
        arriving.write_text(json.dumps(made, indent=1))
        arriving.replace(file)


def _read(file: Path) -> Object | None:
    with contextlib.suppress(FileNotFoundError):
        return dict(json.loads(file.read_text()))
    return None
