"""What brings a stack up or takes it down, by Pulumi, and what is looked at before and after."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from foundation import contract, files, project, run, selection, trust
from foundation.errors import UserError
from foundation.pulumi_process import GO_SETTINGS
from launcher import first_update, leftovers, pulumi_use, stacks, state, unfinished
from localkube import owner, preflight
from toolchain import patience


def up(env: Mapping[str, str], stack: str) -> int:
    """Bring a stack up, and say where it answers; return the exit code. Raises UserError."""
    _check_owner(env, stack)
    with state.kept(env) as env:
        leftovers.check_idle(env, stack)
        stacks.select(env, stack)
        # outputs would come after the reason of what fails; `_say_url` says which matters else
        how = ("--yes", "--skip-preview", "--suppress-outputs")
        code = _update(env, stack, "up", *how, "--stack", stack)
        if code == 0:
            _say_url(stacks.outputs(env, stack), stack)
        elif run.was_interrupted():  # Pulumi may have said nothing yet, or have come to its end
            print(f"Interrupted. Go on: ./demo up {stack}", file=sys.stderr)
        return code


def _update(env: Mapping[str, str], stack: str, *arguments: str) -> int:
    """Run an update by Pulumi, then look for each object, or say why pods are not ready.

    Returns the exit code, 1 if a cluster lacks an object. After a Ctrl-C nothing is looked at, and
    it is 130, whatever Pulumi's is. Nor is anything after a failure that changed nothing, such as
    one of the command line: pods have no part in it.
    """
    before = _state_written(env, stack)
    # with settings of the command line it may be in clusters of others
    is_own = not pulumi_use.has_settings(arguments)
    with first_update.quick(env, stack) if is_own else contextlib.nullcontext(env) as its_env:
        code = _pulumi_itself(its_env, *arguments)
    if run.was_interrupted():
        return 130
    if code and before is not None and before == _state_written(env, stack):
        return code
    killed = (project.stack_folder(stack) / contract.KILLED_FILE).exists()
    looks = ["drills.presence", *(["drills.compared"] if killed else [])]
    for what in ["drills.unready"] if code else looks:
        code = run.foreground(["python", "-m", what, "--stack", stack], env, project.ROOT) or code
        if run.was_interrupted():
            return 130
    return code


def _state_written(env: Mapping[str, str], stack: str) -> int | None:
    """Return when the stack's state was written last: 0 for never, None where it is not ours."""
    file = selection.own_state(env, stack)
    if file is None:
        return None
    return file.stat().st_mtime_ns if file.exists() else 0


def _say_url(outputs: dict[str, object], stack: str) -> None:
    """End `up` with the address and a line to paste."""
    url = outputs.get("url")
    if not isinstance(url, str):
        return
    authority = project.stack_folder(stack) / "ca.pem"  # written by the program
    here = Path.cwd()
    shown = authority.relative_to(here) if authority.is_relative_to(here) else authority
    print(f"\n{url}\n\n  {shlex.join(_curl(url, str(outputs.get('host', '')), shown, authority))}")


def _curl(url: str, host: str, shown: Path, authority: Path) -> list[str]:
    """Return the command that asks the edge, by the host's name where the certificate wants it."""
    command = ["curl", "--cacert", str(shown)]
    if not host or trust.is_for_address(url, authority):
        return [*command, url]
    parts = urlsplit(url)
    address = parts.hostname or ""
    named = parts._replace(netloc=parts.netloc.replace(address, host)).geturl()
    return [*command, "--connect-to", f"::{address}:", named]


def destroy(env: Mapping[str, str], stack: str) -> int:
    """Take a stack down, whatever its state knows; return the exit code. Raises UserError."""
    _check_owner(env, stack)
    backend = selection.setting(stack, "backend")
    _check_undrilled(stack)
    _check_mended(stack)
    if backend == "local":
        # a cluster that is gone already must not keep its objects in the state; in one of others
        # they would stay for ever
        env = {**_OF_OWN_CLUSTERS, **env}
    with state.kept(pulumi_use.with_program(env, stack)) as env:
        leftovers.check_idle(env, stack)
        exists = stacks.exists(env, stack)
        if not exists and not project.stack_folder(stack).exists():
            print(f"Nothing to destroy: stack {stack} is not there.")
            return 0
        if not exists:
            _check_known(env, stack)
        if backend == "existing":
            _remove_unfinished(env, stack)
        code = _pulumi_itself(env, "destroy", *_YES, "--stack", stack) if exists else 0
        if run.was_interrupted():  # of which Pulumi's exit code says nothing (3.274)
            print(f"Interrupted. Go on: ./demo destroy {stack}", file=sys.stderr)
            return 130
        if code:
            if contract.RUN_PROGRAM in env:
                print(
                    "Should the settings not fit any more what is up, use the state alone:"
                    f" {contract.RUN_PROGRAM}=false ./demo destroy {stack}",
                    file=sys.stderr,
                )
            if backend == "local":  # elsewhere what the state alone knows of would stay for ever
                print(
                    f"Should this state be beyond repair, end the clusters without Pulumi:"
                    f" ./demo local sweep .demo/{stack}/lab;"
                    f" ./demo pulumi stack rm --force --yes --preserve-config {stack}",
                    file=sys.stderr,
                )
            return code
        # whatever the state does not know of any more, because it was lost or damaged
        leftovers.sweep(stack)
        remove = ("stack", "rm", "--yes", "--preserve-config", "--remove-backups", "--stack", stack)
        if exists and (code := _pulumi_itself(env, *remove)):
            return code
        shutil.rmtree(project.stack_folder(stack), ignore_errors=True)
        leftovers.forget_torn_states(project.state_folder(), stack)
    return 0


def _remove_unfinished(env: Mapping[str, str], stack: str) -> None:
    """Remove what a killed update was making in clusters of others; not what one makes now."""
    state = selection.own_state(env, stack)
    if state and not leftovers.updating(project.state_folder(), stack):
        for line in unfinished.remove(state, project.kubeconfig(stack)):
            print(line, flush=True)


_YES = ("--yes", "--skip-preview")

_OF_OWN_CLUSTERS = {
    "PULUMI_K8S_DELETE_UNREACHABLE": "true",
    # Pulumi writes the whole state after each object, which grows with the square of the clusters:
    # at five of them 7.8 of the 8.8 s of the processor that it takes. A destroy that is killed
    # begins anew with the whole state, and what is gone by then is not missed.
    **first_update.NO_CHECKPOINTS,
}
"""Environment of a destroy of embedded clusters, with which all that is in them goes."""


def _check_mended(stack: str) -> None:
    """Refuse while a fault is in force, which only the stack knows how to mend. Raises UserError.

    In clusters of others it may have been made to what is not the stack's: nodes are cordoned.
    """
    if selection.setting(stack, "backend") != "existing":
        return
    journal = project.stack_folder(stack) / contract.FAULTS_FILE
    if journal.exists() and journal.read_text().strip() not in ("", "[]"):
        raise UserError(
            f"A drill's fault is in force in clusters of stack {stack}: mend it first, with"
            f" {project.task('heal-all', stack)}. If that is not possible any more,"
            f" delete {journal}"
        )


def _check_undrilled(stack: str) -> None:
    """Refuse while a drill runs, which would write down anew what it breaks. Raises UserError."""
    if files.is_locked(project.stack_folder(stack) / contract.DRILL_LOCK):
        raise UserError(
            f"A drill of stack {stack} runs: wait for its end, or end it by Ctrl-C first"
        )


def _check_owner(env: Mapping[str, str], stack: str) -> None:
    """Refuse a stack whose lab is in another state backend. Raises UserError."""
    lab = project.lab_folder(stack)
    if text := owner.refusal(lab, env):
        raise UserError(text)


def _check_known(env: Mapping[str, str], stack: str) -> None:
    """Refuse to forget a stack in clusters of others that the state does not know.

    Embedded clusters end without a state. Raises UserError.
    """
    kubeconfig = project.kubeconfig(stack)
    if selection.setting(stack, "backend") != "local" and kubeconfig.exists():
        shown = shlex.quote(str(kubeconfig))
        raise UserError(
            f"Stack {stack} is in clusters of others, and its state is not in"
            f" {owner.state_url(env) or owner.UNKNOWN}. Name the backend that has"
            f" it: {owner.VARIABLE}=URL ./demo destroy {stack}; if that state is lost, delete its"
            f" namespaces by hand (kubectl --kubeconfig {shown}), then the folder"
            f" {shlex.quote(str(kubeconfig.parent))}"
        )


def check_space(stack: str) -> None:
    """Refuse an update for which a disk is too small, before anything is written."""
    needed = preflight.space(project.lab_folder(stack))
    if selection.setting(stack, "backend") != "local":
        needed = {project.state_folder(): preflight.STATE_BYTES}
    preflight.check_disk(needed)


def _pulumi_itself(env: Mapping[str, str], *arguments: str) -> int:
    settings = {**GO_SETTINGS, **patience.of_connections(), **env}
    # SIGHUP would kill Pulumi in the middle of what it does
    hangup = signal.SIGINT
    code = run.foreground(["pulumi", *arguments], settings, project.ROOT, hangup=hangup)
    if code == 128 + signal.SIGKILL:  # by nobody who would know of it
        print(
            "error: Pulumi was killed, as by a kernel that runs out of memory (dmesg tells). Free"
            " some, then run this again",
            file=sys.stderr,
        )
    return code


def pulumi(env: Mapping[str, str], arguments: list[str]) -> int:
    """Run Pulumi with these arguments; return the exit code. Raises UserError."""
    with state.kept(env) as env:
        updated = pulumi_use.updated(env, arguments)
        if destroyed := pulumi_use.destroyed(env, arguments):
            _check_owner(env, destroyed)
            _check_undrilled(destroyed)
            _check_mended(destroyed)
        if changed := pulumi_use.changed(env, arguments):
            leftovers.check_idle(env, changed)
        env = pulumi_use.prepare(env, arguments)
        if updated:
            return _update(env, updated, *arguments)
        code = _pulumi_itself(env, *arguments)
        # of a destroy that was interrupted Pulumi's may be 0 (3.274)
        return 130 if run.was_interrupted() and (code or changed) else code
