"""The stack that drills strike, and kubectl for its clusters."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from drills import live_objects, pulumi_command, stack_objects
from drills.answers import Answer, Answers
from drills.application import Application, Workload
from drills.live_objects import LiveObjects
from drills.stack_objects import StackObject
from foundation import commands, contract, files, project, run, selection
from foundation.errors import UserError
from foundation.identity import Identity
from launcher import environment
from localkube import machine
from localkube.machine import ClusterSpec
from toolchain import patience, tools

EDGE = contract.EDGE_CLUSTER
"""Name and context of the edge's cluster."""

GATEWAY_WORKLOAD = Workload("Deployment", contract.GATEWAY_NAMESPACE, contract.GATEWAY_NAME)
"""The gateway's Deployment, in every cluster; its Service has the same name."""

Weights = Mapping[str, int | None]


@dataclass(frozen=True)
class Stack:
    """A stack that is up."""

    name: str
    folder: Path
    """The stack's private folder."""
    kubeconfig: Path
    weights: Weights
    """Application clusters and the edge's weight of each; None where locality decides."""
    mode: str
    url: str = ""
    ca_file: Path | None = None
    elsewhere: bool = False
    """Whether the clusters are to be taken for somebody else's, wherever they run."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Settings, other than the stack's own, that are in force while drills run."""
    platform: str = "envoy"
    """What moves the traffic; predictions and promises are about our own Envoys."""
    order: tuple[tuple[str, ...], ...] = ()
    """Application clusters by preference: the first group shares all traffic, and so on."""
    failback: str = "atOnce"
    """How a cluster that was away gets its share again: atOnce, ramped or manual."""
    ramp: float = 0.0
    """Seconds that a ramped failback takes."""
    application: Application = field(default_factory=Application)
    """What runs in the application clusters behind the first exposed Service."""
    answers: Answers | None = None
    """What was answered before, where that is to count."""

    @staticmethod
    def selected(name: str | None = None, elsewhere: bool = False) -> Stack:
        """Return the stack named, or the one that Pulumi has selected, by its outputs.

        Raises UserError if it is not up.
        """
        env = environment.variables(os.environ, name)
        found = name or selection.current(env)
        outputs = _outputs(found, env)
        if "url" not in outputs or not outputs.get("edgeWeights"):
            raise selection.not_up(found)
        if not outputs.get("application") or not outputs.get("edgePriorities"):
            raise UserError(
                f"Stack {found} has no outputs application and edgePriorities yet."
                f" Have them made: ./demo up {found}"
            )
        folder = project.stack_folder(found)
        return Stack(
            name=found,
            folder=folder,
            kubeconfig=project.kubeconfig(found),
            weights=outputs["edgeWeights"],
            mode=str(outputs.get("lbMode", "")),
            url=str(outputs["url"]),
            ca_file=_keep(folder / "ca.pem", str(outputs["caCertificate"])),
            elsewhere=elsewhere,
            platform=str(outputs.get("platform", "envoy")),
            order=tuple(tuple(group) for group in outputs["edgePriorities"]),
            failback=str(outputs.get("failback", "atOnce")),
            ramp=float(outputs.get("failbackSeconds", 0)),
            application=Application.of(outputs["application"]),
        )

    @property
    def serving(self) -> tuple[str, ...] | None:
        """The clusters that alone answer while all are well; None where no weights say it."""
        if not self.weights or any(weight is None for weight in self.weights.values()):
            return None
        return tuple(name for name, weight in self.weights.items() if weight)

    @property
    def application_clusters(self) -> tuple[str, ...]:
        """The application clusters, in the order of the settings."""
        return tuple(self.weights)

    @property
    def clusters(self) -> tuple[str, ...]:
        """All clusters, the edge's last."""
        return (*self.weights, EDGE)

    @cached_property
    def embedded(self) -> dict[str, ClusterSpec]:
        """The clusters that run on this machine; none when they are somebody else's."""
        if self.elsewhere:
            return {}
        return {spec.name: spec for spec in machine.clusters(self.folder / "lab")}

    @property
    def is_local(self) -> bool:
        """Whether the clusters run on this machine, so that it can be struck below them."""
        return bool(self.embedded)

    def spec(self, cluster: str) -> ClusterSpec:
        """Return one of the clusters that run on this machine. Raises UserError for any other."""
        try:
            return self.embedded[cluster]
        except KeyError:
            raise UserError(f"{cluster} does not run on this machine (backend local)") from None

    def kubectl(self, cluster: str, *arguments: str, seconds: float = 20, stdin: str = "") -> str:
        """Return what kubectl prints about a cluster, always named by its context.

        Raises UserError when it fails or takes longer than `seconds`, on slow machines more. A
        signal typed on the terminal does not reach it.
        """
        command = self.kubectl_command(cluster, *arguments)
        try:
            limit = patience.scaled(seconds)
            return commands.output(command, seconds=limit, stdin=stdin, apart=True)
        except commands.Failed as error:
            words = " ".join(arguments[:4])
            raise UserError(f"{cluster}: `kubectl {words}`: {error}") from None

    def kubectl_command(self, cluster: str, *arguments: str) -> list[str]:
        """Return the command line of kubectl for a cluster; it ends with this process."""
        command = [str(tools.path("kubectl")), "--kubeconfig", str(self.kubeconfig)]
        return run.tied([*command, "--context", cluster, *arguments])

    def get(self, cluster: str, *arguments: str) -> dict[str, Any]:
        """Return what `kubectl get ... --output json` gives. Raises UserError."""
        how = ("--output=json", patience.of_requests(5))

        def ask() -> dict[str, Any]:
            return dict(json.loads(self.kubectl(cluster, "get", *arguments, *how)))

        return self.once((cluster, *arguments), ask)

    def once(self, question: Hashable, ask: Callable[[], Answer]) -> Answer:
        """Return what `ask` gives, or what it gave to others of the same look."""
        return self.answers.once(question, ask) if self.answers else ask()

    def stack_object(
        self, cluster: str, kind: str, namespace: str, name: str
    ) -> StackObject | None:
        """Return what the stack applies of an object; None if it is none of the stack's.

        Raises UserError if the stack's state cannot be read.
        """
        known = Identity(live_objects.group(kind), kind, namespace, name)
        return stack_objects.find(self.stack_objects, cluster, known)

    @cached_property
    def objects(self) -> LiveObjects:
        """The objects of its clusters, to be read and changed."""
        return LiveObjects(self.kubectl, self.embedded)

    @cached_property
    def stack_objects(self) -> list[StackObject]:
        """The stack's objects, as its state held them when they were first asked for."""
        return stack_objects.load(self.name)


def _outputs(stack: str, env: Mapping[str, str]) -> dict[str, Any]:
    """Return the outputs by the state's own file, or else by Pulumi, which says what is wrong.

    Raises UserError.
    """
    if (own := selection.own_outputs(env, stack)) is not None:
        return own
    problem = f"The outputs of stack {stack} cannot be read"
    try:
        said = pulumi_command.output(env, stack, "stack", "output", "--json", problem=problem)
    except UserError as error:
        if stack not in (known := selection.stacks()):
            raise selection.unknown(stack, known) from None
        raise UserError(f"{error}\nBring it up: ./demo up {stack}") from None
    return dict(json.loads(said))


def _keep(file: Path, text: str) -> Path:
    """Write the certificate where it is missing or another one; it is public."""
    if not file.exists() or file.read_text() != text:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.replace(file, text, mode=0o644)
    return file
