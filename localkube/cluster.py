"""A cluster's life, as the host sees it: create, start, stop, delete.

Every function may be interrupted and called again; `create` starts from nothing whatever it finds.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from localkube import (
    LocalKubeError,
    cgroups,
    folders,
    images,
    lab,
    network,
    node_images,
    pki,
    preflight,
    programs,
    supervisord_client,
)
from localkube.api import Api, wait_for
from localkube.diagnosis import gone, stopped
from localkube.inside.node import config_file, program
from localkube.spec import ClusterSpec, Node, whole
from localkube.status import complaint, milestones, status
from localkube.supervisord_client import Supervisor
from localkube.supervisord_config import Program, find, python, sections
from toolchain import patience

READY_SECONDS = 180
"""How long a cluster that starts may show no progress. It is Ready after some seconds, but a loaded
machine is slow, and on two cores several clusters start at once."""

POWER_SECONDS = 30
"""How long the first process of a node may take, with none of the others' coming meanwhile."""


def create(spec: ClusterSpec, identity: str) -> None:
    """Start a cluster from nothing, removing what an earlier one of its name left.

    `identity` is kept beside the cluster's data and tells them from any other's. Returns when all
    nodes are Ready. Raises `LocalKubeError`.
    """
    folder = Path(spec.lab)
    with lab.locked(folder):
        discard(spec)
        # holds the cluster's place: another's `discard` then takes it for a part of the lab
        group = lab.group_file(folder, spec.name)
        group.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        group.touch()
        store = images.store()
    pki.create(spec)
    for node in spec.members:
        programs.write(node)
        images.clone(store, node.folder / "containerd")
    node_images.note(spec)
    start(spec)
    (spec.folder / "identity").write_text(identity)  # last: there is a whole cluster


def start(spec: ClusterSpec) -> None:
    """Start what does not run of a cluster that exists; return when its nodes are Ready.

    That is the lab if need be, nodes without power, processes that SIGSTOP has stopped, and
    programs that wait for their next try. Nodes of another version get the images of this one.
    """
    folder = Path(spec.lab)
    preflight.refuse(gone.look(folder))
    with lab.locked(folder):
        spec.save()  # nodes read it, and a full disk or a power cut may have torn it
        for each in stopped.resume(folder, spec.name):
            print(f"{each}: it goes on", flush=True)
        supervisor = lab.ensure(folder)
        relay = Program(f"{spec.name}-relay", python("localkube.inside.relay", str(spec.folder)))
        members = [program(node) for node in spec.members]
        text = sections(folder / "log", [relay, *members], group=spec.name)
        lab.group_file(folder, spec.name).write_text(text)
        supervisor.add(spec.name)
        end_cut(spec, supervisor)
    started = time.time()
    supervisor.start(f"{spec.name}:*")
    # A new supervisord acts when it is first asked something, or after a second: so ask.
    limit = patience.scaled(POWER_SECONDS)

    def powered() -> set[str]:
        return {node.name for node in spec.members if has_power(node)}

    wanted = {node.name for node in spec.members}
    if not wait_for(lambda: powered() == wanted, limit, interval=0.05, reached=powered):
        log = folder / "log" / f"{spec.members[0].name}.log"
        raise LocalKubeError(f"a node of {spec.name} does not start; see {log}")
    for node in spec.members:
        if own := supervisord_client.running(config_file(node)):
            retry(own)
    api = Api(pki.user_kubeconfig(spec), timeout=5)
    limit = patience.scaled(READY_SECONDS)
    if not wait_for(
        lambda: joined(api, wanted, started), limit, reached=lambda: milestones(status(spec))
    ):
        raise LocalKubeError(
            f"{spec.name} is not ready, and nothing moved for {limit:.0f} s: "
            f"{complaint(status(spec))}; "
            f"see `./demo local logs {spec.name} --stack {spec.stack}`, or give a slow machine more"
            f" time: {patience.VARIABLE}=5 ./demo up {spec.stack}"
        )
    if patience.factor() > 1:
        wait_for(lambda: Api(pki.user_kubeconfig(spec), READY_SECONDS).has_schema(), limit)
    node_images.complete(spec)


def end_cut(spec: ClusterSpec, supervisor: Supervisor) -> None:
    """End nodes that run without a link: a `stop` that was killed had come no further."""
    for node in spec.members:
        if (process := find(config_file(node))) is not None and network.is_cut(process):
            supervisor.stop(f"{spec.name}:{node.name}")


def retry(supervisor: Supervisor) -> None:
    """Start the programs of a node that have failed, or that somebody has stopped.

    Each failure makes the supervisord wait longer: a minute and more after an hour of a full disk.
    Until the node is brought up, which `bringup` does, stopped programs have their time to come.
    """
    known = {name: info["statename"] for name, info in supervisor.states().items()}
    failed = {"BACKOFF", "FATAL"} | ({"STOPPED"} if known.get("bringup") == "EXITED" else set())
    for name in (name for name, state in known.items() if state in failed):
        supervisor.stop(name)  # what waits for its next try counts as started
        supervisor.start(name)


def joined(api: Api, names: set[str], since: float) -> bool:
    """Check whether all nodes of the cluster are Ready and were heard from after `since`.

    Several have to be open to pods too: what is registered before the second node is goes to the
    first, all of it, and stays there. With one node pods wait for it, and nobody else has to.
    """
    return names <= api.ready_nodes(since) and (len(names) == 1 or names <= api.open_nodes())


def has_power(node: Node) -> bool:
    """Check whether the node's first process runs and answers."""
    own = supervisord_client.running(config_file(node))
    return own is not None and own.is_up()


def stop(spec: ClusterSpec) -> None:
    """Take the power from a cluster's nodes; its data stay.

    The links go first: a machine without power closes no connection, but the kernel that ends
    processes does. It also keeps their network's namespace for a minute or two, and refuses what
    comes (seen on Linux 6.18).
    """
    with lab.locked(Path(spec.lab)):
        stopped.resume(Path(spec.lab), spec.name)
        for node in spec.members:
            if (process := find(config_file(node))) is not None:
                network.cut(process)
        if supervisor := lab.supervisor(Path(spec.lab)):
            for node in spec.members:
                supervisor.stop(f"{spec.name}:{node.name}")


def delete(spec: ClusterSpec) -> None:
    """Remove a cluster and all that is its own; the lab goes with its last cluster."""
    folder = Path(spec.lab)
    if not folder.parent.exists():  # the checkout was moved: the lock would make its folder anew
        lab.destroy_gone(folder)
        return
    with lab.locked(folder):
        discard(spec)
    if not folder.exists():
        with contextlib.suppress(OSError):  # the stack's folder, unless something else is in it
            folder.parent.rmdir()


def discard(spec: ClusterSpec) -> None:
    """Remove a cluster as `delete` does, for a caller that holds the lab's lock."""
    folder = Path(spec.lab)
    group = lab.group_file(folder, spec.name)
    group.unlink(missing_ok=True)
    if not list(group.parent.glob("*.conf")):
        lab.destroy(folder)
        return
    stopped.resume(folder, spec.name)  # a stopped supervisord does nothing that it is asked to
    if supervisor := lab.supervisor(folder):
        supervisor.remove(spec.name)
    for node in spec.members:
        cgroups.remove(node.cgroup)
    folders.remove(spec.folder)


def clusters(folder: Path) -> list[ClusterSpec]:
    """Return the clusters of a lab, in the order of their addresses; none that is not whole."""
    return sorted(whole(folder), key=lambda spec: spec.index)
