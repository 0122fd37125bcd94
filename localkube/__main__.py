"""`./demo local`: look at the embedded clusters, stop and start them, read their logs."""

from __future__ import annotations

import argparse
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from foundation import project, tables
from foundation.commands import Failed
from foundation.entry import entry
from localkube import LocalKubeError, cluster, lab, machine, own_images
from localkube.diagnosis import Finding, look
from localkube.spec import ClusterSpec, Node
from localkube.status import Status, status


def main(arguments: list[str]) -> int:
    """Run one command; return its exit code."""
    parser = argparse.ArgumentParser(prog="./demo local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, says: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=says, description=says)

    add("status", "every lab, cluster, node and program, and its state")
    for name, text in {
        "stop": "take the power from a cluster; its data stay",
        "start": "start a cluster that was stopped",
        "logs": "show the logs of a cluster's programs",
    }.items():
        command = add(name, text)
        command.add_argument("cluster", help="for example east-cluster")
        command.add_argument("--stack", help="which stack's, where both are up")
        if name == "logs":
            command.add_argument("program", nargs="?", default="*", help="for example kubelet")
            command.add_argument("-f", "--follow", action="store_true", help="go on as it grows")
    load = add("load", "images that no registry has, from archives")
    load.add_argument(
        "files",
        type=Path,
        nargs="*",
        metavar="FILE",
        help="what `docker save`, podman, buildah, skopeo or crane wrote; without any: what was"
        " loaded",
    )
    unload = add("unload", "remove an image that was loaded")
    unload.add_argument("name", help="for example shop:1")
    sweep = add("sweep", "end a lab and remove all that is left of it")
    sweep.add_argument(
        "folder",
        type=Path,
        nargs="?",
        help="the lab's state folder, .demo/STACK/lab; without it, each lab whose folder is gone",
    )
    chosen = parser.parse_args(arguments)
    return entry(lambda: run(chosen))


def run(chosen: argparse.Namespace) -> int:
    """Carry the parsed command out."""
    if chosen.command == "status":
        return show_status()
    if chosen.command in ("load", "unload"):
        return change_images(chosen)
    if chosen.command == "sweep":
        if chosen.folder is None:
            for ended in lab.end_abandoned():
                print(f"ended the clusters of {ended}, which is gone")
            return 0
        folder = chosen.folder.absolute()  # links are not followed: a lab is known by its path
        if folder.name != "lab" or folder.parent.parent.name != project.PRIVATE.name:
            raise LocalKubeError(
                f"{folder} is no lab's state folder, and nothing was removed."
                " Such a folder is called .demo/STACK/lab, from / on or from the checkout on"
            )
        machine.end(folder)
        return 0
    spec = named(chosen.cluster, chosen.stack)
    if chosen.command == "stop":
        cluster.stop(spec)
        start = f"./demo local start {spec.name} --stack {spec.stack}"
        print(f"{spec.name} has no power; `{start}` starts it again")
    elif chosen.command == "start":
        print(f"starting {spec.name}", flush=True)
        cluster.start(spec)
        print(f"{spec.name} is ready")
    else:
        return show_logs(spec, chosen.program, chosen.follow)
    return 0


def change_images(chosen: argparse.Namespace) -> int:
    """Load images from archives, list what was loaded, or remove an image; in all clusters."""
    if chosen.command == "unload":
        own_images.drop(chosen.name)
    elif not chosen.files:
        for known in own_images.kept().values():
            print("\n".join(known))
        return 0
    for file in getattr(chosen, "files", ()):
        print(f"{file}: {', '.join(own_images.keep(file))}", flush=True)
    nodes = [node for lab in labs() for spec in cluster.clusters(lab) for node in spec.members]
    failed = 0
    for node in nodes:
        where = f"{node.name} of stack {node.cluster.stack}"
        try:
            when = "done" if own_images.load(node) else "when it has power again"
            print(f"{where}: {when}", flush=True)
        except Failed as error:
            failed = 1
            print(f"error: {where}: {error}", file=sys.stderr, flush=True)
    if not nodes:
        print("no embedded clusters are up; `./demo up` takes it along")
    return failed


def labs() -> list[Path]:
    """State folders of this clone's labs."""
    return sorted(project.PRIVATE.glob("*/lab"))


def named(name: str, stack: str | None) -> ClusterSpec:
    """Return the cluster of this name.

    Raises `LocalKubeError` if there is none, or one in each stack.
    """
    everywhere = [spec for folder in labs() for spec in cluster.clusters(folder)]
    found = [spec for spec in everywhere if spec.name == name and stack in (None, spec.stack)]
    if len(found) > 1:
        stacks = " or ".join(spec.stack for spec in found)
        raise LocalKubeError(f"{name} is up in several stacks: add --stack {stacks}")
    if not found:
        known = ", ".join(sorted({spec.name for spec in everywhere})) or "none; run ./demo up"
        raise LocalKubeError(f"no embedded cluster {name}; there are: {known}")
    return found[0]


def show_status() -> int:
    """Print a line for every node, within 80 columns; return 0 if all is well."""
    healthy, there = True, False
    for folder in labs():
        specs = cluster.clusters(folder)
        states = [status(spec) for spec in specs]
        heads = ("cluster", "node", "Ready", "API server", "programs")
        table = tables.folded(heads, f"stack {folder.parent.name}")
        for spec, state in zip(specs, states, strict=True):
            for node in spec.members:
                table.add_row(spec.name, *row(spec, state, node))
        healthy = healthy and all(state.healthy for state in states)
        if table.row_count:
            there = True
            tables.console().print(table)
            found = look.findings(folder, list(zip(specs, states, strict=True)))
            for line in lines(found):
                print(line)
            healthy = healthy and all(each.is_over for each in found)
    if not there:
        print("no embedded clusters; `./demo up` makes them")
    return 0 if healthy else 1


def lines(found: Sequence[Finding]) -> list[str]:
    """Return findings, each with what mends it, in lines of at most 80 columns."""
    return [
        line
        for each in found
        for line in textwrap.wrap(
            f"{each.text}: {each.remedy}",
            80,
            initial_indent="- ",
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]


def row(spec: ClusterSpec, state: Status, node: Node) -> tuple[str, str, str, str]:
    """Return what is known of a node: ordinal, Ready, API server, programs."""
    known = state.programs.get(node.name, {})
    odd = [f"{name} {now.lower()}" for name, now in known.items() if now != "RUNNING"]
    odd = [text for text in odd if text != "bringup exited"]
    running = f"{len(known)} running" if known else "no power"
    return (
        str(node.ordinal),
        {True: "yes", False: "no", None: "unknown"}[state.nodes.get(node.name)],
        f"127.0.0.1:{spec.api_port} " + ("answers" if state.api_ready else "silent"),
        ", ".join(odd) or running,
    )


def show_logs(spec: ClusterSpec, program: str, follow: bool) -> int:
    """Show log files with tail(1)."""
    files = sorted(str(path) for path in spec.folder.glob(f"nodes/*/log/{program}.log"))
    if not files:
        written = sorted({path.stem for path in spec.folder.glob("nodes/*/log/*.log")})
        raise LocalKubeError(f"no log of {program}; there are: {', '.join(written)}")
    command = ["tail", "-n", "50" if program == "*" else "+1", *(["-F"] if follow else []), *files]
    try:
        return subprocess.run(command, check=False).returncode
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
