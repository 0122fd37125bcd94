"""After a change of routes or certificates: every pod goes by them, or the update fails.

The pods load new versions of their volumes while they run, see `components.envoy.xds`. A kubelet
may take more than a minute to bring it into a volume, but does so at once for a pod that changes.
So each pod gets an annotation. Then Envoy itself says what it goes by.

A dynamic provider is loaded by its module's name from the state: never move or rename this module.
Imports are inside the methods: only they run there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import pulumi
from pulumi.dynamic import CheckResult, CreateResult, DiffResult, Resource, UpdateResult

from foundation.contract import GATEWAY_NAMESPACE, GATEWAY_SELECTOR
from foundation.dynamic_provider import BaseProvider, differ

ANNOTATION = "resiliency.demo/loads"
"""On each pod: the version that it is to load, and how often it was asked to."""

SECONDS = 60.0
"""After so long an update has failed whose version is not in every pod; slow machines get more."""

REFUSED_AFTER = 2
"""Looks one after another, of seconds each, in which a pod has the files and does not load them."""

_PAUSE = 0.5

_DUMP = "goo.gle/debug"
"""Begin of the text form of a message, as protobuf prints it for debugging."""

_SHOWN = 500
"""Longest reason that is shown, in characters: Envoy repeats the file that it cannot parse."""


class _LoadedProvider(BaseProvider):
    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        # A preview repeats the version of before for files that will change: a saved plan would
        # hold the update to it.
        from pulumi.runtime.rpc import UNKNOWN

        kept = {key: value for key, value in news.items() if key != "preview"}
        if news.get("preview") and differ(olds, news, "files", "files_version"):
            kept["files_version"] = UNKNOWN
        return CheckResult(kept, [])

    def create(self, props: dict[str, Any]) -> CreateResult:
        if props["version"]:  # else new pods have loaded what there is, for they are ready
            wait(props)
        return CreateResult(props["cluster"], dict(props))

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        # A new kubeconfig is no reason: what is asked next has it anyway.
        inputs = ("cluster", "namespace", "selector", "version", "files_version", "certificates")
        return DiffResult(changes=differ(olds, news, *inputs))

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        wait(news)
        return UpdateResult(dict(news))


def wait(
    props: Mapping[str, Any],
    load: Callable[[Mapping[str, Any], int], list[str]] | None = None,
    look: Callable[[Mapping[str, Any], str], str] | None = None,
    logs: Callable[[Mapping[str, Any], str], str] | None = None,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Have all pods load the version; return when it is in force in each of them.

    `load` asks the pods to load it for the n-th time and gives their names, `look` gives what a
    pod's command (`components.envoy.version`) prints, `logs` a pod's last lines. Raises UserError
    when a pod refuses the version, with Envoy's reason, and after SECONDS. Old pods end meanwhile,
    and kubectl fails for one that is gone when its turn comes: that is asked again.
    """
    from collections import Counter
    from concurrent.futures import ThreadPoolExecutor

    from foundation.commands import Failed
    from foundation.errors import UserError
    from toolchain import patience

    limit = patience.scaled(SECONDS)
    end, tries, version = clock() + limit, 0, props["version"]
    certificates = props.get("certificates") or {}
    unwilling: Counter[str] = Counter()
    while True:
        tries += 1
        pods, lacking = list[str](), "no such pod runs"
        try:
            pods = (load or _load)(props, tries)
        except Failed as error:
            lacking = str(error)
        with ThreadPoolExecutor(max(1, len(pods))) as pool:
            told = list(pool.map(lambda pod: (look or _look)(props, pod), pods))
        states = {
            pod: state(said, version, certificates) for pod, said in zip(pods, told, strict=True)
        }
        late = {pod: why for pod, why in states.items() if why}
        if pods and not late:
            return
        for pod, why in late.items():
            unwilling[pod] = unwilling[pod] + 1 if why == NOT_TAKEN else 0
            if unwilling[pod] < REFUSED_AFTER:
                continue
            if reason := refusal((logs or _logs)(props, pod)):
                raise UserError(
                    f"{props['cluster']}: Envoy refuses the new configuration and goes on with the "
                    f"one before: {reason}; mend the setting that it names, then run this again"
                )
        if clock() >= end:
            which = next((f"{pod}: {why}" for pod, why in late.items()), lacking)
            raise UserError(
                f"{props['cluster']}: the new configuration is not in force in every pod "
                f"within {limit:.0f} s, {which}; look: ./demo kubectl --context "
                f"{props['cluster']} -n {props['namespace']} describe pods"
            )
        if not pods:
            pause(_PAUSE)


_SDS = "sds."
"""Begin of what Envoy's statistics say of a certificate."""

NOT_TAKEN = "Envoy has the new files and goes by the old ones"


def state(told: str, version: str, certificates: Mapping[str, str] | None = None) -> str:
    """Return why the version is not in force, by what a pod's command printed; empty if it is.

    `certificates` are the versions that are wanted of them, by name.
    """
    from components.envoy.version import FILES

    lines = [line.partition(": ") for line in told.splitlines()]
    files = [value for key, _, value in lines if key == FILES]
    versions = [
        (key.removesuffix(".version_text"), value.strip('"'))
        for key, _, value in lines
        if key.endswith(".version_text")
    ]
    loaded = {value for key, value in versions if not key.startswith(_SDS)}
    held = {key.removeprefix(_SDS): value for key, value in versions if key.startswith(_SDS)}
    warming = [value for key, _, value in lines if key.endswith(".warming_clusters")]
    if not files or not warming or not (loaded if version else held):
        return f"it does not tell: {' '.join(told.split()) or 'no answer'}"
    if files != [version]:
        return "its volume still has the old files"
    if version and loaded != {version}:
        return NOT_TAKEN
    for name, wanted in (certificates or {}).items():
        if held.get(name) != wanted:
            return f"it shows the old certificate {name.rstrip('_')}"
    return "" if warming == ["0"] else "it still looks for its gateways"


def refusal(log: str) -> str:
    """Return why Envoy has last refused a file, by its log; empty if it has not.

    Envoy may print the whole of what it refuses in between, and the reason in the last line of it.
    """
    import textwrap

    marks = ("config update rejected: ", "config update failure: ")
    lines, found = log.splitlines(), ""
    for number, line in enumerate(lines):
        said = next((line.partition(mark)[2] for mark in marks if mark in line), "")
        if said.startswith(_DUMP):
            said = next((each for each in lines[number + 1 :] if each.startswith(": ")), said)
        found = said.removeprefix(": ") or found
    return textwrap.shorten(found, _SHOWN)


def _where(props: Mapping[str, Any]) -> tuple[str, str]:
    return "--namespace", props["namespace"]


def _load(props: Mapping[str, Any], tries: int) -> list[str]:
    """Annotate the gateway's pods and return the names of those that run."""
    from components import kubectl

    shown = r'{.metadata.name} {.status.phase} {.metadata.deletionTimestamp}{"\n"}'
    said = kubectl.ask(
        props["kubeconfig"],
        *_where(props),
        *("annotate", "pods", "--selector", props["selector"], "--overwrite"),
        f"--output=jsonpath={shown}",
        f"{ANNOTATION}={props['version']}.{tries}",
    )
    return [line.split()[0] for line in said.splitlines() if line.split()[1:] == ["Running"]]


def _look(props: Mapping[str, Any], pod: str) -> str:
    from components import kubectl
    from components.envoy.common import Listen, Paths
    from components.envoy.version import version_command
    from foundation.commands import Failed

    certificates = props.get("certificates")
    command = version_command(props["version"], Paths().config, Listen().admin, certificates)
    try:
        return kubectl.ask(
            props["kubeconfig"], *_where(props), "exec", pod, "--container=envoy", "--", *command
        )
    except Failed as error:
        return str(error)  # a pod may end at any moment; the next look knows


def _logs(props: Mapping[str, Any], pod: str) -> str:
    from components import kubectl
    from foundation.commands import Failed

    try:
        return kubectl.ask(props["kubeconfig"], *_where(props), "logs", pod, "--since=30s")
    except Failed:
        return ""  # a pod that has ended refuses nothing


class Loaded(Resource, module="loaded", name="Loaded"):
    """There when every pod goes by a version of the configuration and shows certificates."""

    def __init__(
        self,
        name: str,
        cluster: str,
        kubeconfig: pulumi.Input[str],
        version: pulumi.Input[str],
        files: pulumi.Input[str],
        files_version: pulumi.Input[str],
        certificates: Mapping[str, pulumi.Input[str]],
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Register the wait for the pods of a cluster's gateway.

        An empty `version` is for pods that load certificates alone. `files` is a digest of the
        ConfigMap's data. `files_version` is what the cluster calls the ConfigMap's version: after
        an update that was interrupted, or taken back, `version` is the old one, and pods may have
        loaded another meanwhile. `certificates` are their versions, by name.
        """
        props = {
            "cluster": cluster,
            "kubeconfig": kubeconfig,
            "namespace": GATEWAY_NAMESPACE,
            "selector": GATEWAY_SELECTOR,
            "version": version,
            "files": files,
            "files_version": files_version,
            "preview": pulumi.runtime.is_dry_run(),
            "certificates": dict(certificates),
        }
        secret = pulumi.ResourceOptions(additional_secret_outputs=["kubeconfig"])
        super().__init__(_LoadedProvider(), name, props, pulumi.ResourceOptions.merge(secret, opts))
