"""The commands of `demo`, each run in the demo's environment."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from toolchain import (
    ToolchainError,
    environment,
    gcp,
    leftovers,
    run,
    setup,
    state,
    tools,
)
from toolchain.errors import UsageError
from toolchain.pulumi_process import GO_SETTINGS

PROJECT = environment.PROJECT


def execute(name: str, arguments: list[str]) -> int:
    """Sets up what is missing, then runs the command; returns its exit code."""
    stack = stack_named(name, arguments, environment.stacks()) if name in _ON_STACK else None
    if name == "setup":
        return _setup(arguments)
    setup.ensure()
    env = environment.variables(os.environ, stack)
    environment.prepare(env)
    if name in _RUN_THE_PROGRAM:
        chosen = stack or environment.selected_stack(env) or environment.DEFAULT_STACK
        if environment.setting(chosen, "backend") == "gke":
            gcp.ensure()
    if stack is not None:
        return _ON_STACK[name](env, stack)
    return _WITH_ARGUMENTS[name](env, arguments)


def stack_named(command: str, arguments: list[str], known: list[str]) -> str:
    """The stack that the `arguments` of up or destroy name; refuses what is not in `known`."""
    if len(arguments) > 1 or any(a.startswith("-") for a in arguments):
        raise UsageError(
            f"usage: ./demo {command} [STACK]\n"
            f"Pulumi's own options are for: ./demo pulumi {command} ..."
        )
    stack = arguments[0] if arguments else environment.DEFAULT_STACK
    if stack not in known:
        raise ToolchainError(
            f"There is no stack {stack!r}: Pulumi.{stack}.yaml does not exist."
            f" Stacks: {', '.join(known) or 'none'}"
        )
    return stack


def _setup(arguments: list[str]) -> int:
    if arguments:
        raise UsageError("usage: ./demo setup")
    setup.ensure()
    setup.provide(again=True)  # what is on PATH may have changed
    print(f"All tools are there: {tools.bin_dir()}")
    return 0


def _up(env: Mapping[str, str], stack: str) -> int:
    with state.kept(env) as env:
        if environment.selected_stack(env) != stack or not _exists(env, stack):
            code = _pulumi_itself(env, "stack", "select", "--create", stack)
            if code:
                return code
        code = _pulumi_itself(env, "up", "--yes", "--skip-preview", "--stack", stack)
        if code:
            _say_unready(env, stack)
            return code
        code = _look_for_objects(env, stack)
        if code == 0:
            _say_url(_answer(env, "stack", "output", "--json", "--stack", stack), stack)
        return code


def _look_for_objects(env: Mapping[str, str], stack: str) -> int:
    """Look for each object of the stack; returns 1, with words, if a cluster lacks one."""
    return run.foreground(["python", "-m", "drills.presence", "--stack", stack], env, PROJECT)


def _say_unready(env: Mapping[str, str], stack: str) -> None:
    """Say which pods are not ready after an update that failed, and why."""
    run.foreground(["python", "-m", "drills.unready", "--stack", stack], env, PROJECT)


def _say_url(outputs: dict[str, object], stack: str) -> None:
    """Ends `up` with the address and a line to paste."""
    url = outputs.get("url")
    if not isinstance(url, str):
        return
    authority = environment.stack_folder(stack) / "ca.pem"  # written by the program
    here = Path.cwd()
    shown = authority.relative_to(here) if authority.is_relative_to(here) else authority
    print(f"\n{url}\n\n  curl --cacert {shlex.quote(str(shown))} {shlex.quote(url)}")


def _destroy(env: Mapping[str, str], stack: str) -> int:
    if environment.setting(stack, "backend") == "local":
        # a cluster that is gone already must not keep its objects in the state; in one of others
        # they would stay for ever
        env = {"PULUMI_K8S_DELETE_UNREACHABLE": "true", **env}
    with state.kept(env) as env:
        exists = _exists(env, stack)
        if exists and (code := _pulumi_itself(env, "destroy", *_YES, "--stack", stack)):
            print(
                f"Should this state be beyond repair, end the clusters without Pulumi:"
                f" ./demo local sweep .demo/{stack}/lab;"
                f" ./demo pulumi stack rm --force --yes --preserve-config {stack}",
                file=sys.stderr,
            )
            return code
        # whatever the state does not know of any more, because it was lost or damaged
        lab = environment.stack_folder(stack) / "lab"
        sweep = ["python", "-m", "localkube", "sweep", str(lab)]
        if code := run.foreground(sweep, env, PROJECT):
            return code
        remove = ("stack", "rm", "--yes", "--preserve-config", "--remove-backups", "--stack", stack)
        if exists and (code := _pulumi_itself(env, *remove)):
            return code
        shutil.rmtree(environment.stack_folder(stack), ignore_errors=True)
        leftovers.forget_torn_states(environment.state_folder(), stack)
    return 0


_YES = ("--yes", "--skip-preview")


def _exists(env: Mapping[str, str], stack: str) -> bool:
    """Whether the state backend knows `stack`. In our own a file tells, which is quicker."""
    if environment.uses_own_state(env):
        folder = environment.state_folder() / ".pulumi" / "stacks"
        if any(folder.glob(f"*/{stack}.json")):
            return True
    names = (entry["name"] for entry in _answer(env, "stack", "ls", "--json"))
    return stack in {name.rsplit("/", 1)[-1] for name in names}


def _answer(env: Mapping[str, str], *arguments: str) -> Any:
    done = subprocess.run(
        ["pulumi", *arguments], cwd=PROJECT, env=env, stdout=subprocess.PIPE, check=False
    )
    if done.returncode:
        raise ToolchainError(f"`./demo pulumi {' '.join(arguments)}` failed: see above.")
    return json.loads(done.stdout)


def _pulumi_itself(env: Mapping[str, str], *arguments: str) -> int:
    return run.foreground(["pulumi", *arguments], {**GO_SETTINGS, **env}, PROJECT)


def _pulumi(env: Mapping[str, str], arguments: list[str]) -> int:
    with state.kept(env) as env:
        return _pulumi_itself(env, *arguments)


def _task(env: Mapping[str, str], arguments: list[str]) -> int:
    with state.kept(env) as env:  # a task may start Pulumi
        return run.foreground(["task", *arguments], env, PROJECT)


def _test(env: Mapping[str, str], arguments: list[str]) -> int:
    return run.foreground(["python", "-m", "pytest", *arguments], env, PROJECT)


def _local(env: Mapping[str, str], arguments: list[str]) -> int:
    return run.foreground(["python", "-m", "localkube", *arguments], env, PROJECT)


def _kubectl(env: Mapping[str, str], arguments: list[str]) -> int:
    """Runs where the user is, so that paths in the arguments mean what they say."""
    if not Path(env["KUBECONFIG"]).exists():
        stack = Path(env["KUBECONFIG"]).parent.name
        raise ToolchainError(f"Stack {stack} is not up. Bring it up: ./demo up {stack}")
    return run.foreground(["kubectl", *arguments], env, Path.cwd())


def _shell(env: Mapping[str, str], arguments: list[str]) -> int:
    if arguments:
        raise UsageError("usage: ./demo shell")
    print("A shell with the demo's tools and state; `exit` leaves it.", flush=True)
    with state.kept(env) as env:
        return run.foreground([env.get("SHELL") or "/bin/sh"], env, Path.cwd())


_RUN_THE_PROGRAM = ("up", "pulumi", "task", "shell")
_ON_STACK: dict[str, Callable[[Mapping[str, str], str], int]] = {"up": _up, "destroy": _destroy}
_WITH_ARGUMENTS: dict[str, Callable[[Mapping[str, str], list[str]], int]] = {
    "pulumi": _pulumi,
    "task": _task,
    "test": _test,
    "kubectl": _kubectl,
    "local": _local,
    "shell": _shell,
}
