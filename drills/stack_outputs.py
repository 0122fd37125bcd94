"""A stack that is up, as its outputs describe it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drills import pulumi_command
from drills.application import Application
from foundation import files, project, selection
from foundation.errors import UserError
from launcher import environment

_SWITCHED_OFF = 0


@dataclass(frozen=True)
class StackOutputs:
    """A stack that is up."""

    stack: str
    url: str
    host: str
    ca_file: Path
    lb_mode: str
    weights: Mapping[str, int | None]
    """Edge weight of each application cluster; None where locality decides."""
    platform: str = "envoy"
    """What moves the traffic."""
    priorities: Sequence[Sequence[str]] = ()
    """Groups of application clusters; the first shares all traffic while nothing fails."""
    failback: str = "atOnce"
    """How a cluster that was away gets its share again."""
    ramp: float = 0.0
    """Seconds that a ramped failback takes."""
    application: Mapping[str, Any] | None = None
    """The first exposed Service and its workload: see `drills.application`."""

    @property
    def folder(self) -> Path:
        """The stack's private folder, where events are announced."""
        return project.stack_folder(self.stack)

    @property
    def kubeconfig(self) -> Path:
        """The file with the contexts of the stack's clusters."""
        return project.kubeconfig(self.stack)

    @property
    def is_portal(self) -> bool:
        """Whether the application is the demo's own, whose log says what was executed."""
        return self.application is None or Application.of(self.application).is_portal

    @property
    def serving(self) -> tuple[str, ...] | None:
        """The clusters that alone may answer while all are well; None: any may."""
        return serving(self.weights)


def serving(weights: Mapping[str, int | None]) -> tuple[str, ...] | None:
    """Return the clusters that answer while all are well; None where it is not weights that say."""
    if not weights or any(weight is None for weight in weights.values()):
        return None
    return tuple(name for name, weight in weights.items() if weight != _SWITCHED_OFF)


def selected(stack: str | None = None) -> StackOutputs:
    """Return the stack named, or the one that Pulumi has selected. Raises UserError."""
    env = environment.variables(os.environ, stack)
    name = stack or selection.selected_stack(env) or selection.DEFAULT_STACK
    outputs = _outputs(name, env)
    try:
        url, host = str(outputs["url"]), str(outputs["host"])
        authority = str(outputs["caCertificate"])
    except KeyError as missing:
        raise UserError(
            f"Stack {name} is not up: it has no output {missing}. Bring it up: ./demo up {name}"
        ) from None
    return StackOutputs(
        stack=name,
        url=url,
        host=host,
        ca_file=_keep(project.stack_folder(name) / "ca.pem", authority),
        lb_mode=str(outputs.get("lbMode", "")),
        weights=outputs.get("edgeWeights") or {},
        platform=str(outputs.get("platform", "envoy")),
        priorities=outputs.get("edgePriorities") or (),
        failback=str(outputs.get("failback", "atOnce")),
        ramp=float(outputs.get("failbackSeconds", 0)),
        application=outputs.get("application"),
    )


def _outputs(stack: str, env: Mapping[str, str]) -> dict[str, Any]:
    try:
        return dict(json.loads(pulumi_command.output(env, stack, "stack", "output", "--json")))
    except UserError as error:
        raise UserError(
            f"The outputs of stack {stack} cannot be read: {error}\n"
            f"Bring it up: ./demo up {stack}   or name a target: --url URL --ca FILE"
        ) from None


def _keep(file: Path, text: str) -> Path:
    """Write the certificate where it is missing or another one; it is public."""
    if not file.exists() or file.read_text() != text:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.replace(file, text, mode=0o644)
    return file
