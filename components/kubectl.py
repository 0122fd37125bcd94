"""Questions to a cluster by kubectl, with the kubeconfig of one context as text.

Users' kubeconfigs have plugins, tokens and proxies, and all of that is kubectl's business.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from foundation import commands
from toolchain import patience, tools

CONNECT_SECONDS = 4
"""How long an API server may take to answer a question."""

PLUGIN_SECONDS = 6
"""How much longer a plugin of the kubeconfig may take to find credentials."""


REQUEST_SECONDS = 0.5
"""How much longer each further request of one command may take: kubectl sends them in turn."""


def ask(kubeconfig: str, *arguments: str, given: str = "", requests: int = 1) -> str:
    """Return what kubectl prints about the cluster of a kubeconfig of one context.

    `given` is its standard input, `requests` how many it takes to answer. Raises Failed, within
    CONNECT_SECONDS and PLUGIN_SECONDS and REQUEST_SECONDS for each, on slow machines more.
    """
    # Never on disk, and unlike a pipe it can be read twice, which kubectl does.
    descriptor = os.memfd_create("kubeconfig")
    try:
        os.write(descriptor, kubeconfig.encode())
        limit = patience.of_requests(CONNECT_SECONDS)
        command = (f"--kubeconfig=/dev/fd/{descriptor}", limit, *arguments)
        return run(command, given=given, pass_fds=(descriptor,), requests=requests)
    finally:
        os.close(descriptor)


def run(
    arguments: Sequence[str],
    env: Mapping[str, str] | None = None,
    given: str = "",
    pass_fds: Sequence[int] = (),
    requests: int = 1,
) -> str:
    """Return what kubectl prints; `env` is added to the environment. Raises Failed."""
    return commands.output(
        [str(tools.path("kubectl")), *arguments],
        seconds=patience.scaled(CONNECT_SECONDS + PLUGIN_SECONDS + requests * REQUEST_SECONDS),
        stdin=given,
        env={**os.environ, **(env or {})},
        pass_fds=pass_fds,
    )
