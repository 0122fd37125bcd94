"""Which Services are exposed, and how."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest

from components.application.exposed_application import exposed_application
from components.routing import cautions
from components.routing.annotations import PREFIX, RouteError
from components.routing.exposed_services import headless, twin_name, with_weight
from components.routing.routes import Route, is_exposed, routes


def service(name: str = "shop", **annotations: str) -> dict[str, Any]:
    given = {"host": "shop.example.com", **annotations}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": name,
            "namespace": "retail",
            "labels": {"app": name},
            "annotations": {PREFIX + key.replace("_", "-"): text for key, text in given.items()},
        },
        "spec": {
            "selector": {"app": name},
            "ports": [{"name": "http", "port": 80, "targetPort": "web", "appProtocol": "http"}],
        },
    }


def workload(name: str = "shop", probe: dict[str, Any] | None = None) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "c", "ports": [{"name": "web", "containerPort": 8080}]}
    if probe:
        container["readinessProbe"] = {"httpGet": probe}
    return {
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "retail"},
        "spec": {
            "template": {
                "metadata": {"labels": {"app": name, "version": "v1"}},
                "spec": {"containers": [container]},
            }
        },
    }


def test_a_host_annotation_is_enough() -> None:
    assert routes([service(), workload()]) == [
        Route("shop", "retail", 80, 8080, ("shop.example.com",), "/", "HTTP", None, "/")
    ]


def test_all_annotations_are_followed() -> None:
    annotated = service(
        hosts="a.example.com, B.example.com",
        path="/shop/",
        protocol="https",
        tls_secret="certs",
        edge_clusters="corp-edge:70,other:30",
        expose="global",
        auto_deploy="true",
    )
    (route,) = routes([annotated, workload(probe={"path": "/ready", "port": "web"})])
    assert route.hosts == ("a.example.com", "b.example.com")
    assert route.host == "a.example.com"
    assert (route.path, route.protocol, route.tls_secret) == ("/shop", "HTTPS", "certs")
    assert route.health_path == "/ready"


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


def test_a_service_without_a_namespace_is_the_one_in_default() -> None:
    plain, behind = service(), workload()
    del plain["metadata"]["namespace"], behind["metadata"]["namespace"]
    assert [route.namespace for route in routes([plain, behind])] == ["default"]


def test_an_init_container_that_ends_serves_no_port() -> None:
    with pytest.raises(RouteError, match="no container port in the manifest is called"):
        routes([service(), bare_pod(containers=[{"name": "a"}], initContainers=[WEB])])


@pytest.mark.parametrize("port", ["web", 8080])
def test_a_probe_counts_by_the_ports_name_and_by_its_number(port: str | int) -> None:
    probe = {"path": "/ready", "port": port}
    (route,) = routes([service(), workload(probe=probe)])
    assert route.health_path == "/ready"


def test_services_without_the_annotation_or_kept_inside_are_not_exposed() -> None:
    inside = {"kind": "Service", "metadata": {"name": "db"}, "spec": {}}
    assert not is_exposed(inside)
    assert not is_exposed(service("hidden", expose="false"))
    assert not is_exposed(workload())
    assert [r.service for r in routes([inside, service(), workload()])] == ["shop"]


@pytest.mark.parametrize(
    ("annotations", "text"),
    [
        ({"host": "http://shop"}, "'gateway.tetrate.io/host' has 'http://shop'"),
        ({"host": ""}, "'gateway.tetrate.io/host' has ''"),
        ({"hosts": ",".join(f"h{n}.example.com" for n in range(11))}, "has 11 names; 10"),
        ({"path": "shop"}, "'gateway.tetrate.io/path' is 'shop'; a path such as /web-portal"),
        ({"path": "/shop?x=1"}, "a path such as"),
        ({"path": "/größe/a b"}, "is '/größe/a b'; a path such as /web-portal is needed"),
        ({"path": "/größe"}, "is '/größe', and browsers ask for '/gr%C3%B6%C3%9Fe'; write that"),
        ({"protocol": "TCP"}, "'gateway.tetrate.io/protocol' is 'TCP'; HTTPS or HTTP"),
        ({"protocol": "HTTPS"}, "'gateway.tetrate.io/tls-secret' is missing"),
        (
            {"protocol": "HTTPS", "tls_secret": "tetrate-system/My_Certs"},
            "tls-secret' has in its value 'tetrate-system/My_Certs'; use small letters, digits",
        ),
        ({"protocol": "HTTPS", "tls_secret": "a..b"}, "has in its value 'a..b'; use small"),
        (
            {"protocol": "HTTPS", "tls_secret": "gateway-mesh"},
            "tls-secret' is 'gateway-mesh', which is a name of the gateways' own; use another",
        ),
        ({"protocol": "HTTPS", "tls_secret": "mesh"}, "is 'mesh', which is a name of the gateways"),
        ({"edge_clusters": "other-edge"}, "is 'other-edge'; it must name 'corp-edge'"),
        ({"edge_clusters": "corp-edge:-5"}, "has the weight '-5'; a whole number"),
        ({"edge_cluster": "corp-edge:many"}, "has the weight 'many'"),
        ({"expose": "maybe"}, "is 'maybe'; use one of global"),
        ({"port": "8443"}, "is '8443'; the edge serves 443 and 80"),
        ({"pth": "/x"}, "'gateway.tetrate.io/pth' is not followed here"),
        ({"path": 5}, "is 5; an annotation is text"),
    ],
)
def test_an_annotation_that_cannot_be_followed_is_refused_with_its_place(
    annotations: dict[str, Any], text: str
) -> None:
    with pytest.raises(RouteError, match=text) as caught:
        routes([service(**annotations), workload()], source="my-app.yaml")
    assert str(caught.value).startswith("my-app.yaml: Service shop: annotation ")


@pytest.mark.parametrize("name", ["gateway-mesh", "mesh"])
def test_where_the_gateways_are_the_platforms_their_names_are_free(name: str) -> None:
    named = [service(protocol="HTTPS", tls_secret=name), workload()]
    assert routes(named, own_gateways=False)[0].tls_secret == name


def test_a_manifest_that_exposes_nothing_is_refused_and_the_services_named() -> None:
    bare = service()
    bare["metadata"]["annotations"] = {}
    with pytest.raises(RouteError, match=r"my\.yaml: no Service has .*add it to shop"):
        routes([bare, workload()], source="my.yaml")
    with pytest.raises(RouteError, match="add it to a Service"):
        routes([workload()])


def test_two_services_cannot_claim_the_same_place() -> None:
    with pytest.raises(RouteError, match=r"shop and shop2 both claim shop\.example\.com/"):
        routes([service(), service("shop2"), workload(), workload("shop2")])
    both = [service(path="/a"), service("shop2", path="/b"), workload(), workload("shop2")]
    assert len(routes(both)) == 2


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


def test_a_service_that_is_but_a_name_is_refused() -> None:
    external = service()
    external["spec"] = {"type": "ExternalName", "externalName": "shop.example.net"}
    with pytest.raises(RouteError, match="is of type ExternalName, which has no pods; expose one"):
        routes([external, workload()])


def test_a_service_without_selector_is_refused() -> None:
    blind = service()
    del blind["spec"]["selector"]
    with pytest.raises(RouteError, match="has no selector"):
        routes([blind])


@pytest.mark.parametrize(
    ("weight", "text"), [(100, "corp-edge:100"), (0, "corp-edge:0"), (None, "corp-edge")]
)
def test_the_weight_is_written_on_a_copy_of_the_service(weight: int | None, text: str) -> None:
    given = service(edge_cluster="corp-edge")
    before = copy.deepcopy(given)
    notes = with_weight(given, weight)["metadata"]["annotations"]
    assert notes[f"{PREFIX}edge-clusters"] == text
    assert f"{PREFIX}edge-cluster" not in notes
    assert given == before


def test_the_headless_twin_selects_the_same_ready_pods_and_is_not_exposed() -> None:
    twin = headless(service())
    assert twin["metadata"]["name"] == twin_name("shop")
    assert twin["metadata"]["namespace"] == "retail"
    assert twin["spec"]["clusterIP"] == "None"

    assert twin["spec"]["selector"] == {"app": "shop"}
    assert twin["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": "web"}]
    assert not is_exposed(twin)


def test_a_host_has_one_certificate() -> None:
    def https(name: str, secret: str, **notes: str) -> dict[str, Any]:
        return service(name, protocol="HTTPS", tls_secret=secret, **notes)

    def both(*given: dict[str, Any]) -> list[Route]:
        names = [each["metadata"]["name"] for each in given]
        return routes([*given, *(workload(name) for name in names)])

    with pytest.raises(
        RouteError, match=r"Services a and b name two Secrets for shop\.example\.com"
    ):
        both(https("a", "one"), https("b", "other", path="/b"))
    assert len(both(https("a", "one"), https("b", "one", path="/b"))) == 2
    assert len(both(https("a", "one"), https("b", "other", host="other.example.com"))) == 2
    assert len(both(service("a"), https("b", "one", path="/b"))) == 2, "one of them has no TLS"


def test_a_secret_is_in_one_namespace() -> None:
    def both(namespace: str) -> list[Route]:
        first = service("a", protocol="HTTPS", tls_secret="cert")
        notes = {"tls_secret": "cert", "tls_secret_namespace": namespace, "path": "/b"}
        second = service("b", protocol="HTTPS", **notes)
        return routes([first, second, workload("a"), workload("b")], own_gateways=False)

    with pytest.raises(RouteError, match="name Secret cert in two namespaces, tetrate-system and"):
        both("other")
    assert len(both("tetrate-system")) == 2


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


def test_an_impossible_namespace_of_a_secret_is_refused() -> None:
    shop = service(protocol="HTTPS", tls_secret="certs", tls_secret_namespace="My_Shop")
    with pytest.raises(RouteError, match="tls-secret-namespace' has in its value 'My_Shop'"):
        routes([shop, workload()], own_gateways=False)


def test_slashes_alone_are_the_path_of_everything() -> None:
    assert routes([service(path="//"), workload()])[0].path == "/"


@pytest.mark.parametrize("path", ["/a/./b", "/a/../b", "/a//b", "/.."])
def test_a_path_that_the_edge_never_looks_for_is_refused(path: str) -> None:
    with pytest.raises(RouteError, match="a path such as /web-portal is needed"):
        routes([service(path=path), workload()])


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


def test_the_twin_is_not_found_by_the_services_labels() -> None:
    assert "labels" not in headless(service())["metadata"]


def test_what_is_not_followed_is_warned_of() -> None:
    exposed, behind = service(), workload(probe={"path": "/ready", "port": "web"})
    behind["apiVersion"] = "apps/v1"
    both = [exposed, behind]
    assert list(cautions.lines(both, routes(both))) == []
    exposed["spec"]["sessionAffinity"] = "ClientIP"
    (container,) = behind["spec"]["template"]["spec"]["containers"]
    container["readinessProbe"]["timeoutSeconds"] = 5
    affinity, slow = cautions.lines(both, routes(both))
    assert affinity.startswith("Service shop in namespace retail: sessionAffinity ClientIP is not")
    assert slow.startswith("Deployment shop in namespace retail: its readinessProbe may take 5 s")
    # of another port, which the edge does not ask, be it the Service's too
    container["readinessProbe"]["httpGet"]["port"] = 9999
    exposed["spec"]["ports"].append({"name": "metrics", "port": 9999})
    assert list(cautions.lines(both, routes(both))) == [affinity]


@pytest.mark.parametrize(
    ("address", "is_fixed"), [("10.0.0.77", True), ("None", False), ("", False), (None, False)]
)
def test_an_address_that_one_cluster_gave_is_warned_of(address: str | None, is_fixed: bool) -> None:
    own = service("own")
    own["metadata"]["annotations"] = {}
    own["spec"] |= {"clusterIP": address, "clusterIPs": [address]}
    documents = [service(), {**workload(), "apiVersion": "apps/v1"}, own]
    lines = list(cautions.lines(documents, routes(documents)))
    assert len(lines) == is_fixed
    for line in lines:
        assert line.startswith("Service own in namespace retail: clusterIP 10.0.0.77 is of one")


HTTP = {"httpGet": {"port": "web"}}
HTTPS = {"httpGet": {"port": 8080, "scheme": "HTTPS"}}
GRPC = {"grpc": {"port": 8080}}


@pytest.mark.parametrize(
    ("probes", "told", "wanted"),
    [
        ({"readinessProbe": HTTP}, "http", None),
        ({"readinessProbe": HTTP}, "grpc", None),
        ({"readinessProbe": HTTP}, "kubernetes.io/h2c", None),
        ({"readinessProbe": HTTP}, "https", "HTTP, .* appProtocol: http$"),
        ({"livenessProbe": HTTPS}, "https", None),
        ({"livenessProbe": HTTPS}, "", "HTTPS, .* appProtocol: https$"),
        ({"startupProbe": GRPC}, "kubernetes.io/h2c", None),
        ({"startupProbe": GRPC, "livenessProbe": GRPC}, "", "gRPC, .* appProtocol: grpc$"),
        ({"readinessProbe": GRPC, "livenessProbe": HTTPS}, "", None),
        ({"readinessProbe": {"httpGet": {"port": 9999, "scheme": "HTTPS"}}}, "", None),
        ({"readinessProbe": {"tcpSocket": {"port": 8080}}}, "https", None),
    ],
)
def test_a_port_that_says_other_than_the_probes_is_warned_of(
    probes: dict[str, Any], told: str, wanted: str | None
) -> None:
    exposed, behind = service(), {**workload(), "apiVersion": "apps/v1"}
    exposed["spec"]["ports"] = [{"port": 80, "targetPort": "web", "appProtocol": told}]
    behind["spec"]["template"]["spec"]["containers"][0] |= probes
    lines = list(cautions.lines([exposed, behind], routes([exposed, behind])))
    assert len(lines) == (wanted is not None)
    for line in lines:
        assert line.startswith("Deployment shop in namespace retail: its probes ask port 8080 by ")
        assert re.search(str(wanted), line)


ANYONE: dict[str, Any] = {}
GATEWAYS = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "tetrate-system"}}}


@pytest.mark.parametrize(
    ("specs", "is_closed"),
    [
        ([], False),
        ([{"podSelector": {}}], True),
        ([{"podSelector": {}, "policyTypes": ["Egress"]}], False),
        ([{"podSelector": {"matchLabels": {"app": "other"}}}], False),
        ([{"podSelector": {}, "ingress": [ANYONE]}], False),
        ([{"podSelector": {}, "ingress": [None]}], False),
        ([{"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]}], True),
        ([{"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {}}]}]}], False),
        (
            [{"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]}],
            False,
        ),
        ([{"podSelector": {}, "ingress": [{"from": [GATEWAYS]}]}], False),
        ([{"podSelector": {}}, {"podSelector": {}, "ingress": [{"from": [GATEWAYS]}]}], False),
        ([{"podSelector": {}, "ingress": [{"ports": [{"port": 8080}]}]}], False),
        ([{"podSelector": {}, "ingress": [{"ports": [{"port": 8000, "endPort": 9000}]}]}], False),
        ([{"podSelector": {}, "ingress": [{"ports": [{"port": "web"}]}]}], False),
        ([{"podSelector": {}, "ingress": [{"ports": [{"port": 9090}]}]}], True),
        ([{"podSelector": {}, "ingress": [{"ports": [{"port": 8080, "protocol": "UDP"}]}]}], True),
        (
            [
                {
                    "podSelector": {},
                    "ingress": [
                        {"from": [{**GATEWAYS, "podSelector": {"matchLabels": {"a": "b"}}}]}
                    ],
                }
            ],
            True,
        ),
    ],
)
def test_a_policy_that_keeps_the_gateways_out_is_warned_of(
    specs: list[dict[str, Any]], is_closed: bool
) -> None:
    policies = [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": f"policy-{number}", "namespace": "retail"},
            "spec": spec,
        }
        for number, spec in enumerate(specs)
    ]
    documents = [service(), {**workload(), "apiVersion": "apps/v1"}, *policies]
    lines = list(cautions.lines(documents, routes(documents)))
    assert len(lines) == is_closed
    for line in lines:
        assert line.startswith(
            "NetworkPolicy policy-0 in namespace retail keeps the gateways from Deployment shop in"
            " namespace retail, where the cluster enforces it; let namespace tetrate-system in at"
            " port 8080: "
        )
