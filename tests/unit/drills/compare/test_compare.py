"""A comparison without processes: configurations, the choice of balancers, lanes of a stack."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.application import Application
from drills.compare import balancers, run, stack_access
from drills.compare.balancers import BALANCERS, DIRECT, OURS, chosen
from drills.compare.beside import Beside
from drills.compare.configuration import FOLDER, Gateway, Settings, render
from drills.compare.table import Comparison
from drills.stack import Stack
from foundation.errors import UserError
from foundation.project import ROOT
from tests.support.drill_stack import EAST, WEST

GOLDEN = ROOT / "tests" / "golden" / "compare"
SETTINGS = Settings(
    address="127.0.0.1",
    port=21080,
    host="online-banking.dynabank.com",
    path="/web-portal",
    certificate=Path("/run/compare/client.pem"),
    client=Path("/run/compare/mesh.pem"),
    ca=Path("/run/compare/ca.pem"),
    folder=Path("/run/compare/balancer"),
    gateways=[
        Gateway(EAST, "10.89.0.33", 15443, "gateway.east-cluster.mesh"),
        Gateway(WEST, "10.89.0.49", 15443, "gateway.west-cluster.mesh"),
    ],
)


@pytest.mark.parametrize("balancer", BALANCERS, ids=lambda balancer: balancer.name)
def test_what_is_rendered_is_what_was_reviewed(balancer: balancers.Balancer) -> None:
    text = render(balancer.file.read_text(), SETTINGS, balancer.file.name)
    file = GOLDEN / balancer.file.name
    if os.environ.get("GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert file.read_text() == text
    assert "{{" not in text


def test_every_configuration_belongs_to_a_balancer_and_names_its_sources() -> None:
    files = {file for file in FOLDER.iterdir() if file.suffix != ".requirements"}
    assert files == {balancer.file for balancer in BALANCERS}
    for file in files:
        head = file.read_text().split("\n\n")[0]
        assert "quick start" in head or "source of" in head, file.name


def test_a_line_of_a_gateway_is_written_for_each() -> None:
    text = render("a\n  server {{gateway.cluster}} {{gateway.address}}:{{port}};\nb", SETTINGS, "f")
    lines = [f"  server {g.cluster} {g.address}:21080;" for g in SETTINGS.gateways]
    assert text.splitlines() == ["a", *lines, "b"]


def test_an_unknown_name_is_refused_with_its_line() -> None:
    with pytest.raises(UserError, match=r"own.cfg, line 2: \{\{adres_\}\} is not known"):
        render("ok\nbind {{adres_}}", SETTINGS, "own.cfg")


@given(st.text(alphabet="abc{}$%# \n", max_size=60))
def test_what_names_nothing_is_kept_as_it_is(text: str) -> None:
    if not re.search(r"\{\{[a-z_.]+\}\}", text):
        assert render(text, SETTINGS, "f") == "\n".join(text.splitlines()) + "\n"


def test_without_a_name_all_are_compared_and_with_a_file_of_ones_own_only_that(
    tmp_path: Path,
) -> None:
    own = tmp_path / "Caddyfile"
    own.write_text("")
    assert [b.name for b in chosen([], [])] == [b.name for b in BALANCERS]
    assert [(b.name, b.kind) for b in chosen([], [own])] == [("Caddyfile", balancers.CADDY)]
    both = chosen(["nginx", "nginx"], [own])
    assert [b.name for b in both] == ["nginx", "Caddyfile"]


@pytest.mark.parametrize(
    ("names", "file", "reason"),
    [
        (["varnish"], "", "no balancer 'varnish'. There are: haproxy"),
        (["nginx"], "nginx.conf", "nginx is there twice"),
        ([], "missing.cfg", "There is no configuration"),
        ([], "own.txt", r"ending does not say which program reads it. Known: .cfg \(haproxy\)"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    names: list[str], file: str, reason: str, tmp_path: Path
) -> None:
    if file and file != "missing.cfg":
        (tmp_path / file).write_text("")
    with pytest.raises(UserError, match=reason):
        chosen(names, [tmp_path / file] if file else [])


def test_gateway_and_secrets_are_read_from_the_clusters_objects() -> None:
    service = {"status": {"loadBalancer": {"ingress": [{"ip": "10.89.0.33"}]}}}
    assert stack_access.gateway_of(EAST, service) == SETTINGS.gateways[0]
    with pytest.raises(UserError, match="east-cluster: the gateway's Service has no address yet"):
        stack_access.gateway_of(EAST, {"status": {"loadBalancer": {}}})
    volumes = [
        {"name": "config", "configMap": {"name": "gateway"}},
        {"name": "mesh", "secret": {"secretName": "gateway-mesh"}},
        {"name": "certificate-0", "secret": {"secretName": "bank-tls"}},
        {"name": "certificate-1", "secret": {"secretName": "shop-tls"}},
    ]
    assert stack_access.secrets_of(volumes) == ("gateway-mesh", "bank-tls")
    with pytest.raises(UserError, match="no certificate for clients"):
        stack_access.secrets_of(volumes[:2])


def test_all_lanes_get_the_same_rate(tmp_path: Path) -> None:
    stack = Stack(
        "west",
        tmp_path,
        tmp_path / "kubeconfig",
        {EAST: 100, WEST: 100},
        "active",
        url="https://127.0.0.1:8443/web-portal",
        application=Application(host="online-banking.dynabank.com", path="/web-portal"),
    )
    running = dict.fromkeys(("nginx", "caddy"))
    ports = {"nginx": 1001, "caddy": 1002, DIRECT: 1003}
    others = Beside(
        running, {}, "/web-portal", ports, SETTINGS.gateways[1], tmp_path / "c", tmp_path / "r"
    )
    plan = run.plan(stack, others, run.Pace(rate=10))
    senders = [n.name for p in plan.protocols for n in plan.lanes if p in (n.protocols or [p])]
    each = {lane: plan.rate * senders.count(lane) / len(senders) for lane in senders}
    assert each == {OURS: 10, "nginx": 10, "caddy": 10, DIRECT: 5}
    assert plan.uncounted == ("nginx", "caddy", DIRECT)
    urls = {lane.name: lane.url for lane in plan.lanes}
    assert urls["nginx"] == "https://127.0.0.1:1001/web-portal" and urls[OURS] == stack.url


def test_a_disk_that_is_full_hides_not_why_a_comparison_ended() -> None:
    def full(whole: bool) -> tuple[Comparison, Path]:
        raise OSError(errno.ENOSPC, "No space left on device")

    assert run._kept(full) == "There is no report: [Errno 28] No space left on device"
