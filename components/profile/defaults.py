"""What a key of a Tetrate Profile means that is left out.

Tetrate's values are those in the descriptions of the resource tsb_traffic_traffic_setting
(tetratelabs/terraform-provider-tsb, docs/resources), Envoy's own those in its v3 protos (cluster,
outlier_detection, circuit_breaker, route_components). The configuration that is rendered for Envoy
has every value written out, so Envoy's own never count here; `components.profile.lint` warns where
they are others.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Default:
    """The value as a document would write it, None for a time without limit and for what is off.

    `differs` says what both mean where Envoy's own default is another than Tetrate's.
    """

    value: object
    differs: str = ""


DEFAULTS = {
    "connectionPool.tcp.connectTimeout": Default("10s", "10s, Envoy's own 5s"),
    "connectionPool.tcp.maxConnections": Default(0, "no limit, Envoy's own 1024"),
    # Linux's own, which neither platform touches.
    "connectionPool.tcp.keepAlive.probes": Default(9),
    "connectionPool.tcp.keepAlive.idleTime": Default(7200),
    "connectionPool.tcp.keepAlive.interval": Default(75),
    "connectionPool.http.requestTimeout": Default(None, "none, Envoy's own 15s"),
    "connectionPool.http.maxRequests": Default(0, "no limit, Envoy's own 1024"),
    # Where `retries` is left out as a whole; beside its other keys Tetrate requires this one. The
    # description in tsb_profile_profile says that retries are then off, this one that they are not.
    "connectionPool.http.retries.attempts": Default(2, "2, Envoy's own 0"),
    "connectionPool.http.retries.perTryTimeout": Default(None),
    "connectionPool.http.retries.retryOn": Default(
        "reset,connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes,503",
        "resets, failed connections and 503, Envoy's own nothing",
    ),
    "connectionPool.http.retries.retryBackOff.baseInterval": Default("25ms"),
    # maxInterval: ten times baseInterval.
    "circuitBreakerSensitivity": Default(None),  # then there is no outlier detection
    "outlierDetection.interval": Default("10s"),
    "outlierDetection.consecutive5xx": Default(5),
    "outlierDetection.enforcingConsecutive5xx": Default(0, "0, Envoy's own 100"),
    "outlierDetection.consecutiveGatewayFailure": Default(5),
    "outlierDetection.enforcingConsecutiveGatewayFailure": Default(100, "100, Envoy's own 0"),
    "outlierDetection.baseEjectionTime": Default("30s"),
    # maxEjectionTime: 300s, or baseEjectionTime if that is more.
    "outlierDetection.maxEjectionPercent": Default(100, "100, Envoy's own 10"),
    "outlierDetection.splitExternalLocalOriginErrors": Default(False),
}
"""By path below `resilience`. maxInterval and maxEjectionTime follow from what is written."""
