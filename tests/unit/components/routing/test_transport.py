"""What a Service's port and annotations say of how its requests are carried."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from components.routing.transport import (
    HEDGE_AFTER,
    REPEATABLE_METHODS,
    Protocol,
    Transport,
    is_told,
    protocol,
    transport,
)
from foundation.errors import UserError


@pytest.mark.parametrize(
    ("port", "spoken"),
    [
        ({"port": 80}, Protocol.HTTP1),
        ({"port": 80, "name": "web"}, Protocol.HTTP1),
        ({"port": 80, "name": "http"}, Protocol.HTTP1),
        ({"port": 80, "name": "grpc"}, Protocol.GRPC),
        ({"port": 80, "name": "grpc-api"}, Protocol.GRPC),
        ({"port": 80, "name": "grpcapi"}, Protocol.HTTP1),
        ({"port": 80, "name": "http2-web"}, Protocol.HTTP2),
        ({"port": 80, "appProtocol": "kubernetes.io/h2c"}, Protocol.HTTP2),
        ({"port": 80, "name": "http", "appProtocol": "grpc"}, Protocol.GRPC),
        ({"port": 443, "name": "https"}, Protocol.HTTPS),
        ({"port": 80, "appProtocol": "kubernetes.io/ws"}, Protocol.HTTP1),
        ({"port": 80, "appProtocol": "example.com/own"}, Protocol.HTTP1),
    ],
)
def test_the_ports_word_counts_and_its_app_protocol_before_its_name(
    port: dict[str, Any], spoken: Protocol
) -> None:
    assert protocol(port) is spoken


def test_a_port_of_several_is_found_by_its_protocol() -> None:
    assert is_told({"port": 9000, "name": "grpc-api"})
    assert not is_told({"port": 9090, "name": "metrics"})
    assert not is_told({"port": 9090, "name": "http-metrics"})


@given(some.integers(1, 60_000))
def test_a_time_is_read_in_both_its_units(milliseconds: int) -> None:
    for text in (f"{milliseconds}ms", f"{milliseconds / 1000:f}s"):
        found = transport({"port": 80}, {HEDGE_AFTER: text})
        assert found.hedge_after == pytest.approx(milliseconds / 1000)


def test_without_annotations_nothing_is_sent_twice() -> None:
    assert transport({"port": 80}, {"gateway.tetrate.io/host": "a.example.com"}) == Transport()


def test_methods_that_may_be_repeated_are_those_that_are_named() -> None:
    assert transport({"port": 80}, {REPEATABLE_METHODS: "put, delete"}).repeatable == (
        "PUT",
        "DELETE",
    )


@pytest.mark.parametrize(
    ("annotations", "words"),
    [
        ({HEDGE_AFTER: "soon"}, "is 'soon'; use a time such as 250ms"),
        ({HEDGE_AFTER: "0s"}, "is '0s'"),
        # Envoy refuses a time with an exponent, and then its pods do not start
        ({HEDGE_AFTER: "0.01ms"}, "is '0.01ms'; use a time such as 250ms"),
        ({HEDGE_AFTER: "1000000s"}, "is '1000000s'; use a time such as 250ms, from 1ms to 3600s"),
        ({REPEATABLE_METHODS: "PUT,FETCH"}, "has 'FETCH'; use some of POST, PUT, PATCH, DELETE"),
        ({"resiliency.demo/hedge": "1s"}, "'resiliency.demo/hedge' is not known; known: "),
    ],
)
def test_what_is_not_understood_is_refused(annotations: dict[str, str], words: str) -> None:
    with pytest.raises(UserError) as refused:
        transport({"port": 80}, annotations)
    assert words in str(refused.value)
