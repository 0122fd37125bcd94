"""The last step of an update: the edge answers by its new configuration, or the update fails.

A dynamic provider is loaded by its module's name from the state: never move or rename this module.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource

from components.routing.statuses import is_alive
from foundation.dynamic_provider import BaseProvider, differ
from toolchain import patience

DEADLINE = 60.0
"""Seconds after which an update that nobody answers has failed."""

DEADLINE_OF_OTHERS = 300.0
"""The same where a load balancer is given by others: one may be open minutes after its address."""

IN_A_ROW = 20
"""New connections that must do well one after another. While one of two old pods still gets its
share of them, a third, so many in a row happen once in three thousand; they take 0.1 s."""

SETTLING = 6.0
"""Seconds in which the answers have to come from the clusters that the weights say.

The edge's own checks take a second to find a gateway that has become ready, and what failed before
is left out for five (`baseEjectionTime`). One that is away for longer is not this update's failure.
"""

TELLS_EVERY = 5.0
"""Seconds between two lines that say what is waited for."""

_TRY_TIMEOUT = 5.0
_PAUSE = 0.1


class _AnswerProvider(BaseProvider):
    def create(self, props: dict[str, Any]) -> CreateResult:
        wait(props)
        return CreateResult(props["url"], dict(props))

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        return DiffResult(changes=differ(olds, news, "url", "host", "authority", "configuration"))


def _tell(text: str) -> None:
    """Show a line in Pulumi's output: the engine passes on what its plugins write."""
    print(text, flush=True)


def wait(
    props: dict[str, Any],
    ask: Callable[[str, str, str], tuple[int, str, str]] | None = None,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
    tell: Callable[[str], None] = _tell,
) -> None:
    """Ask for `url` until `IN_A_ROW` new connections are answered by the wanted configuration.

    Any status below 500 is an answer, and 501: see `components.routing.statuses`.

    When the edge's rollout is complete, kube-proxy may still lead a new connection to a pod of the
    old configuration, which drains; the answers tell when that is over. They also tell when the
    edge has found all of `clusters`: each of these has to answer and no other, until `SETTLING`
    seconds are over. `ask` takes url, host and authority and gives status, configuration and
    cluster of one answer. Raises UserError after the deadline.
    """
    from foundation.errors import UserError

    deadline = patience.scaled(float(props.get("deadline", DEADLINE)))
    wanted = set(props["clusters"])
    begun, good, seen = clock(), 0, set[str]()
    told = begun
    while True:
        try:
            status, configuration, cluster = (ask or get)(
                props["url"], props["host"], props["authority"]
            )
            said, answered = f"status {status}", is_alive(status)
            if answered and configuration != props["configuration"]:
                said, answered = f"{said} by the former configuration", False
        except OSError as error:
            said, cluster, answered = str(error), "", False
        is_late = clock() >= begun + SETTLING
        if answered and (cluster in wanted or is_late):
            good, seen = good + 1, seen | {cluster}
        else:
            good, seen = 0, set()
        if good >= IN_A_ROW and (seen == wanted or is_late):
            return
        if clock() >= told + TELLS_EVERY and not good:
            told = clock()
            tell(f"{props['url']}: waiting for an answer for {told - begun:.0f} s, last: {said}")
        if clock() >= begun + deadline:
            raise UserError(
                f"{props['url']} did not answer below 500 within {deadline:.0f} s, last: {said}; "
                "look: ./demo kubectl --context corp-edge -n tetrate-system logs deployment/gateway"
                ". Pods whose readinessProbe asks no page of the exposed port by httpGet have to"
                " answer GET at the exposed path"
            )
        if not good:
            pause(_PAUSE)


def get(url: str, host: str, authority: str) -> tuple[int, str, str]:
    """Return status, edge configuration and cluster of one GET over a connection of its own.

    The certificate is checked against `host` and the PEM `authority`. Raises OSError.
    """
    import http.client
    import socket
    from urllib.parse import urlsplit

    from foundation.trust import trusting

    parts = urlsplit(url)
    address = (parts.hostname or "", parts.port or 443)
    context = trusting(pem=authority)
    plain = socket.create_connection(address, timeout=_TRY_TIMEOUT)
    with plain, context.wrap_socket(plain, server_hostname=host) as encrypted:
        # Otherwise the request, a second small piece after the handshake's last, waits for an
        # acknowledgement that the other side delays by 40 ms: Nagle's algorithm.
        encrypted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = http.client.HTTPConnection(host)
        connection.sock = encrypted
        try:
            connection.request("GET", parts.path or "/", headers={"Host": host})
            answer = connection.getresponse()
        except http.client.HTTPException as error:
            raise OSError(f"no HTTP answer: {error!r}") from error
        given = answer.headers.get
        return answer.status, given("x-edge-configuration", ""), given("x-served-by-cluster", "")


class Answer(Resource, module="answer", name="Answer"):
    """Created and updated only when `url` answers by the wanted configuration."""

    url: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        url: pulumi.Input[str],
        host: str,
        authority: pulumi.Input[str],
        configuration: pulumi.Input[str],
        clusters: Sequence[str],
        deadline: float,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Register the wait; a changed `configuration` (its digest) makes it wait again.

        `host` is the name in the certificate, `authority` the PEM that it is checked against,
        `clusters` are those that share all traffic while nothing fails; after `deadline` seconds
        the update has failed.
        """
        props: dict[str, Any] = {
            "url": url,
            "host": host,
            "authority": authority,
            "configuration": configuration,
            "clusters": list(clusters),
        }
        if deadline != DEADLINE:
            props["deadline"] = str(deadline)
        super().__init__(_AnswerProvider(), name, props, opts)
