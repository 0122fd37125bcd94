"""The traps in resilience settings: what looks like protection and is none, and how to mend it.

Pure functions over a profile, one for each kind of trap. A trap is no refusal: a profile with
traps can be applied, which is how its cost is measured.
"""

from __future__ import annotations

from collections.abc import Iterator

from components.profile.defaults import DEFAULTS
from components.profile.lint.model import Context, Trap
from components.profile.model import HttpProfile
from components.routing.targets import LbMode

_TCP = "connectionPool.tcp"
_RETRIES = "connectionPool.http.retries"
_EJECTION = "outlierDetection"

#: Seconds. Both platforms' default of baseEjectionTime: from there on, failback is slow.
_SLOW_FAILBACK = 30.0
#: Seconds up to which repeated ejections may grow before a presenter has to wait for them.
_LONG_EJECTION = 60.0


def traps(profile: HttpProfile, context: Context) -> list[Trap]:
    """Return the traps that a profile holds for that stack."""
    found = [trap for rule in _RULES for trap in rule(profile, context)]
    return [*found, *_differing(profile, context, {trap.key for trap in found})]


def _per_try_timeout(profile: HttpProfile, context: Context) -> Iterator[Trap]:
    # Envoy's router (FilterUtility::finalTimeout) drops a per-try time-out that is not below the
    # route's; without one, no retry starts while an application is silent. Our own Envoys learn by
    # pings that a gateway hangs.
    request, retries = profile.request_timeout, profile.retries
    per_try, tries = retries.per_try_timeout, 1 + retries.attempts
    if context.own_envoys or tries == 1 or (per_try and (not request or per_try < request)):
        return
    ignored = "Envoy ignores it unless it is below requestTimeout" if per_try else "no try ends"
    held = f"for all its {request:g}s and gets 504" if request else "until its client gives up"
    yield context.trap(
        "per-try-timeout",
        f"{_RETRIES}.perTryTimeout",
        f"{_seconds(per_try)}, requestTimeout {_seconds(request)}",
        f"{ignored}, so a request that meets a hanging gateway is held {held}; nothing is tried "
        "elsewhere",
        f"a time of which {tries} fit into requestTimeout, about {request / tries:.2g}s at most"
        if request
        else "a time, such as 2s",
    )


def _connect_timeout(profile: HttpProfile, context: Context) -> Iterator[Trap]:
    # Envoy (UpstreamRequest::onPoolReady) starts the time of a try when it has a connection, of
    # which the TLS handshake is a part. Our own Envoys ping from the first packet on.
    request, connect = profile.request_timeout, profile.limits.connect_timeout
    key = f"{_TCP}.connectTimeout"
    if not context.own_envoys and request and connect >= request:
        yield context.trap(
            "connect-timeout",
            key,
            f"{_left_out(profile, key)}{connect:g}s, requestTimeout {request:g}s",
            "perTryTimeout starts when there is a connection, so a request that needs a new one to "
            f"a gateway that hangs or is cut off is held for all its {request:g}s and gets 504",
            "the time of a round trip between regions and 0.1s, such as 0.25s",
        )


def _enforcement(profile: HttpProfile, context: Context) -> Iterator[Trap]:
    rules = profile.outlier_detection
    errors = f"{_EJECTION}.enforcingConsecutive5xx"
    counted = f"{_EJECTION}.consecutive5xx" not in profile.left_out
    nobody = "nobody is ever ejected, even where requests fail while the health page says well"
    if "circuitBreakerSensitivity" in profile.left_out:
        key, found = "circuitBreakerSensitivity", "left out"
        why, fix = f"outlierDetection is followed in mode CUSTOM only, so {nobody}", "CUSTOM"
    elif not _ejects(profile):
        key = f"{_EJECTION}.enforcingConsecutiveGatewayFailure"
        found, why, fix = "0, and enforcingConsecutive5xx 0", nobody, "100"
    elif counted and errors in profile.left_out:
        key, found = errors, f"left out: 0, beside consecutive5xx {rules.consecutive_5xx}"
        why = "the rule counts and ejects nobody: an application that answers 500 keeps its share"
        fix = "100; or write 0, if an application's own 500 is to eject nobody"
    else:
        return
    yield context.trap("enforcement", key, found, why, fix)


def _growing_ejection(profile: HttpProfile, context: Context) -> Iterator[Trap]:
    # Envoy multiplies the base time by the number of ejections, and takes one off that number for
    # each interval without any.
    rules = profile.outlier_detection
    base, longest = rules.base_ejection_time, rules.max_ejection_time
    key = f"{_EJECTION}.baseEjectionTime"
    if _ejects(profile) and (base >= _SLOW_FAILBACK or longest > _LONG_EJECTION):
        grows = f", then {2 * base:g}s, {3 * base:g}s, up to {longest:g}s as it fails again"
        yield context.trap(
            "growing-ejection",
            key,
            f"{_left_out(profile, key)}{base:g}s, maxEjectionTime {longest:g}s",
            f"what failed stays without traffic for {base:g}s{grows if longest > base else ''}, "
            "however soon it is mended",
            "baseEjectionTime 5s and maxEjectionTime 5s",
        )


def _ejection_limit(profile: HttpProfile, context: Context) -> Iterator[Trap]:
    # Envoy (DetectorImpl::ejectHost) ejects a host if the share of the ejected, that one included,
    # is at most the limit. All but one must be able to go.
    percent, gateways = profile.outlier_detection.max_ejection_percent, context.clusters
    few = percent * gateways // 100
    if _ejects(profile) and few < gateways - 1:
        yield context.trap(
            "ejection-limit",
            f"{_EJECTION}.maxEjectionPercent",
            f"{percent}",
            f"of the edge's {gateways} gateways, {100 / gateways:.3g} % each, "
            f"{f'only {few}' if few else 'none'} may be ejected; one more that fails stays in use",
            # By Envoy's default, panic sends to all while fewer than 50 % of the hosts are healthy.
            "100; safe, for Envoy's panic threshold is 1 % here: with nobody left all are tried"
            if context.own_envoys
            else "100",
        )


def _retries(profile: HttpProfile, context: Context) -> Iterator[Trap]:
    retries = profile.retries
    if not retries.attempts:
        why = "nothing is tried elsewhere: what a dying pod, gateway or region holds is lost"
        yield context.trap("retries", f"{_RETRIES}.attempts", "0", why, "3")
        return
    # As Envoy's router reads them: 5xx and gateway-error include whatever breaks off.
    given = set(retries.retry_on)
    lost = []
    if not given & {"5xx", "gateway-error", "reset"}:
        lost.append("a request whose connection breaks while it waits")
    if not given & {"5xx", "gateway-error"} and not {"retriable-status-codes", "503"} <= given:
        lost.append("an answer 503 of a gateway that has nobody left")
    if "connect-failure" not in given and context.own_envoys:
        lost.append("a POST without Idempotency-Key to a gateway that is gone, though not executed")
    if lost:
        yield context.trap(
            "retries",
            f"{_RETRIES}.retryOn",
            ",".join(retries.retry_on),
            f"not tried elsewhere: {'; '.join(lost)}",
            "connect-failure,refused-stream,reset,reset-before-request,gateway-error",
        )


def _local_errors(profile: HttpProfile, context: Context) -> Iterator[Trap]:
    if profile.outlier_detection.split_external_local_origin_errors:
        yield context.trap(
            "local-errors",
            f"{_EJECTION}.splitExternalLocalOriginErrors",
            "true",
            "time-outs are counted apart, and each connection that the kernel of a stopped process "
            "accepts sets that count back, so it is ejected late",
            "false",
        )


def _repeated_post(profile: HttpProfile, context: Context) -> Iterator[Trap]:
    # Our own Envoys never repeat a POST without a key that may have been executed. `reset` and
    # `gateway-error` may repeat one, too, but failover rests on them; with 5xx it is the
    # application that has answered.
    retries = profile.retries
    if not context.own_envoys and retries.attempts and "5xx" in retries.retry_on:
        yield context.trap(
            "repeated-post",
            f"{_RETRIES}.retryOn",
            ",".join(retries.retry_on),
            "a POST is repeated like a GET: what was executed before the application answered 500 "
            "is executed again",
            "gateway-error,reset instead of 5xx, and an application that knows a repeat by its "
            "x-request-id",
        )


def _weights(profile: HttpProfile, context: Context) -> Iterator[Trap]:
    if context.clusters == 1:
        why = "there is one application cluster and nothing to fail over to"
        fix = "a second one, in another region, or the default: ./demo pulumi config rm clusters"
        yield context.setting("weights", "clusters", "1", why, fix)
    elif not context.own_envoys and context.lb_mode is not LbMode.LOCALITY:
        why = (
            "it writes weights on the Services, and Tetrate splits a weighted list strictly, "
            "without health checks and failover: a dead cluster's share gets 503"
        )
        if context.lb_mode is LbMode.STANDBY:
            why += "; the weight 0 of the others means routing by locality there, not standby"
        yield context.setting("weights", "lbMode", context.lb_mode, why, "locality")


def _differing(profile: HttpProfile, context: Context, named: set[str]) -> Iterator[Trap]:
    """Yield one trap for all keys left out, besides those named, that mean two things."""
    gaps = {
        path.rpartition(".")[2]: DEFAULTS[path].differs
        for path in profile.left_out
        if DEFAULTS[path].differs and path not in named
    }
    if gaps:
        meanings = "; ".join(f"{key} {text}" for key, text in gaps.items())
        yield context.trap(
            "left-out",
            ", ".join(gaps),
            "left out",
            f"Tetrate's defaults count, and elsewhere the file means something else ({meanings})",
            "write them",
        )


def _ejects(profile: HttpProfile) -> bool:
    rules = profile.outlier_detection
    return bool(
        rules.enforcing_consecutive_gateway_failure
        or rules.enforcing_consecutive_5xx
        or rules.split_external_local_origin_errors  # then errors of our own are enforced
    )


def _seconds(time: float) -> str:
    return f"{time:g}s" if time else "left out"


def _left_out(profile: HttpProfile, key: str) -> str:
    return "left out: " if key in profile.left_out else ""


_RULES = (
    _per_try_timeout,
    _connect_timeout,
    _enforcement,
    _growing_ejection,
    _ejection_limit,
    _retries,
    _local_errors,
    _repeated_post,
    _weights,
)
