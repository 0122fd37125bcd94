"""What happened, as OpenTelemetry log records: sent by OTLP over HTTP to whoever collects them.

Names of environment variables, attributes and the resource are those of OpenTelemetry.
"""

from __future__ import annotations

import logging
import os
import threading
import urllib.parse
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from drills import arguments
from foundation.errors import UserError
from topology.proxies import State

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_LOGS = "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"
_PATH = "v1/logs"

NAMES = {
    "struck": "topology.fault.injected",
    "mended": "topology.fault.mended",
    "elsewhere": "topology.failover.started",
    "moved": "topology.failover.completed",
    "back": "topology.failback.completed",
    "state": "topology.state.changed",
    "ejected": "topology.outlier.ejected",
    "switch": "topology.routing.changed",
}
"""Name of the log record of each kind of event; others are `topology.KIND`."""

_ATTRIBUTES = {
    "cluster": "k8s.cluster.name",
    "pod": "k8s.pod.name",
    "fault": "topology.fault.name",
    "address": "server.address",
    "part": "topology.part",
    "before": "topology.state.previous",
    "state": "topology.state",
}
"""Attribute that each key of an event becomes."""

_BAD = (State.DEGRADED, State.EJECTED, State.UNREACHABLE, State.SILENT, State.GONE, State.UNKNOWN)
_SOON_MILLISECONDS = 500
_END_SECONDS = 3.0
"""How long the last events may take to be sent; a collector that is away keeps nobody waiting."""

Events = Iterable[Mapping[str, Any]]


def endpoint(given: str | None, environment: Mapping[str, str]) -> str | None:
    """Return the URL that log records are sent to; None if none are wanted.

    `given` is the base URL of a collector, as in OTEL_EXPORTER_OTLP_ENDPOINT, and comes first.
    Raises UserError for what is no URL, and for a protocol that is not spoken here.
    """
    if given is None and "none" in environment.get("OTEL_LOGS_EXPORTER", "").split(","):
        return None
    base, name = given or environment.get(ENDPOINT), "--otlp-endpoint" if given else ENDPOINT
    whole = None if given else environment.get(_LOGS)
    found = whole or (f"{base.rstrip('/')}/{_PATH}" if base else None)
    if found is None:
        return None
    if not arguments.is_http(found):
        raise UserError(
            f"{_LOGS if whole else name} is {whole or base}; "
            "write the collector's URL: http://127.0.0.1:4318"
        )
    for key in ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if (protocol := environment.get(key, "")) not in ("", "http/protobuf"):
            raise UserError(
                f"{key} is {protocol}; events are sent by http/protobuf, for which collectors "
                f"have another port, mostly 4318: {key}=http/protobuf"
            )
    return found


class Telemetry:
    """Sends events to a collector, in the background."""

    def __init__(self, url: str, stack: str, say: Callable[[str], None]) -> None:
        """`say` is told once when the collector does not take them, and when it does again."""
        # loaded here: 10 MB that only those need who have a collector
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
        from opentelemetry.sdk._logs import LoggerProvider
        from opentelemetry.sdk._logs.export import (
            BatchLogRecordProcessor,
            LogRecordExporter,
            LogRecordExportResult,
        )
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource

        parts = urllib.parse.urlsplit(url)
        shown = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
        collector: Any = OTLPLogExporter(url)  # has types for some of its methods

        class Exporter(LogRecordExporter):
            is_taken = True

            def export(self, batch: Sequence[Any]) -> LogRecordExportResult:
                result = LogRecordExportResult(collector.export(batch))
                is_taken = result is LogRecordExportResult.SUCCESS
                if is_taken != self.is_taken:
                    self.is_taken = is_taken
                    say(f"Events {'arrive again' if is_taken else 'do not arrive'} at {shown}.")
                return result

            def force_flush(self, timeout_millis: int = 10_000) -> bool:
                return bool(collector.force_flush(timeout_millis))

            def shutdown(self) -> None:
                collector.shutdown()

        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # `say` says it, once
        own = {"service.name": "topology", "deployment.environment.name": stack}
        self._provider = LoggerProvider(
            Resource.create(own).merge(OTELResourceDetector().detect()), shutdown_on_exit=False
        )
        is_set = "OTEL_BLRP_SCHEDULE_DELAY" in os.environ
        self._provider.add_log_record_processor(
            BatchLogRecordProcessor(
                Exporter(), schedule_delay_millis=None if is_set else _SOON_MILLISECONDS
            )
        )
        self._logger = self._provider.get_logger("topology")

    def send(self, events: Events) -> None:
        """Hand events over, as `history.History` gives them."""
        from opentelemetry._logs import SeverityNumber

        for event in events:
            is_bad = event["kind"] in ("struck", "ejected") or event.get("state") in _BAD
            self._logger.emit(
                timestamp=int(event["at"] * 1e9),
                severity_number=SeverityNumber.WARN if is_bad else SeverityNumber.INFO,
                severity_text="WARN" if is_bad else "INFO",
                body=event["text"],
                event_name=NAMES.get(event["kind"], f"topology.{event['kind']}"),
                attributes={
                    name: str(event[key]) for key, name in _ATTRIBUTES.items() if event.get(key)
                },
            )

    def end(self) -> None:
        """Send what is left."""
        ending = threading.Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        ending.join(_END_SECONDS)
