"""Questions to a cluster by kubectl, with the kubeconfig of one context as text.

Users' kubeconfigs have plugins, tokens and proxies, and all of that is kubectl's business.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from foundation.errors import UserError, last_line
from toolchain import tools

CONNECT_SECONDS = 4
"""How long an API server may take to answer a question."""

PLUGIN_SECONDS = 6
"""How much longer a plugin of the kubeconfig may take to find credentials."""


class NoAnswer(UserError):
    """A question that kubectl got no answer to; the text is kubectl's reason."""


def ask(kubeconfig: str, *arguments: str, given: str = "") -> str:
    """Return what kubectl prints about the cluster of a kubeconfig of one context.

    `given` is its standard input. Raises NoAnswer, within CONNECT_SECONDS and PLUGIN_SECONDS.
    """
    # Never on disk, and unlike a pipe it can be read twice, which kubectl does.
    descriptor = os.memfd_create("kubeconfig")
    try:
        os.write(descriptor, kubeconfig.encode())
        limit = f"--request-timeout={CONNECT_SECONDS}s"
        command = (f"--kubeconfig=/dev/fd/{descriptor}", limit, *arguments)
        return run(command, given=given, pass_fds=(descriptor,))
    finally:
        os.close(descriptor)


def run(
    arguments: Sequence[str],
    env: Mapping[str, str] | None = None,
    given: str = "",
    pass_fds: Sequence[int] = (),
) -> str:
    """Return what kubectl prints; `env` is added to the environment. Raises NoAnswer."""
    limit = CONNECT_SECONDS + PLUGIN_SECONDS
    try:
        done = subprocess.run(
            [str(tools.path("kubectl")), *arguments],
            env={**os.environ, **(env or {})},
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=limit,
            pass_fds=pass_fds,
        )
    except subprocess.TimeoutExpired:
        raise NoAnswer(f"no answer in {limit} s") from None
    if done.returncode:
        raise NoAnswer(last_line(done.stderr))
    return done.stdout
