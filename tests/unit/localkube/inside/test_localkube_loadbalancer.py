"""Which Services of type LoadBalancer get the node's address."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from localkube.api import Api
from localkube.inside.loadbalancer import decide, follow, reconcile
from localkube.spec import ClusterSpec, node_address

ADDRESS = "10.89.0.17"


def service(name: str, port: int, *, at: int = 0, kind: str = "LoadBalancer", ip: str = "") -> Any:
    ingress = [{"ip": ip}] if ip else []
    return {
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": name,
            "creationTimestamp": f"2026-01-01T00:00:{at:02}Z",
        },
        "spec": {"type": kind, "ports": [{"port": port, "protocol": "TCP"}]},
        "status": {"loadBalancer": {"ingress": ingress}},
    }


def names(services: list[Any]) -> list[str]:
    return [each["metadata"]["name"] for each in services]


def test_a_new_service_gets_the_address() -> None:
    give, refuse = decide([service("one", 443)], ADDRESS)
    assert (names(give), refuse) == (["one"], [])


def test_other_types_are_left_alone() -> None:
    assert decide([service("one", 443, kind="ClusterIP")], ADDRESS) == ([], [])


def test_a_service_that_has_the_address_is_left_alone() -> None:
    assert decide([service("one", 443, ip=ADDRESS)], ADDRESS) == ([], [])


def test_a_wrong_address_is_corrected() -> None:
    assert names(decide([service("one", 443, ip="10.89.0.99")], ADDRESS)[0]) == ["one"]


def test_the_older_of_two_services_gets_the_port() -> None:
    give, refuse = decide([service("late", 443, at=9), service("early", 443, at=1)], ADDRESS)
    assert (names(give), names(refuse)) == (["early"], ["late"])


def test_who_has_the_port_keeps_it_from_an_older_service() -> None:
    services = [service("older", 443, at=1), service("holder", 443, at=9, ip=ADDRESS)]
    give, refuse = decide(services, ADDRESS)
    assert (give, names(refuse)) == ([], ["older"])


def test_a_service_whose_port_changes_to_that_of_another_loses_the_address() -> None:
    services = [service("late", 443, at=9, ip=ADDRESS), service("early", 443, at=1, ip=ADDRESS)]
    patches: list[Any] = []

    class Server:
        def call(self, method: str, path: str, body: object = None, *_form: str) -> Any:
            if method == "PATCH":
                patches.append((path, body))
            return {"items": services, "metadata": {"resourceVersion": "1"}}

    told: set[str] = set()
    for expected in ({"late"}, {"late"}):
        reconcile(cast(Api, Server()), ADDRESS, told)
        assert told == expected
    nothing = {"status": {"loadBalancer": {"ingress": None}}}
    assert patches == [("/api/v1/namespaces/default/services/late/status", nothing)] * 2
    services[:] = [service("late", 8443, at=9)]
    reconcile(cast(Api, Server()), ADDRESS, told)
    assert not told, "an event says so when it meets another once more"


def test_services_with_different_ports_share_the_address() -> None:
    assert names(decide([service("one", 443), service("two", 80)], ADDRESS)[0]) == ["one", "two"]


def test_the_same_port_of_another_protocol_is_another_port() -> None:
    other = service("udp", 443)
    other["spec"]["ports"][0]["protocol"] = "UDP"
    assert names(decide([service("tcp", 443), other], ADDRESS)[0]) == ["tcp", "udp"]


@pytest.mark.parametrize(
    "change",
    [
        {"type": "MODIFIED", "object": service("holder", 443, kind="ClusterIP")},
        {"type": "DELETED", "object": service("holder", 443)},
    ],
)
def test_a_port_that_becomes_free_is_given_at_once(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    spec = ClusterSpec(lab="/lab", name="east", index=0, nodes=1, api_port=1)
    holder, waiting = service("holder", 443, ip=node_address(0)), service("waiting", 443)
    passes: list[list[Any]] = [[holder, waiting], [waiting]]
    given: list[str] = []

    class Server:
        def call(self, method: str, path: str, *_body: object) -> Any:
            if method == "PATCH":
                given.append(path)
                raise KeyboardInterrupt
            found = passes.pop(0) if path == "/api/v1/services" else []
            return {"items": found, "metadata": {"resourceVersion": "1"}}

        def watch(self, _path: str, _version: str) -> Any:
            yield change
            pytest.fail("the watch goes on")

    monkeypatch.setattr(Api, "from_file", lambda *_path, **_timeout: Server())
    with pytest.raises(KeyboardInterrupt):
        follow(Path("kubeconfig"), spec, 300)
    assert given == ["/api/v1/namespaces/default/services/waiting/status"]
