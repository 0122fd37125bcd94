"""The commands of `demo`, each run in the demo's environment."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from foundation import contract, disk, project, run, selection
from foundation.errors import UsageError, UserError
from foundation.pulumi_process import GO_SETTINGS
from launcher import environment, leftovers, pulumi_use, stacks, state
from localkube import owner, preflight
from toolchain import gcp, setup, tools, venv


def execute(name: str, arguments: list[str]) -> int:
    """Set up what is missing, then run the command; return its exit code."""
    stack = stack_named(name, arguments, selection.stacks()) if name in _ON_STACK else None
    if name in _ON_TOOLS:
        return _ON_TOOLS[name](arguments)
    setup.ensure()
    if name == "up" and stack is not None:
        _check_space(stack)
    env = environment.variables(os.environ, stack)
    environment.prepare(env)
    if name in _RUN_THE_PROGRAM:
        own = pulumi_use.program_of(env, arguments) if name == "pulumi" else stack
        chosen = selection.current(env) if own is None else own
        if chosen and selection.setting(chosen, "backend") == "gke":
            gcp.ensure()
    if stack is not None:
        return _ON_STACK[name](env, stack)
    return _WITH_ARGUMENTS[name](env, arguments)


def stack_named(command: str, arguments: list[str], known: list[str]) -> str:
    """Return the stack that the `arguments` of up or destroy name, one of `known`."""
    if len(arguments) > 1 or any(a.startswith("-") for a in arguments):
        raise UsageError(
            f"usage: ./demo {command} [STACK]\n"
            f"Pulumi's own options are for: ./demo pulumi {command} ..."
        )
    stack = arguments[0] if arguments else selection.DEFAULT_STACK
    if stack not in known:
        raise selection.unknown(stack, known)
    if project.is_taken(stack):
        raise UserError(
            f"No stack can be called {stack}: .demo/{stack} is there for something else"
        )
    return stack


def _setup(arguments: list[str]) -> int:
    from toolchain import bundle  # not for a warm start

    file = bundle.named(arguments)
    if file and os.environ.pop(bundle.TAKEN, None) != str(file):
        bundle.take(file)
    elif arguments not in ([], ["--build"]) and not file:
        raise UsageError("usage: ./demo setup [--build | --bundle FILE]")
    if not (build := arguments == ["--build"]):
        setup.ensure()
    setup.provide(again=True, build=build)  # what is on PATH may have changed
    print(f"All tools are there: {tools.bin_dir()}")
    return 0


def _tools(arguments: list[str]) -> int:
    if arguments:
        raise UsageError("usage: ./demo tools")
    rows = [(name, entry["version"], entry["from"]) for name, entry in tools.manifest().items()]
    rows.append((tools.ENVOY, tools.version(tools.ENVOY), "Python package"))
    for name, version, origin in sorted(rows):
        print(f"{name:<29} {version:<44} {origin}")
    return 0


def _bundle(arguments: list[str]) -> int:
    from toolchain import bundle  # not for a warm start

    if len(arguments) > 1 or any(a.startswith("-") for a in arguments):
        raise UsageError("usage: ./demo bundle [FILE]")
    file = Path(arguments[0] if arguments else bundle.default())
    setup.ensure()
    elsewhere = any(entry["from"].startswith("/") for entry in tools.manifest().values())
    try:
        if elsewhere:  # tools on PATH are this machine's: the bundle gets its own
            setup.provide(alone=True)
        with tempfile.TemporaryDirectory(dir=tools.cache_dir()) as wheels:
            venv.download(Path(wheels))
            print("Packing the tools", flush=True)
            bundle.write(file, Path(wheels))
    finally:
        if elsewhere:
            setup.provide(again=True)
    size = disk.size(file.stat().st_size)
    print(f"{file} ({size}). On the other machine: ./demo setup --bundle {file.name}")
    return 0


def _up(env: Mapping[str, str], stack: str) -> int:
    _check_owner(env, stack)
    with state.kept(env) as env:
        stacks.select(env, stack)
        # outputs would come after the reason of what fails; `_say_url` says which matters else
        how = ("--yes", "--skip-preview", "--suppress-outputs")
        code = _update(env, stack, "up", *how, "--stack", stack)
        if code == 0:
            _say_url(stacks.answer(env, "stack", "output", "--json", "--stack", stack), stack)
        return code


def _update(env: Mapping[str, str], stack: str, *arguments: str) -> int:
    """Run an update by Pulumi, then look for each object, or say why pods are not ready.

    Returns the exit code, 1 if a cluster lacks an object. After a Ctrl-C nothing is looked at, and
    it is 130, whatever Pulumi's is.
    """
    code = _pulumi_itself(env, *arguments)
    if run.was_interrupted():
        return 130
    killed = (project.stack_folder(stack) / contract.KILLED_FILE).exists()
    looks = ["drills.presence", *(["drills.compared"] if killed else [])]
    for what in ["drills.unready"] if code else looks:
        code = run.foreground(["python", "-m", what, "--stack", stack], env, project.ROOT) or code
    return code


def _say_url(outputs: dict[str, object], stack: str) -> None:
    """End `up` with the address and a line to paste."""
    url = outputs.get("url")
    if not isinstance(url, str):
        return
    authority = project.stack_folder(stack) / "ca.pem"  # written by the program
    here = Path.cwd()
    shown = authority.relative_to(here) if authority.is_relative_to(here) else authority
    print(f"\n{url}\n\n  curl --cacert {shlex.quote(str(shown))} {shlex.quote(url)}")


def _destroy(env: Mapping[str, str], stack: str) -> int:
    _check_owner(env, stack)
    backend = selection.setting(stack, "backend")
    _check_mended(stack)
    if backend == "local":
        # a cluster that is gone already must not keep its objects in the state; in one of others
        # they would stay for ever
        env = {**_OF_OWN_CLUSTERS, **env}
    with state.kept(pulumi_use.with_program(env, stack)) as env:
        exists = stacks.exists(env, stack)
        if not exists and not project.stack_folder(stack).exists():
            print(f"Nothing to destroy: stack {stack} is not there.")
            return 0
        if not exists:
            _check_known(env, stack)
        if exists and (code := _pulumi_itself(env, "destroy", *_YES, "--stack", stack)):
            if contract.RUN_PROGRAM in env:
                print(
                    "Should the settings not fit any more what is up, use the state alone:"
                    f" {contract.RUN_PROGRAM}=false ./demo destroy {stack}",
                    file=sys.stderr,
                )
            print(
                f"Should this state be beyond repair, end the clusters without Pulumi:"
                f" ./demo local sweep .demo/{stack}/lab;"
                f" ./demo pulumi stack rm --force --yes --preserve-config {stack}",
                file=sys.stderr,
            )
            return code
        if run.was_interrupted():  # of which Pulumi's exit code says nothing (3.274)
            print(f"Interrupted. Go on: ./demo destroy {stack}", file=sys.stderr)
            return 130
        # whatever the state does not know of any more, because it was lost or damaged
        lab = project.stack_folder(stack) / "lab"
        sweep = ["python", "-m", "localkube", "sweep", str(lab)]
        if code := run.foreground(sweep, env, project.ROOT):
            return code
        remove = ("stack", "rm", "--yes", "--preserve-config", "--remove-backups", "--stack", stack)
        if exists and (code := _pulumi_itself(env, *remove)):
            return code
        shutil.rmtree(project.stack_folder(stack), ignore_errors=True)
        leftovers.forget_torn_states(project.state_folder(), stack)
    return 0


_YES = ("--yes", "--skip-preview")

_OF_OWN_CLUSTERS = {
    "PULUMI_K8S_DELETE_UNREACHABLE": "true",
    # Pulumi writes the whole state after each object, which grows with the square of the clusters:
    # at five of them 7.8 of the 8.8 s of the processor that it takes. A destroy that is killed
    # begins anew with the whole state, and what is gone by then is not missed.
    "PULUMI_SKIP_CHECKPOINTS": "true",
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


def _check_owner(env: Mapping[str, str], stack: str) -> None:
    """Refuse a stack whose lab is in another state backend. Raises UserError."""
    lab = project.stack_folder(stack) / "lab"
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


def _check_space(stack: str) -> None:
    """Refuse an update for which a disk is too small, before anything is written."""
    needed = preflight.space(project.stack_folder(stack) / "lab")
    if selection.setting(stack, "backend") != "local":
        needed = {project.state_folder(): preflight.STATE_BYTES}
    preflight.check_disk(needed)


def _pulumi_itself(env: Mapping[str, str], *arguments: str) -> int:
    return run.foreground(["pulumi", *arguments], {**GO_SETTINGS, **env}, project.ROOT)


def _pulumi(env: Mapping[str, str], arguments: list[str]) -> int:
    with state.kept(env) as env:
        env = pulumi_use.prepare(env, arguments)
        if stack := pulumi_use.destroyed(env, arguments):
            _check_mended(stack)
        stack = pulumi_use.updated(env, arguments)
        return _update(env, stack, *arguments) if stack else _pulumi_itself(env, *arguments)


def _task(env: Mapping[str, str], arguments: list[str]) -> int:
    from launcher import tasks  # not for a warm start

    with state.kept(env) as env:  # a task may start Pulumi
        return tasks.run(env, arguments)


_ALL_TESTS = (
    # as few files as processors side by side; the one with fewest tests is among the longest
    ["--numprocesses=logical", "--dist=loadfile", "--no-loadscope-reorder", "--ignore=tests/local"],
    # clusters are tried under traffic, and have the machine to themselves
    ["tests/local"],
)
"""Arguments of pytest, run after run, where the user gives none."""
_TESTS_FAILED = 1


def _test(env: Mapping[str, str], arguments: list[str]) -> int:
    """Run pytest, and all of it where no arguments say what; return the first failure's code."""
    failed = 0
    for chosen in [arguments] if arguments else _ALL_TESTS:
        code = run.foreground(["python", "-m", "pytest", *chosen], env, project.ROOT)
        if code not in (0, _TESTS_FAILED):
            return code
        failed = failed or code
    return failed


def _local(env: Mapping[str, str], arguments: list[str]) -> int:
    return run.foreground(["python", "-m", "localkube", *arguments], env, project.ROOT)


def _kubectl(env: Mapping[str, str], arguments: list[str]) -> int:
    """Run where the user is, so that paths in the arguments mean what they say."""
    if not Path(env["KUBECONFIG"]).exists():
        raise selection.not_up(Path(env["KUBECONFIG"]).parent.name)
    return run.foreground(["kubectl", *arguments], env, Path.cwd())


def _shell(env: Mapping[str, str], arguments: list[str]) -> int:
    if arguments:
        raise UsageError("usage: ./demo shell")
    print("A shell with the demo's tools and state; `exit` leaves it.", flush=True)
    stack = selection.current(env)
    with state.kept(pulumi_use.with_program(env, stack)) as env:
        return run.foreground([env.get("SHELL") or "/bin/sh"], env, Path.cwd())


_RUN_THE_PROGRAM = ("up", "pulumi", "task", "shell")
_ON_STACK: dict[str, Callable[[Mapping[str, str], str], int]] = {"up": _up, "destroy": _destroy}
_ON_TOOLS: dict[str, Callable[[list[str]], int]] = {
    "setup": _setup,
    "tools": _tools,
    "bundle": _bundle,
}
_WITH_ARGUMENTS: dict[str, Callable[[Mapping[str, str], list[str]], int]] = {
    "pulumi": _pulumi,
    "task": _task,
    "test": _test,
    "kubectl": _kubectl,
    "local": _local,
    "shell": _shell,
}
