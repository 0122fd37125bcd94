"""What is read and refused before anything is registered."""

from __future__ import annotations

import dataclasses
from base64 import b64encode
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from components import plan
from components.backends import choice
from components.backends.local import LocalBackend
from components.errors import one_line
from components.profile.lint import traps
from components.profile.lint.model import Context
from components.routing.exposed_services import twin_name
from components.routing.targets import ApplicationCluster, LbMode
from components.settings.model import Platform, Settings, read
from foundation.errors import UserError
from foundation.project import ROOT
from tests.support.tls_pairs import certificate, key_pem
from toolchain import patience

EARLIER = ROOT / "tests" / "support" / "profiles" / "earlier-demo.yaml"
OWN = {"host": "shop.example.com", "protocol": "HTTPS", "tls-secret": "shop-certs"}
PLAIN = {"host": "plain.example.com"}


def service(name: str, annotations: dict[str, str]) -> dict[str, Any]:
    notes = {f"gateway.tetrate.io/{key}": text for key, text in annotations.items()}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "shops", "annotations": notes},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8000}]},
    }


NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shops"}}


def chosen(folder: Path, *documents: dict[str, Any], **more: Any) -> Settings:
    manifest = folder / "own.yaml"
    manifest.write_text(yaml.safe_dump_all([NAMESPACE, *documents]))
    return dataclasses.replace(read({}, "west", ROOT), manifest=(manifest,), **more)


class Elsewhere:
    """A backend whose clusters are there already."""

    def raw(self, cluster: str, path: str) -> str:
        raise AssertionError(f"{cluster} is asked for {path}")


def test_an_object_in_a_namespace_that_nobody_makes_is_refused(tmp_path: Path) -> None:
    settings = chosen(tmp_path)
    (manifest,) = settings.manifest
    manifest.write_text(yaml.safe_dump(service("shop", OWN)))
    lines = r"\{apiVersion: v1, kind: Namespace, metadata: \{name: shops\}\}$"
    with pytest.raises(UserError, match=rf"document 1 \(Service shop\) .*'shops', .*{lines}"):
        made(settings)
    elsewhere: Any = Elsewhere()
    assert plan.read(settings, elsewhere).routes[0].namespace == "shops"


@pytest.mark.parametrize("present", ["default", "kube-system", "kube-public", "kube-node-lease"])
def test_namespaces_that_kubernetes_makes_need_no_document(tmp_path: Path, present: str) -> None:
    moved = service("shop", OWN)
    moved["metadata"]["namespace"] = present
    assert made(chosen(tmp_path, moved)).routes[0].namespace == present


def made(settings: Settings) -> plan.Plan:
    return plan.read(settings, choice.of(settings))


def test_the_demos_own_files_are_a_plan() -> None:
    own = made(read({}, "west", ROOT))
    assert [route.service for route in own.routes] == ["web-portal"]
    assert [secret["metadata"]["name"] for secret in own.secrets] == ["online-banking-certs"]


def test_routes_with_tls_come_first(tmp_path: Path) -> None:
    settings = chosen(tmp_path, service("plain", PLAIN), service("shop", OWN))
    assert [route.service for route in made(settings).routes] == ["shop", "plain"]


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ([service("shop", {})], r"own\.yaml: no Service has the annotation '.*host'.*add it to"),
        ([service("shop", PLAIN)], r"own\.yaml: no Service is exposed by HTTPS; set "),
        (
            [
                service("shop", OWN),
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {"name": "mine", "namespace": "tetrate-system"},
                },
            ],
            r"own\.yaml: ConfigMap mine is in tetrate-system, .* move it to another$",
        ),
        (
            [
                service("shop", OWN),
                {
                    "apiVersion": "v1",
                    "kind": "Secret",
                    "type": "kubernetes.io/tls",
                    "metadata": {"name": "shop-certs", "namespace": "tetrate-system"},
                    "data": {"tls.crt": "", "tls.key": ""},
                },
            ],
            r"clients goes into \S*manifests/online-banking-secret\.yaml$",
        ),
        (
            [
                service("shop", OWN),
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "tetrate-system"}},
            ],
            "Namespace tetrate-system is in tetrate-system",
        ),
        (
            [service("shop", OWN), service(twin_name("shop"), {})],
            r"own\.yaml: Service shop-pods-\w+ in namespace shops has the name of the headless",
        ),
    ],
)
def test_a_manifest_that_cannot_be_exposed_is_refused(
    tmp_path: Path, documents: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(UserError, match=message) as refusal:
        made(chosen(tmp_path, *documents))
    assert "\n" not in str(refusal.value)


def own_secret(folder: Path, name: str, namespace: str = "", filled: bool = True) -> Path:
    """Write a Secret as `kubectl create secret tls --dry-run=client -o yaml` does."""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    texts = {"tls.crt": certificate(), "tls.key": key_pem()}
    texts = texts if filled else dict.fromkeys(texts, "")
    data = {key: b64encode(text.encode()).decode() for key, text in texts.items()}
    document = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
    file = folder / "secret.yaml"
    file.write_text(yaml.safe_dump({**document, "type": "kubernetes.io/tls"}))
    return file


@pytest.mark.parametrize("namespace", ["", "tetrate-system"])
@pytest.mark.parametrize("filled", [True, False], ids=["filled", "empty"])
def test_a_secret_is_for_the_namespace_of_the_edge(
    tmp_path: Path, namespace: str, filled: bool
) -> None:
    file = own_secret(tmp_path, "shop-certs", namespace, filled)
    (found,) = made(chosen(tmp_path, service("shop", OWN), online_banking_secret=file)).secrets
    assert found["metadata"] == {"name": "shop-certs", "namespace": "tetrate-system"}


def test_a_secret_for_another_namespace_is_refused_where_the_gateways_are_ours(
    tmp_path: Path,
) -> None:
    file = own_secret(tmp_path, "shop-certs", "default")
    settings = chosen(tmp_path, service("shop", OWN), online_banking_secret=file)
    message = r"secret\.yaml: Secret shop-certs is in namespace default, .* tetrate-system; correct"
    with pytest.raises(UserError, match=message):
        made(settings)
    theirs = dataclasses.replace(settings, platform=Platform.TETRATE)
    assert made(theirs).secrets[0]["metadata"]["namespace"] == "default"


def test_a_certificate_beside_the_application_is_not_what_clients_get(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = own_secret(tmp_path, "shop-certs")
    beside = yaml.safe_load(own_secret(tmp_path, "shop-certs", "shops").read_text())
    settings = chosen(tmp_path, service("shop", OWN), beside)
    own_secret(tmp_path, "shop-certs")
    warnings: list[str] = []
    monkeypatch.setattr(LocalBackend, "check", lambda self: None)
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    for given in (settings, dataclasses.replace(settings, online_banking_secret=file)):
        monkeypatch.setattr(plan, "load", lambda root, given=given: given)
        plan.make(ROOT)
    assert [line for line in warnings if "Secret shop-certs in namespace" in line] == [
        "Secret shop-certs in namespace shops is not the certificate that clients get: that one "
        "goes into manifests/online-banking-secret.yaml"
    ]


@pytest.mark.parametrize("platform", Platform)
def test_a_certificate_that_no_service_names_is_refused(tmp_path: Path, platform: Platform) -> None:
    more = {"online_banking_secret": own_secret(tmp_path, "shop-crt"), "platform": platform}
    message = (
        r"secret\.yaml: Secret shop-crt is named by no annotation gateway\.tetrate\.io/tls-secret; "
        "name it there, or call it shop-certs$"
    )
    with pytest.raises(UserError, match=message):
        made(chosen(tmp_path, service("shop", OWN), service("plain", PLAIN), **more))


def test_an_empty_secret_that_no_service_names_is_no_harm(tmp_path: Path) -> None:
    file = own_secret(tmp_path, "other", "elsewhere", filled=False)
    assert made(chosen(tmp_path, service("shop", OWN), online_banking_secret=file)).routes


@pytest.mark.parametrize("destroys", [True, False], ids=["destroy", "up"])
def test_a_certificate_that_clients_refuse_stops_what_would_show_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, destroys: bool
) -> None:
    warnings: list[str] = []
    file = own_secret(tmp_path, "shop-certs")
    settings = chosen(tmp_path, service("shop", OWN), online_banking_secret=file)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plan, "load", lambda root: settings)
    monkeypatch.setattr(LocalBackend, "check", lambda self: None)
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    monkeypatch.setattr(plan.validity, "datetime", Later)
    if destroys:
        monkeypatch.setenv("PULUMI_RUN_PROGRAM", "true")
        assert plan.make(ROOT).secrets
    else:
        with pytest.raises(UserError, match=r"secret\.yaml: the certificate of Secret shop-certs"):
            plan.make(ROOT)
    (uncovered,) = warnings
    assert "does not cover shop.example.com, and clients of that refuse it" in uncovered


class Later(datetime):
    """A clock that is a century ahead."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        return datetime(2126, 1, 1, tzinfo=tz)


def test_two_profiles_in_one_file_are_refused(tmp_path: Path) -> None:
    profiles = tmp_path / "profiles.yaml"
    text = (ROOT / "manifests" / "http-profile.yaml").read_text()
    profiles.write_text(f"{text}---\n{text.replace('name: http-profile', 'name: other')}")
    with pytest.raises(UserError, match=r"profiles\.yaml holds 2 documents; keep one$"):
        made(chosen(tmp_path, service("shop", OWN), http_profile=profiles))


def test_a_broken_profile_is_refused_by_the_name_of_its_file(tmp_path: Path) -> None:
    profile = tmp_path / "broken.yaml"
    profile.write_text("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}")
    with pytest.raises(UserError, match=r"broken\.yaml"):
        made(chosen(tmp_path, service("shop", OWN), http_profile=profile))


class Incapable:
    """A backend that this machine cannot run."""

    def check(self) -> None:
        raise UserError("no room")


@pytest.fixture
def incapable(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Lets `plan.make` meet such a backend; gives the warnings that follow."""
    warnings: list[str] = []
    monkeypatch.setattr(plan, "load", lambda root: read({}, "west", root))
    monkeypatch.setattr(choice, "of", lambda settings: Incapable())
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    return warnings


def test_an_update_stops_where_the_machine_cannot_run_the_clusters(
    incapable: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    with pytest.raises(UserError, match=r"^no room$"):
        plan.make(ROOT)
    assert incapable == []


def test_a_preview_goes_on_with_a_warning(
    incapable: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    assert plan.make(ROOT).routes
    assert incapable == ["pulumi up would stop here: no room"]


def test_a_custom_kind_of_nobodys_is_warned_of_before_an_update_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monitor = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": {"name": "shop", "namespace": "shops"},
    }
    settings = chosen(tmp_path, service("shop", OWN), monitor)
    monkeypatch.setattr(plan, "load", lambda root: settings)
    monkeypatch.setattr(LocalBackend, "check", lambda self: None)
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    plan.make(ROOT)
    (line,) = warnings
    assert "defines ServiceMonitor (monitoring.coreos.com/v1); " in line


@pytest.mark.parametrize("preview", [True, False], ids=["preview", "up"])
def test_a_wrong_patience_is_refused_before_anything_is_registered(
    incapable: list[str], monkeypatch: pytest.MonkeyPatch, preview: bool
) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: preview)
    monkeypatch.setenv(patience.VARIABLE, "five")
    with pytest.raises(UserError, match=r"^DEMO_PATIENCE is 'five', which is no number from 1 to"):
        plan.make(ROOT)
    assert incapable == []


@pytest.mark.parametrize("preview", [True, False], ids=["preview", "up"])
def test_traps_in_the_profile_are_warned_of_and_refused_by_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, preview: bool
) -> None:
    warnings: list[str] = []
    settings = chosen(tmp_path, service("shop", OWN), http_profile=EARLIER)
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(plan, "load", lambda root: settings)
    monkeypatch.setattr(LocalBackend, "check", lambda self: None)
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: preview)
    made = plan.make(ROOT)
    context = Context("tests/support/profiles/earlier-demo.yaml")
    assert warnings == [trap.line for trap in traps(made.profile, context)] != []


@pytest.mark.parametrize(
    ("settings", "warning"),
    [
        ({"clusters": (ApplicationCluster("a", "b"),)}, "clusters (1)"),
        ({"platform": Platform.TETRATE, "lb_mode": LbMode.STANDBY}, "lbMode (standby)"),
    ],
)
def test_the_warnings_know_the_stacks_settings(
    incapable: list[str],
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    warning: str,
) -> None:
    changed = dataclasses.replace(read({}, "west", ROOT), **settings)
    monkeypatch.setattr(plan, "load", lambda root: changed)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    plan.make(ROOT)
    assert incapable[0].startswith(f"the stack's settings: {warning}: ")


def test_an_error_for_people_ends_the_program_with_its_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "error", said.append)
    with pytest.raises(SystemExit) as end, one_line():
        raise UserError("no room")
    assert (end.value.code, said) == (32, ["no room"])


def test_an_error_of_ours_keeps_its_traceback() -> None:
    with pytest.raises(KeyError), one_line():
        raise KeyError("a mistake in the program")
