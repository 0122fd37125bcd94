"""Pulumi's state around a command: what a killed one has left goes, and nothing new stays."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from foundation import project, scratch
from launcher import environment, leftovers, orphans, salt


@contextlib.contextmanager
def kept(env: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """Clean up what a killed Pulumi has left; yield the environment for Pulumi.

    Keeps the tracked settings clean meanwhile, and leaves no temporary file.
    """
    orphans.end_orphans(project.VENV)
    if project.uses_own_state(env):
        leftovers.remove_stale_locks(project.state_folder())
        leftovers.remove_torn_attributes(project.state_folder())
        leftovers.mend_states(project.state_folder())
        leftovers.note_killed(project.state_folder())
    clean = salt.kept_out(project.ROOT)
    with (
        clean if environment.uses_own_secrets(env) else contextlib.nullcontext(),
        scratch.folder(project.PRIVATE / "tmp") as temporary,
    ):
        yield {**env, "TMPDIR": str(temporary)}
