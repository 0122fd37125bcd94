"""Certificates and kubeconfigs of an embedded cluster: who is who, and to whom."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64decode
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from localkube import pki, programs
from localkube.spec import ClusterSpec, dns_address, service_range

NAMES = st.from_regex(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?", fullmatch=True)
"""As a stack's settings allow."""
INDEX = st.integers(0, 13)
ISSUERS = {
    "ca": "ca",
    "apiserver": "ca",
    "apiserver-kubelet-client": "ca",
    "controller-manager": "ca",
    "scheduler": "ca",
    "kubelet-1": "ca",
    "kubelet-2": "ca",
    "etcd/ca": "etcd/ca",
    "etcd/server": "etcd/ca",
    "etcd/peer": "etcd/ca",
    "apiserver-etcd-client": "etcd/ca",
    "front-proxy-ca": "front-proxy-ca",
    "front-proxy-client": "front-proxy-ca",
}
"""Each certificate, and the authority that signed it."""


def made(folder: Path, name: str = "east-cluster", index: int = 0, nodes: int = 2) -> ClusterSpec:
    spec = ClusterSpec(str(folder), name, index, nodes, 6443)
    pki.create(spec)
    return spec


def certificate(spec: ClusterSpec, file: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((spec.pki / f"{file}.crt").read_bytes())


def identity(kubeconfig: Path) -> tuple[x509.Certificate, bytes, str]:
    """Return the user's certificate and key, and the API server's address."""
    config = json.loads(kubeconfig.read_text())
    user, cluster = config["users"][0]["user"], config["clusters"][0]["cluster"]
    shown = x509.load_pem_x509_certificate(b64decode(user["client-certificate-data"]))
    return shown, b64decode(user["client-key-data"]), cluster["server"]


def subject(shown: x509.Certificate) -> tuple[str, list[str]]:
    """Return the user's name and groups, as an API server reads them."""
    (name,) = shown.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    groups = shown.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return str(name.value), [str(group.value) for group in groups]


def usages(shown: x509.Certificate) -> set[x509.ObjectIdentifier]:
    return set(shown.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


@given(NAMES, INDEX, st.integers(1, 3))
@settings(max_examples=15)
def test_each_kubelet_is_the_node_that_it_runs(
    tmp_path_factory: pytest.TempPathFactory, name: str, index: int, nodes: int
) -> None:
    spec = made(tmp_path_factory.mktemp("lab"), name, index, nodes)
    authority = certificate(spec, "ca")
    for node in spec.members:
        shown, _, server = identity(node.kubeconfig)
        shown.verify_directly_issued_by(authority)
        assert subject(shown) == (f"system:node:{node.name}", ["system:nodes"])
        assert usages(shown) == {ExtendedKeyUsageOID.CLIENT_AUTH}, "it could pose as a server"
        assert server == f"https://{spec.endpoint}"


@given(NAMES, INDEX, st.integers(1, 3))
@settings(max_examples=15)
def test_each_kubelet_serves_under_the_address_that_the_api_server_calls(
    tmp_path_factory: pytest.TempPathFactory, name: str, index: int, nodes: int
) -> None:
    spec = made(tmp_path_factory.mktemp("lab"), name, index, nodes)
    for node in spec.members:
        served = programs.kubelet_config(node)["tlsCertFile"]
        shown = x509.load_pem_x509_certificate(Path(served).read_bytes())
        shown.verify_directly_issued_by(certificate(spec, "ca"))
        called = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert called.get_values_for_type(x509.IPAddress) == [IPv4Address(node.address)]
        assert usages(shown) == {ExtendedKeyUsageOID.SERVER_AUTH}, "it could pose as a client"


@given(NAMES, INDEX)
@settings(max_examples=15)
def test_the_api_server_has_each_name_by_which_it_is_called(
    tmp_path_factory: pytest.TempPathFactory, name: str, index: int
) -> None:
    spec = made(tmp_path_factory.mktemp("lab"), name, index, 1)
    shown = certificate(spec, "apiserver")
    shown.verify_directly_issued_by(certificate(spec, "ca"))
    names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = {str(each) for each in names.get_values_for_type(x509.IPAddress)}
    called = names.get_values_for_type(x509.DNSName)
    first_service = str(IPv4Network(service_range(index))[1])
    assert addresses == {spec.members[0].address, "127.0.0.1", first_service}
    assert IPv4Address(first_service) < IPv4Address(dns_address(index))
    assert {"kubernetes.default.svc.cluster.local", "kubernetes", "localhost"} <= set(called)


def test_every_certificate_has_its_key_and_its_authority(tmp_path: Path) -> None:
    spec = made(tmp_path)
    files = {str(f.relative_to(spec.pki).with_suffix("")) for f in spec.pki.rglob("*.crt")}
    assert files == set(ISSUERS)
    for file, issuer in ISSUERS.items():
        shown = certificate(spec, file)
        key = load_pem_private_key((spec.pki / f"{file}.key").read_bytes(), None)
        assert key.public_key() == shown.public_key()
        shown.verify_directly_issued_by(certificate(spec, issuer))
    public = load_pem_public_key((spec.pki / "sa.pub").read_bytes())
    assert load_pem_private_key((spec.pki / "sa.key").read_bytes(), None).public_key() == public


@pytest.mark.parametrize(
    ("file", "name", "groups"),
    [
        ("admin.conf", "kubernetes-admin", ["kubeadm:cluster-admins"]),
        ("super-admin.conf", "kubernetes-super-admin", ["system:masters"]),
        ("controller-manager.conf", "system:kube-controller-manager", []),
        ("scheduler.conf", "system:kube-scheduler", []),
        ("kube-proxy.conf", "system:kube-proxy", []),
        ("controllers.conf", "localkube:controllers", []),
    ],
)
def test_each_part_is_the_user_whose_rights_it_needs(
    tmp_path: Path, file: str, name: str, groups: list[str]
) -> None:
    spec = made(tmp_path)
    shown, key, _ = identity(spec.kubeconfigs / file)
    shown.verify_directly_issued_by(certificate(spec, "ca"))
    assert load_pem_private_key(key, None).public_key() == shown.public_key()
    assert subject(shown) == (name, groups)


def test_nobody_else_can_read_keys_and_kubeconfigs(tmp_path: Path) -> None:
    spec = made(tmp_path)
    files = [f for folder in (spec.pki, spec.kubeconfigs) for f in folder.rglob("*") if f.is_file()]
    assert {f.stat().st_mode & 0o777 for f in files} == {0o600}
    assert spec.kubeconfigs.stat().st_mode & 0o777 == 0o700


def test_the_administrators_kubeconfig_leads_by_loopback(tmp_path: Path) -> None:
    spec = made(tmp_path)
    config = json.loads(pki.user_kubeconfig(spec))
    assert config["current-context"] == spec.name
    (cluster,) = config["clusters"]
    assert cluster["cluster"]["server"] == "https://127.0.0.1:6443"
    (user,) = config["users"]
    shown = x509.load_pem_x509_certificate(b64decode(user["user"]["client-certificate-data"]))
    assert subject(shown)[0] == "kubernetes-admin"


def test_who_reads_a_kubeconfig_loads_no_cryptography() -> None:
    script = "import sys, localkube.machine; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
