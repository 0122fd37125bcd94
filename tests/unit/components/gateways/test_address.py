"""The wait for a load balancer's address."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from components.gateways import address
from foundation.commands import Failed
from foundation.errors import UserError

PROPS = {"cluster": "east", "namespace": "tetrate-system", "service": "gateway", "kubeconfig": ""}


def test_an_address_is_an_ip_or_a_name() -> None:
    def service(*ingress: dict[str, str]) -> dict[str, object]:
        return {"status": {"loadBalancer": {"ingress": list(ingress)}}}

    assert address.given(service({"ip": "192.0.2.1"}, {"ip": "192.0.2.2"})) == "192.0.2.1"
    assert address.given(service({"hostname": "lb.example.com"})) == "lb.example.com"
    assert address.given(service()) == address.given({}) == ""


def test_it_is_asked_for_until_it_is_there() -> None:
    answers: Iterator[str | Failed] = iter(["", Failed("away"), "192.0.2.1"])

    def look(props: dict[str, object]) -> str:
        answer = next(answers)
        if isinstance(answer, Failed):
            raise answer
        return answer

    assert address.wait(PROPS, look, lambda: 0, lambda seconds: None) == "192.0.2.1"


def test_a_cluster_that_gives_none_is_named_with_what_to_do() -> None:
    times = iter([0.0, 1.0, address.SECONDS])
    with pytest.raises(UserError) as raised:
        address.wait(PROPS, lambda props: "", lambda: next(times), lambda seconds: None)
    text = str(raised.value)
    assert text.startswith("east: Service gateway in tetrate-system got no load balancer's address")
    assert "it stays pending" in text and "config set exposure NodePort" in text


def test_an_address_that_changed_is_noticed_and_silence_is_not_a_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    provider, olds = address._AddressProvider(), {**PROPS, "address": "192.0.2.1"}

    def changes(answer: str | None) -> bool | None:
        def ask(props: dict[str, object]) -> str:
            if answer is None:
                raise Failed("away")
            return answer

        monkeypatch.setattr(address, "ask", ask)
        return provider.diff("east", olds, PROPS).changes

    assert changes("192.0.2.2") is True
    assert changes("192.0.2.1") is False
    assert changes("") is False
    assert changes(None) is False
    monkeypatch.setattr(address, "ask", lambda props: "192.0.2.1")
    assert provider.diff("east", olds, {**PROPS, "service": "other"}).changes is True
