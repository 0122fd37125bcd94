"""Which Services are exposed, and how."""

from __future__ import annotations

from typing import Any

import pytest

from components.routing.annotations import RouteError
from components.routing.routes import Route, is_exposed, routes
from tests.support.exposed_service import service, workload


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


def test_a_service_without_a_namespace_is_the_one_in_default() -> None:
    plain, behind = service(), workload()
    del plain["metadata"]["namespace"], behind["metadata"]["namespace"]
    assert [route.namespace for route in routes([plain, behind])] == ["default"]


def test_services_without_the_annotation_or_kept_inside_are_not_exposed() -> None:
    inside = {"kind": "Service", "metadata": {"name": "db"}, "spec": {}}
    assert not is_exposed(inside)
    assert not is_exposed(service("hidden", expose="false"))
    assert not is_exposed(service("hidden", expose=" false "))
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
        ({"host": f"shop.{'a' * 64}.example.com"}, "is no host name"),
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
