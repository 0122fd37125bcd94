"""The commands of `demo`, each run in the demo's environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from foundation import disk, project, run, scratch, selection
from foundation.errors import UsageError, UserError
from launcher import environment, pulumi_use, rootless, stack_commands, state
from toolchain import gcp, setup, tools, venv


def execute(name: str, arguments: list[str]) -> int:
    """Set up what is missing, then run the command; return its exit code."""
    stack = stack_named(name, arguments, selection.stacks()) if name in _ON_STACK else None
    if name in _ON_TOOLS:
        return _ON_TOOLS[name](arguments)
    if name == "up" and stack is not None:
        rootless.check(stack)  # before minutes of set-up
    setup.ensure()
    if name == "up" and stack is not None:
        stack_commands.check_space(stack)
    env = environment.variables(os.environ, stack)
    if rootless.is_wanted(name, stack or selection.current(env)):
        return rootless.enter([name, *arguments])
    environment.prepare(env)
    if name in ("up", "destroy", "task"):
        environment.check_home(env)
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
        with scratch.folder(tools.cache_dir() / "packing") as wheels:
            venv.download(wheels)
            print("Packing the tools", flush=True)
            bundle.write(file, wheels)
    finally:
        if elsewhere:
            setup.provide(again=True)
    size = disk.size(file.stat().st_size)
    print(f"{file} ({size}). On the other machine: ./demo setup --bundle {file.name}")
    return 0


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
    if arguments[:1] == ["load"]:  # archives are where the user is
        files = (a if a.startswith("-") else str(Path.cwd() / a) for a in arguments[1:])
        arguments = ["load", *files]
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
_ON_STACK: dict[str, Callable[[Mapping[str, str], str], int]] = {
    "up": stack_commands.up,
    "destroy": stack_commands.destroy,
}
_ON_TOOLS: dict[str, Callable[[list[str]], int]] = {
    "setup": _setup,
    "tools": _tools,
    "bundle": _bundle,
}
_WITH_ARGUMENTS: dict[str, Callable[[Mapping[str, str], list[str]], int]] = {
    "pulumi": stack_commands.pulumi,
    "task": _task,
    "test": _test,
    "kubectl": _kubectl,
    "local": _local,
    "shell": _shell,
}
