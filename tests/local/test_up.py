"""After `./demo up`: the outputs of the contract and the portal as clients see it."""

from __future__ import annotations

import re
import socket
import ssl
import stat
import subprocess
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.checkout import APPLICATION, CLUSTERS, Checkout
from tests.support.traffic import Answer, ask, served

HOST = "online-banking.dynabank.com"


def curl(*arguments: str, authority: Path) -> str:
    """Status line, headers and body, as curl prints them; no redirect is followed."""
    command = ["curl", "--silent", "--show-error", "--include", "--http1.1", "--cacert"]
    done = subprocess.run(
        [*command, str(authority), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def header(answer: str, name: str) -> str:
    match = re.search(rf"^{name}: (.*)$", answer, re.MULTILINE | re.IGNORECASE)
    assert match, f"no header {name} in {answer}"
    return match.group(1)


@pytest.fixture
def authority(outputs: dict[str, Any], tmp_path: Path) -> Path:
    """The authority's certificate, taken from the stack's outputs."""
    file = tmp_path / "ca.pem"
    file.write_text(outputs["caCertificate"])
    return file


def test_up_ends_with_the_url_and_a_line_to_paste_that_works(demo: Checkout, up: str) -> None:
    *_, url, _, line = up.strip().splitlines()
    assert url == f"https://127.0.0.1:{demo.ports['west']}/web-portal"
    assert demo.run(*line.split(), "--silent").output.startswith("<!doctype html>")


def test_the_outputs_are_those_of_the_contract(demo: Checkout, outputs: dict[str, Any]) -> None:
    assert outputs["url"] == f"https://127.0.0.1:{demo.ports['west']}/web-portal"
    assert outputs["host"] == HOST
    assert outputs["lbMode"] == "active"
    assert outputs["edgeWeights"] == {"east-cluster": 100, "west-cluster": 100}
    assert outputs["kubeconfig"] == str(demo.private() / "kubeconfig")
    assert outputs["caCertificate"].startswith("-----BEGIN CERTIFICATE-----")


def test_the_page_is_served_by_address_and_by_host_name(
    outputs: dict[str, Any], authority: Path
) -> None:
    url = urlsplit(outputs["url"])
    by_name = f"https://{HOST}:{url.port}{url.path}"
    resolve = f"{HOST}:{url.port}:{url.hostname}"
    for arguments in ([outputs["url"]], ["--resolve", resolve, by_name]):
        answer = curl(*arguments, authority=authority)
        assert answer.startswith("HTTP/1.1 200 ")
        cluster, pod = header(answer, "x-served-by-cluster"), header(answer, "x-served-by-pod")
        assert cluster in APPLICATION and pod.startswith("web-portal-")
        page = answer.partition("\n\n")[2]
        assert cluster in page and pod in page


def test_http_2_is_spoken(outputs: dict[str, Any], authority: Path) -> None:
    assert curl("--http2", outputs["url"], authority=authority).startswith("HTTP/2 200")


def test_http_is_redirected_to_https(
    demo: Checkout, outputs: dict[str, Any], authority: Path
) -> None:
    plain = f"http://127.0.0.1:{demo.ports['west'] + 1}/web-portal?page=2"
    answer = curl(plain, authority=authority)
    assert re.match(r"HTTP/1\.1 30[18] ", answer)
    assert header(answer, "location") == outputs["url"] + "?page=2"


def test_an_unknown_host_and_an_unknown_path_are_not_found(
    outputs: dict[str, Any], authority: Path
) -> None:
    unknown = ["--header", "Host: elsewhere.dynabank.com", outputs["url"]]
    assert curl(*unknown, authority=authority).startswith("HTTP/1.1 404 ")
    other = outputs["url"].replace("/web-portal", "/elsewhere")
    assert curl(other, authority=authority).startswith("HTTP/1.1 404 ")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2])
def test_the_edge_speaks_tls_1_2_and_refuses_1_1(
    outputs: dict[str, Any], version: ssl.TLSVersion
) -> None:
    context = ssl.create_default_context(cadata=outputs["caCertificate"])
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # else this client itself would refuse 1.1
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.minimum_version = context.maximum_version = version
    url = urlsplit(outputs["url"])
    refused = ""
    with socket.create_connection((url.hostname or "", url.port or 0), timeout=5) as plain:
        try:
            context.wrap_socket(plain, server_hostname=HOST).close()
        except ssl.SSLError as error:
            refused = error.reason
    expected = "TLSV1_ALERT_PROTOCOL_VERSION" if version is ssl.TLSVersion.TLSv1_1 else ""
    assert refused == expected


def test_in_mode_active_both_clusters_answer(outputs: dict[str, Any]) -> None:
    answers = ask(outputs, 40)
    assert [answer for answer in answers if answer.lost] == list[Answer]()
    assert set(served(answers)) == set(APPLICATION)


def test_git_status_stays_clean(demo: Checkout) -> None:
    demo.outputs()
    assert demo.run("git", "status", "--porcelain").output == ""


def test_the_kubeconfig_is_private_and_has_the_three_contexts(
    demo: Checkout, outputs: dict[str, Any]
) -> None:
    assert stat.S_IMODE(Path(outputs["kubeconfig"]).stat().st_mode) == 0o600
    assert stat.S_IMODE((demo.folder / ".demo").stat().st_mode) == 0o700
    names = demo.demo("kubectl", "config", "get-contexts", "--output=name").output.split()
    assert sorted(names) == sorted(CLUSTERS)


def test_no_file_with_a_secret_is_readable_by_others(demo: Checkout) -> None:
    private = demo.folder / ".demo"
    for file in (private, private / "passphrase", private / "pulumi", demo.private()):
        assert file.stat().st_mode & 0o077 == 0 or file.parent.stat().st_mode & 0o077 == 0
    state = private / "pulumi" / ".pulumi" / "stacks" / "multi-cluster-resiliency" / "west.json"
    assert "client-key-data" not in state.read_text()
    assert "PRIVATE KEY" not in state.read_text()


def test_up_again_changes_nothing(demo: Checkout) -> None:
    assert demo.preview() == []
    done = demo.demo("pulumi", "up", "--yes", "--skip-preview", "--expect-no-changes")
    assert re.search(r"Resources:\n +\d+ unchanged\n", done.output)
