"""Pulumi's state around a command: what a killed one has left goes, and nothing new stays."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from toolchain import environment, leftovers, orphans, salt, scratch, venv


@contextlib.contextmanager
def kept(env: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """The environment for Pulumi, with what a killed one has left cleaned up before.

    Keeps the tracked settings clean meanwhile, and leaves no temporary file.
    """
    orphans.end_orphans(venv.PYTHON, environment.PROJECT)
    if environment.uses_own_state(env):
        leftovers.remove_stale_locks(environment.state_folder())
        leftovers.remove_torn_attributes(environment.state_folder())
        leftovers.mend_states(environment.state_folder())
    clean = salt.kept_out(environment.PROJECT)
    with (
        clean if environment.uses_own_secrets(env) else contextlib.nullcontext(),
        scratch.folder(venv.PRIVATE / "tmp") as temporary,
    ):
        yield {**env, "TMPDIR": str(temporary)}
