"""How calls and streams of gRPC are carried, by real Envoys on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from tests.support.envoy_lab import CLUSTERS, Lab
from tests.support.own_application import running_grpc


@pytest.fixture(scope="module")
def grpc_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, grpc.Channel]]:
    with running_grpc(tmp_path_factory.mktemp("grpc")) as made:
        yield made


def test_grpc_is_carried_in_all_its_four_kinds(grpc_shop: tuple[Lab, grpc.Channel]) -> None:
    _, channel = grpc_shop
    assert channel.unary_unary("/shop.Shop/Get")(b"x", timeout=10) == b"got x"
    assert list(channel.unary_stream("/shop.Shop/Watch")(b"", timeout=10)) == [b"0", b"1", b"2"]
    assert channel.stream_unary("/shop.Shop/Upload")(iter([b"ab", b"c"]), timeout=10) == b"3"
    said = channel.stream_stream("/shop.Shop/Chat")(iter([b"a", b"b"]), timeout=10)
    assert list(said) == [b"re a", b"re b"]


def test_a_silent_grpc_stream_stays_open(grpc_shop: tuple[Lab, grpc.Channel]) -> None:
    """Servers of gRPC end a connection that is pinged often: see gRPC's proposal A8."""
    _, channel = grpc_shop
    wait = channel.unary_stream("/shop.Shop/Wait")
    with ThreadPoolExecutor(8) as pool:
        streams = list(pool.map(lambda _: list(wait(b"6", timeout=20)), range(8)))
    assert streams == [[b"begun", b"ended"]] * 8


def test_grpc_gets_its_own_status_and_ours_in_its_own_form(
    grpc_shop: tuple[Lab, grpc.Channel],
) -> None:
    made, channel = grpc_shop
    with pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary("/shop.Shop/Refuse")(b"", timeout=10)
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert refused.value.details() == "not now"
    for cluster in CLUSTERS:
        made.envoys[f"gateway-{cluster.name}"].kill()
    try:
        with pytest.raises(grpc.RpcError) as lost:
            channel.unary_unary("/shop.Shop/Get")(b"", timeout=10)
    finally:
        made.start(*(f"gateway-{cluster.name}" for cluster in CLUSTERS))
    assert lost.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "<" not in (lost.value.details() or "")


def test_the_ports_word_decides_what_pods_are_spoken_to(
    grpc_shop: tuple[Lab, grpc.Channel],
) -> None:
    made, _ = grpc_shop
    config = (made.envoys["gateway-west-cluster"].folder / "config" / "envoy.yaml").read_text()
    assert "codec_client_type: HTTP2" in config
    assert json.dumps("application/grpc")[1:-1] in config
