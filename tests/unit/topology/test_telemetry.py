"""Events as OpenTelemetry log records, as a collector on this machine decodes them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from drills.traffic import EventKind
from foundation.errors import UserError
from tests.support.pictures import EAST, WEST, answering, edge, host, told
from tests.support.waiting import eventually
from topology.history import History
from topology.picture import picture
from topology.telemetry import Telemetry, endpoint


class Collector(ThreadingHTTPServer):
    """Takes log records as OpenTelemetry's collector does, or refuses them."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[ExportLogsServiceRequest] = []
        self.paths: list[str] = []
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def records(self) -> list[Any]:
        resources = [each for request in self.requests for each in request.resource_logs]
        return [r for each in resources for scope in each.scope_logs for r in scope.log_records]


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        assert self.headers["content-type"] == "application/x-protobuf"
        self.server.paths.append(self.path)
        if self.server.status == 200:
            self.server.requests.append(ExportLogsServiceRequest.FromString(body))
        answer = ExportLogsServiceResponse().SerializeToString()
        self.send_response(self.server.status)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.05,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@contextlib.contextmanager
def sending(collector: Collector, said: list[str] | None = None) -> Iterator[Telemetry]:
    url = endpoint(collector.url, {})
    assert url
    made = Telemetry(url, "west", (said if said is not None else []).append)
    yield made
    made.end()


def attributes(of: Any) -> dict[str, str]:
    return {each.key: each.value.string_value for each in of.attributes}


def happened() -> list[dict[str, Any]]:
    """A fault that moves all, and its fix, with what they led to."""
    history = History("west")
    history.add(picture(answering(100.0, 50, 50), 100.0))
    history.add(picture(answering(102.0, 5, 95), 102.0), [told(101.0, EventKind.FAULT)])
    proxy = edge(host(EAST, 5, flags=frozenset({"failed_active_hc"})), host(WEST, 95), at=104.0)
    history.add(picture([proxy], 104.0))
    history.add(picture(answering(110.0, 0, 90), 110.0), [told(109.0, EventKind.FIX)])
    found = history.add(picture(answering(115.0, 50, 50), 115.0))
    return list(found["events"])


def test_a_collector_gets_each_event_with_conventional_names(collector: Collector) -> None:
    events = happened()
    with sending(collector) as telemetry:
        telemetry.send(events[:2])
        telemetry.send(events[2:])
    records = collector.records()
    assert set(collector.paths) == {"/v1/logs"}
    assert [record.body.string_value for record in records] == [each["text"] for each in events]
    found = {record.event_name: record for record in records}
    struck = found["topology.fault.injected"]
    assert (struck.time_unix_nano, struck.severity_text) == (101_000_000_000, "WARN")
    assert attributes(struck) == {
        "k8s.cluster.name": EAST,
        "topology.fault.name": "workload-gone",
    }
    for name in ("failover.started", "failback.completed", "fault.mended", "state.changed"):
        assert f"topology.{name}" in found
    unreachable = {
        "k8s.cluster.name": EAST,
        "topology.part": EAST,
        "topology.state": "unreachable",
        "topology.state.previous": "serving",
    }
    (record,) = [each for each in records if attributes(each) == unreachable]
    assert record.severity_text == "WARN"
    resource = attributes(collector.requests[0].resource_logs[0].resource)
    assert resource["service.name"] == "topology"
    assert resource["deployment.environment.name"] == "west"


def test_the_resource_is_what_the_environment_says(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "talk")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=stage")
    with sending(collector) as telemetry:
        telemetry.send(happened()[:1])
    resource = attributes(collector.requests[0].resource_logs[0].resource)
    assert resource["service.name"] == "talk"
    assert resource["deployment.environment.name"] == "stage"


def test_a_collector_that_refuses_is_said_once(collector: Collector) -> None:
    said: list[str] = []
    collector.status = 400
    with sending(collector, said) as telemetry:
        for number in (1, 2):
            telemetry.send(happened()[:1])
            eventually(lambda n=number: len(collector.paths) >= n, "they are sent", 20)
        collector.status = 200
        telemetry.send(happened()[:1])
        eventually(lambda: len(said) == 2, "it takes them again", 20)
    where = f"{collector.url}/v1/logs"
    assert said == [f"Events do not arrive at {where}.", f"Events arrive again at {where}."]


@pytest.mark.parametrize(
    ("given", "environment", "url"),
    [
        (None, {}, None),
        (
            "http://one:4318/",
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://two"},
            "http://one:4318/v1/logs",
        ),
        (None, {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://two/base"}, "https://two/base/v1/logs"),
        (
            None,
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "https://two",
                "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "https://three/logs",
            },
            "https://three/logs",
        ),
        (None, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://two", "OTEL_LOGS_EXPORTER": "none"}, None),
    ],
)
def test_the_endpoint_is_found_as_opentelemetry_says(
    given: str | None, environment: dict[str, str], url: str | None
) -> None:
    assert endpoint(given, environment) == url


@pytest.mark.parametrize(
    ("given", "environment", "words"),
    [
        ("localhost:4318", {}, "--otlp-endpoint is localhost:4318; write"),
        (None, {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector"}, "OTEL_EXPORTER_OTLP_ENDPOINT is"),
        ("http://one", {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL is"),
    ],
)
def test_an_endpoint_that_cannot_be_used_is_refused(
    given: str | None, environment: dict[str, str], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        endpoint(given, environment)
