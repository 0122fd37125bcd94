"""Previews by Pulumi's command line, each against an empty state of its own."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from foundation import run, stack_file
from foundation.contract import PROVIDER_RELEASE
from foundation.errors import UserError
from policies.rules import Resource
from preview.model import StackPlan

SECONDS = 180
"""How long one command of Pulumi may take."""

_KEPT = (
    "PULUMI_HOME", "PULUMI_SKIP_UPDATE_CHECK", "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION",
    PROVIDER_RELEASE,
)  # fmt: skip
_NOT_INHERITED = ("PULUMI_", "DEMO_", "KUBECONFIG")
_PASSING = re.compile(r"<\{%.*?%\}>|\x1b\[[0-9;]*m")
_NOISE = re.compile(r"(error: )?(preview|update) failed")
_REASON_LINES = 12


def plans(tree: Path, stack: str, modes: Sequence[str], private: Path) -> Iterator[StackPlan]:
    """Yield what `tree` plans for a stack, in each mode in turn.

    The tree's own settings file of the stack is read and a copy of it, in the empty folder
    `private`, given to Pulumi, as are state, passphrase and temporary files.
    """
    file = tree / f"Pulumi.{stack}.yaml"
    if not file.exists():
        yield from (StackPlan(problem=f"there is no stack {stack}") for _ in modes)
        return
    env = environment(os.environ, private)
    try:
        # writes the passphrase's salt into the tree's settings file, which is a copy itself
        _pulumi(tree, env, "stack", "init", stack)
        project = stack_file.mapping((tree / "Pulumi.yaml").read_text())["name"]
        text = file.read_text()
        # a kubeconfig that the stack names would lead to clusters, whatever KUBECONFIG says
        away = {"kubeconfig": ""} if stack_file.value(text, project, "kubeconfig") else {}
        for mode in modes:
            own = private / f"{mode}.yaml"
            own.write_text(stack_file.changed(text, project, {"lbMode": mode, **away}))
            options = ("--json", "--stack", stack, "--config-file", str(own))
            yield plan(tree, _pulumi(tree, env, "preview", *options))
    except (_Failed, stack_file.Unreadable) as failure:
        yield from (StackPlan(problem=str(failure)) for _ in modes)


def environment(base: Mapping[str, str], private: Path) -> dict[str, str]:
    """Return `base` with state, passphrase and temporary files of its own, and no kubeconfig."""
    for name in ("state", "tmp"):
        (private / name).mkdir()
    env = {
        key: value
        for key, value in base.items()
        if key in _KEPT or not key.startswith(_NOT_INHERITED)
    }
    path = [f"{sys.prefix}/bin", env.get("PATH", os.defpath)]
    return {
        **env,
        "PATH": os.pathsep.join(path),
        "KUBECONFIG": str(private / "none"),
        "PULUMI_BACKEND_URL": f"file://{private / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": secrets.token_urlsafe(),
        "TMPDIR": str(private / "tmp"),
    }


class _Failed(Exception):
    """A command of Pulumi that failed before it could tell a plan."""


def _pulumi(
    tree: Path, env: Mapping[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run Pulumi; raise _Failed unless it says in JSON what failed, UserError without Pulumi."""
    command = ["pulumi", "--non-interactive", "--color=never", *arguments]
    try:
        done = subprocess.run(
            run.tied(command),
            cwd=tree,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except OSError:
        raise UserError("pulumi is not on PATH. Run this by: ./demo task preview") from None
    except subprocess.TimeoutExpired:
        raise _Failed(f"pulumi {arguments[0]} took more than {SECONDS} s and was ended") from None
    # with --json, a preview that fails says why in its output
    if done.returncode and not done.stdout.lstrip().startswith("{"):
        raise _Failed(reason([done.stderr or done.stdout]))
    return done


def plan(tree: Path, done: subprocess.CompletedProcess[str]) -> StackPlan:
    """Return the plan of `tree` in what `pulumi preview --json` said."""
    try:
        told = json.loads(done.stdout)
    except ValueError:
        return StackPlan(
            problem=f"pulumi preview --json did not answer in JSON: {done.stdout[:200]}"
        )
    # Errors are said after a success too: of providers that "exited prematurely" when they have
    # taken more than five seconds to end, as they do on a machine that stands still for a while.
    if done.returncode:
        diagnostics = told.get("diagnostics") or []
        errors = [each["message"] for each in diagnostics if each["severity"] == "error"]
        return StackPlan(problem=reason(errors).replace(str(tree), "."))
    states = [step["newState"] for step in told.get("steps") or [] if step.get("newState")]
    return StackPlan({_key(s["urn"]): _resource(s) for s in _same_everywhere(tree, states)})


def reason(errors: Sequence[str]) -> str:
    """Return why a preview failed: the errors without colours, repetitions and empty words."""
    lines: list[str] = []
    for line in _PASSING.sub("", "\n".join(errors)).splitlines():
        if line.strip() and not _NOISE.fullmatch(line.strip()) and line not in lines:
            lines.append(line.rstrip())
    return "\n".join(lines[-_REASON_LINES:]) or "no message"


def _same_everywhere(tree: Path, states: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the states without what differs between two previews of the same tree.

    That is its folder, and the identity that an embedded cluster draws when it is made.
    """
    text = json.dumps(states).replace(json.dumps(str(tree))[1:-1], ".")
    for state in states:
        identity = (state.get("inputs") or {}).get("identity")
        if state["type"].endswith("/localkube:Cluster") and isinstance(identity, str):
            text = text.replace(identity, f"(identity of {_name(state['urn'])})")
    return list(json.loads(text))


def _resource(state: Mapping[str, Any]) -> Resource:
    inputs = dict(state.get("inputs") or {})
    for internal in ("__provider", "__internal"):  # how Pulumi finds a dynamic provider's code
        inputs.pop(internal, None)
    provider = state.get("provider", "").rpartition("::")[0]
    return Resource(
        type=state["type"],
        name=_name(state["urn"]),
        inputs=inputs,
        provider=_name(provider) if provider else "",
        custom=bool(state.get("custom")),
        secret_outputs=sorted(state.get("additionalSecretOutputs") or ()),
    )


def _key(urn: str) -> str:
    """Return the part of a URN that is not the stack's and the project's name."""
    return urn.split("::", 2)[2]


def _name(urn: str) -> str:
    return urn.rpartition("::")[2]
