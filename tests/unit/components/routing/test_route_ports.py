"""Which port and which workload are behind an exposed Service, and how they are probed."""

from __future__ import annotations

from typing import Any

import pytest

from components.application.exposed_application import exposed_application
from components.routing.annotations import RouteError
from components.routing.routes import routes
from tests.support.exposed_service import service, workload


def test_the_readiness_probe_counts_only_on_the_exposed_port() -> None:
    (route,) = routes([service(path="/shop"), workload(probe={"path": "/x", "port": 9999})])
    assert route.health_path == "/shop"
    (route,) = routes([service(path="/shop"), workload(probe={"path": "/x", "port": 8080})])
    assert route.health_path == "/x"


def test_a_numeric_target_port_needs_no_workload() -> None:
    plain = service()
    plain["spec"]["ports"] = [{"port": 80, "targetPort": 8081}]
    assert routes([plain])[0].target_port == 8081
    plain["spec"]["ports"] = [{"port": 8082}]
    assert routes([plain])[0].target_port == 8082


def bare_pod(**spec: Any) -> dict[str, Any]:
    """Return a Pod of no workload that the Service selects."""
    metadata = {"name": "shop", "namespace": "retail", "labels": {"app": "shop"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


WEB = {"name": "c", "ports": [{"name": "web", "containerPort": 8080}]}


@pytest.mark.parametrize(
    "spec",
    [
        {"containers": [WEB]},
        {"containers": [{"name": "other", "ports": None, "readinessProbe": None}, WEB]},
        {
            "containers": [{"name": "other"}],
            "initContainers": [{**WEB, "restartPolicy": "Always"}],
        },
    ],
    ids=["bare pod", "beside empty fields", "native sidecar"],
)
def test_the_named_port_of_any_pod_is_found(spec: dict[str, Any]) -> None:
    assert [route.target_port for route in routes([service(), bare_pod(**spec)])] == [8080]


@pytest.mark.parametrize("target", ["web", 8080, 9090])
def test_a_job_with_the_labels_of_the_workload_is_not_behind_the_service(target: str | int) -> None:
    job = {**workload(), "kind": "Job", "metadata": {"name": "migration", "namespace": "retail"}}
    job["spec"] = {"template": {**workload()["spec"]["template"], "spec": {"containers": [{}]}}}
    exposed = service()
    exposed["spec"]["ports"][0]["targetPort"] = target
    documents = [job, exposed, workload(probe={"path": "/ready", "port": target})]
    (route,) = routes(documents)
    assert (route.target_port, route.health_path) == (
        target if isinstance(target, int) else 8080,
        "/ready",
    )
    found = exposed_application(route, documents)["workload"]
    assert found == {"kind": "Deployment", "name": workload()["metadata"]["name"]}


def test_an_init_container_that_ends_serves_no_port() -> None:
    with pytest.raises(RouteError, match="no container port in the manifest is called"):
        routes([service(), bare_pod(containers=[{"name": "a"}], initContainers=[WEB])])


@pytest.mark.parametrize("port", ["web", 8080])
def test_a_probe_counts_by_the_ports_name_and_by_its_number(port: str | int) -> None:
    probe = {"path": "/ready", "port": port}
    (route,) = routes([service(), workload(probe=probe)])
    assert route.health_path == "/ready"


def test_a_named_port_that_no_container_has_is_refused() -> None:
    with pytest.raises(RouteError, match="no container port in the manifest is called 'web'"):
        routes([service()])
    elsewhere = workload()
    elsewhere["metadata"]["namespace"] = "other"
    with pytest.raises(RouteError, match="called 'web'"):
        routes([service(), elsewhere])


def test_it_must_be_clear_which_port_is_meant() -> None:
    several = service()
    several["spec"]["ports"] = [{"name": "a", "port": 1}, {"name": "b", "port": 2}]
    with pytest.raises(RouteError, match="has 2 ports; name the one to be exposed 'http'"):
        routes([several])
    several["spec"]["ports"].append({"name": "http", "port": 3})
    assert routes([several])[0].port == 3


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("healthz", "/healthz"),
        ("/healthz", "/healthz"),
        ("//healthz", "/healthz"),
        ("", "/"),
        ("/healthz?full=1&of=a%20b", "/healthz?full=1&of=a%20b"),
        ("/is well#now", "/is%20well"),
        ("/übersicht", "/%C3%BCbersicht"),
    ],
)
def test_a_probes_path_is_asked_for_as_the_kubelet_does(path: str, asked: str) -> None:
    (route,) = routes([service(), workload(probe={"path": path, "port": "web"})])
    assert route.health_path == asked


def test_a_port_of_another_protocol_is_passed_over() -> None:
    both, only = service(), service()
    udp = {"name": "dns", "port": 53, "protocol": "UDP"}
    both["spec"]["ports"] = [udp, {"name": "any", "port": 80, "targetPort": "web"}]
    assert routes([both, workload()])[0].port == 80
    only["spec"]["ports"] = [udp]
    with pytest.raises(RouteError, match="has no TCP port"):
        routes([only, workload()])


def test_a_port_by_name_that_is_two_numbers_is_refused() -> None:
    blue, green = workload(), workload()
    green["metadata"] = {"name": "green", "namespace": "retail"}
    assert routes([service(), blue, green])[0].target_port == 8080
    (container,) = green["spec"]["template"]["spec"]["containers"]
    container["ports"] = [{"name": "web", "containerPort": 9090}]
    with pytest.raises(
        RouteError, match=r"'web' is 8080 in Deployment shop, 9090 in Deployment green"
    ):
        routes([service(), blue, green])
    green["kind"] = "Job"
    assert routes([service(), blue, green])[0].target_port == 8080


def test_a_workload_without_replicas_is_not_behind_the_service() -> None:
    blue, green = workload(), workload(probe={"path": "/ready", "port": "web"})
    blue["spec"]["replicas"] = 0
    green["metadata"] = {"name": "green", "namespace": "retail"}
    green["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"] = 9090
    documents = [service(), blue, green]
    (route,) = routes(documents)
    assert (route.target_port, route.health_path) == (9090, "/ready")
    found = exposed_application(route, documents)["workload"]
    assert found == {"kind": "Deployment", "name": "green"}
    assert routes([service(), blue])[0].target_port == 8080, "an autoscaler may give it some"
