"""The portal of manifests/app.yaml, served by a real Envoy."""

from __future__ import annotations

import json
import queue
import re
import socket
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import grpc
import pytest

from components.application.cluster_info import cluster_info
from components.envoy.drain import drain_command
from foundation.colours import cluster_colours, region_colour
from tests.support.browser import browser
from tests.support.envoy_lab import WEST, lab, portal_documents
from tests.support.envoy_process import Answer, Envoy, ask
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Envoy]:
    with lab(tmp_path_factory.mktemp("portal")) as made:
        pod = made.add_pod(WEST, 1)
        made.start()
        yield pod


def get(portal: Envoy, path: str, method: str = "GET") -> Answer:
    return ask(portal.address, 3000, path, method=method)


class _Page(HTMLParser):
    """Collects the text, the tags left open and the addresses that a page loads from."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)
        self.loaded += [value for key, value in attrs if key in ("src", "href") and value]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_page_says_in_the_regions_colour_who_answered(portal: Envoy, method: str) -> None:
    answer = get(portal, "/web-portal", method)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.pod == "pod-west-cluster-1"
    assert re.search(r'<h1 id="cluster">west-cluster</h1>', answer.body)
    assert re.search(r'<code id="region">us-west1</code>', answer.body)
    assert re.search(r'<code id="pod">pod-west-cluster-1</code>', answer.body)
    assert "background: #2563eb" in answer.body


def test_the_page_is_whole_and_loads_nothing_from_elsewhere(portal: Envoy) -> None:
    answer = get(portal, "/web-portal/")
    page = _Page()
    page.feed(answer.body)
    assert page.open == []
    assert page.loaded == ["data:,"]
    assert "%ENVIRONMENT" not in answer.body and "100%;" in answer.body


def test_all_can_read_the_page_in_each_regions_colour_and_on_a_narrow_screen(
    tmp_path: Path,
) -> None:
    found = next(d for d in portal_documents() if "page.html" in d.get("data", {}))
    colours = {region_colour(name) for name in ("east", "west", *map(str, range(30)))}
    assert len(colours) == 8
    with browser(tmp_path / "browser") as opened:
        for colour in sorted(colours):
            said = {"CLUSTER": "c" * 63, "REGION": "r", "POD_NAME": "p", "REGION_COLOUR": colour}
            text = found["data"]["page.html"].replace("%%", "%")
            for name, value in said.items():
                text = text.replace(f"%ENVIRONMENT({name})%", value)
            file = tmp_path / f"{colour[1:]}.html"
            file.write_text(text)
            for width in (320, 1280):
                opened.open(f"{file.as_uri()}?{width}", width)
                assert opened.violations() == []
                assert opened.ask("document.documentElement.scrollWidth <= innerWidth")


def test_programs_get_the_same_as_json(portal: Envoy) -> None:
    answer = get(portal, "/web-portal/api/whoami", "POST")
    assert answer.headers["content-type"] == "application/json"
    said = json.loads(answer.body)
    assert said.pop("request_id")
    assert said == {
        "cluster": "west-cluster",
        "region": "us-west1",
        "colour": "#2563eb",
        "pod": "pod-west-cluster-1",
        "method": "POST",
    }


def test_other_pages_do_not_exist_and_the_root_leads_to_the_portal(portal: Envoy) -> None:
    assert get(portal, "/web-portal/nothing").status == 404
    assert get(portal, "/").headers["location"].endswith("/web-portal")


def test_health_is_answered_while_a_fault_is_on(portal: Envoy) -> None:
    def fault(percent: int) -> None:
        key = f"/runtime_modify?fault.http.abort.abort_percent={percent}"
        assert ask(portal.address, 9901, key, method="POST").status == 200

    fault(100)
    try:
        answer = get(portal, "/web-portal")
        assert (answer.status, answer.pod) == (503, "pod-west-cluster-1")
        assert get(portal, "/healthz").status == 200
    finally:
        fault(0)
    assert get(portal, "/web-portal").status == 200


def test_without_cluster_info_the_page_still_shows(tmp_path: Path) -> None:
    with lab(tmp_path) as made:
        pod = made.add_pod(WEST, 1)
        pod.environment = {"POD_NAME": "lonely"}
        made.start()
        answer = get(pod, "/web-portal")
    assert (answer.status, answer.pod) == (200, "lonely")
    assert '<h1 id="cluster">-</h1>' in answer.body


def test_a_leaving_pod_says_so_first_and_serves_on(portal: Envoy) -> None:
    assert ask(portal.address, 9901, "/healthcheck/fail", method="POST").status == 200
    eventually(lambda: get(portal, "/healthz").status == 503, "the pod is not ready any more")
    assert get(portal, "/web-portal").status == 200
    assert ask(portal.address, 9901, "/healthcheck/ok", method="POST").status == 200
    eventually(lambda: get(portal, "/healthz").status == 200, "the pod is ready again")


def test_the_pods_drain_is_that_of_the_gateways() -> None:
    deployment = next(d for d in portal_documents() if d["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    hook = container["lifecycle"]["preStop"]["exec"]["command"]
    assert hook == drain_command(9901, "portal")


def test_the_portal_learns_its_place_from_cluster_info() -> None:
    deployment = next(d for d in portal_documents() if d["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    info = cluster_info("east-cluster", "us-east1", "transaction-service")
    for variable in container["env"]:
        reference = variable["valueFrom"].get("configMapKeyRef")
        if reference:
            assert reference["name"] == info["metadata"]["name"]
            assert reference["key"] in info["data"]
            assert reference["optional"] is True


def test_a_region_has_a_colour_of_its_own() -> None:
    assert region_colour("us-east1") != region_colour("us-west1")
    assert region_colour("mars-1") == region_colour("mars-1")
    assert re.fullmatch("#[0-9a-f]{6}", region_colour("europe-north1"))


def test_each_of_many_clusters_has_a_colour_of_its_own_and_the_first_of_a_region_the_regions() -> (
    None
):
    names = [f"{side}{n}-cluster" for n in range(1, 5) for side in ("east", "west", "mars")]
    shown = cluster_colours([*names, *names])
    assert len(set(shown.values())) == len(shown) == 12
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in shown.values())
    assert shown["east1-cluster"] == region_colour("us-east1")
    assert (
        shown["east1-cluster"]
        == cluster_colours(["east1-cluster", "west1-cluster"])["east1-cluster"]
    )


def frame(kind: int, text: bytes, key: bytes = b"\x01\x02\x03\x04") -> bytes:
    """Gives a client's frame: masked (RFC 6455, 5.2)."""
    long = len(text) > 125
    size = b"\xfe" + len(text).to_bytes(2, "big") if long else bytes([0x80 | len(text)])
    return bytes([kind]) + size + key + bytes(b ^ key[i % 4] for i, b in enumerate(text))


def test_events_go_on_behind_the_last_one_that_the_client_has(portal: Envoy) -> None:
    with socket.create_connection((portal.address, 3000), timeout=5) as plain:
        plain.sendall(
            b"GET /web-portal/api/events HTTP/1.1\r\nHost: bank\r\nLast-Event-ID: 41\r\n\r\n"
        )
        said = b""
        while b"id: 43\n" not in said:
            said += plain.recv(4096)
    head, _, events = said.partition(b"\r\n\r\n")
    assert b"content-type: text/event-stream" in head
    assert b"x-served-by-pod: pod-west-cluster-1" in head
    assert events.startswith(b"retry: 100\nid: 42\ndata: 42\n:")


def test_the_websocket_sends_back_what_it_gets(portal: Envoy) -> None:
    with socket.create_connection((portal.address, 3000), timeout=5) as plain:
        plain.sendall(
            b"GET /web-portal/api/socket HTTP/1.1\r\nHost: bank\r\nConnection: Upgrade\r\n"
            b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        with plain.makefile("rb") as answer:
            head = b"".join(iter(answer.readline, b"\r\n"))
            assert head.startswith(b"HTTP/1.1 101 ")
            # the example of RFC 6455, 1.3
            assert b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
            for size in (0, 1, 37, 125, 126, 9000):
                text = bytes(number % 251 for number in range(size))
                sent = frame(0x82, text)
                plain.sendall(sent[:3])
                time.sleep(0.02)  # a frame in two pieces
                plain.sendall(sent[3:])
                length = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
                assert answer.read(1 + len(length) + size) == b"\x82" + length + text
            plain.sendall(frame(0x89, b"ping") + frame(0x88, b"\x03\xe8"))
            assert answer.read(10) == b"\x8a\x04ping\x88\x02\x03\xe8"


def test_a_grpc_stream_sends_back_each_message_and_ends_with_a_status(portal: Envoy) -> None:
    messages: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    with grpc.insecure_channel(f"{portal.address}:3000") as channel:
        call = channel.stream_stream("/web-portal/api/echo", bytes, bytes)(
            iter(messages.get, None), timeout=20
        )
        for size in (0, 1, 9000):
            messages.put(bytes(size))
            assert next(call) == bytes(size)
        assert dict(call.initial_metadata())["x-served-by-pod"] == "pod-west-cluster-1"
        messages.put(None)
        assert list(call) == []
        assert call.code() is grpc.StatusCode.OK


def test_a_grpc_stream_of_numbers_goes_on_behind_the_one_that_the_client_has(
    portal: Envoy,
) -> None:
    with grpc.insecure_channel(f"{portal.address}:3000") as channel:
        call = channel.unary_stream("/web-portal/api/numbers", bytes, bytes)(b"41", timeout=20)
        assert [int(next(call)) for _ in range(3)] == [42, 43, 44]
        call.cancel()


def test_a_page_is_no_grpc_call_and_its_path_is_none_for_browsers(portal: Envoy) -> None:
    assert ask(portal.address, 3000, "/web-portal/api/echo").status == 404
    with grpc.insecure_channel(f"{portal.address}:3000") as channel:
        call = channel.unary_unary("/web-portal/api/nothing", bytes, bytes)
        with pytest.raises(grpc.RpcError) as failure:
            call(b"", timeout=20)
    assert failure.value.code() is grpc.StatusCode.UNIMPLEMENTED
