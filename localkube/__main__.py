"""`./demo local`: look at the embedded clusters, stop and start them, read their logs."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from foundation.entry import entry
from localkube import LocalKubeError, cluster, lab
from localkube.spec import ClusterSpec
from localkube.supervisord_config import PROJECT

STATE = PROJECT / ".demo"


def main(arguments: list[str]) -> int:
    """Runs one command; gives its exit code."""
    parser = argparse.ArgumentParser(prog="./demo local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("status", help="every lab, cluster, node and program, and its state")
    for name, text in {
        "stop": "take the power from a cluster; its data stay",
        "start": "start a cluster that was stopped",
        "logs": "show the logs of a cluster's programs",
    }.items():
        command = commands.add_parser(name, help=text)
        command.add_argument("cluster", help="for example east-cluster")
        command.add_argument("--stack", help="which stack's, where both are up")
        if name == "logs":
            command.add_argument("program", nargs="?", default="*", help="for example kubelet")
            command.add_argument("-f", "--follow", action="store_true", help="go on as it grows")
    sweep = commands.add_parser("sweep", help="end a lab and remove all that is left of it")
    sweep.add_argument(
        "folder",
        type=Path,
        nargs="?",
        help="the lab's state folder, .demo/STACK/lab; without it, each lab whose folder is gone",
    )
    chosen = parser.parse_args(arguments)
    return entry(lambda: run(chosen))


def run(chosen: argparse.Namespace) -> int:
    """Carries the parsed command out."""
    if chosen.command == "status":
        return show_status()
    if chosen.command == "sweep":
        if chosen.folder is None:
            for ended in lab.end_abandoned():
                print(f"ended the clusters of {ended}, which is gone")
            return 0
        folder = chosen.folder.resolve()
        with lab.locked(folder):
            lab.destroy(folder)
        return 0
    spec = named(chosen.cluster, chosen.stack)
    if chosen.command == "stop":
        cluster.stop(spec)
        print(f"{spec.name} has no power; `./demo local start {spec.name}` starts it again")
    elif chosen.command == "start":
        cluster.start(spec)
        print(f"{spec.name} is ready")
    else:
        return show_logs(spec, chosen.program, chosen.follow)
    return 0


def labs() -> list[Path]:
    """State folders of this clone's labs."""
    return sorted(STATE.glob("*/lab"))


def named(name: str, stack: str | None) -> ClusterSpec:
    """The cluster of this name. Raises `LocalKubeError` if there is none, or one in each stack."""
    everywhere = [spec for folder in labs() for spec in cluster.clusters(folder)]
    found = [
        spec
        for spec in everywhere
        if spec.name == name and stack in (None, Path(spec.lab).parent.name)
    ]
    if len(found) > 1:
        stacks = " or ".join(Path(spec.lab).parent.name for spec in found)
        raise LocalKubeError(f"{name} is up in several stacks: add --stack {stacks}")
    if not found:
        known = ", ".join(sorted({spec.name for spec in everywhere})) or "none; run ./demo up"
        raise LocalKubeError(f"no embedded cluster {name}; there are: {known}")
    return found[0]


def show_status() -> int:
    """Prints a line for every program; the exit code tells whether all is well."""
    table = Table("stack", "cluster", "state", "API server", "node", "ready", "programs", box=None)
    healthy = True
    for folder in labs():
        for spec in cluster.clusters(folder):
            state = cluster.status(spec)
            healthy = healthy and state.healthy
            for node in spec.members:
                known = state.programs.get(node.name, {})
                odd = [f"{name} {now.lower()}" for name, now in known.items() if now != "RUNNING"]
                odd = [text for text in odd if text != "bringup exited"]
                table.add_row(
                    folder.parent.name,
                    spec.name,
                    "running" if state.running else "stopped",
                    f"127.0.0.1:{spec.api_port} " + ("ready" if state.api_ready else "silent"),
                    node.name,
                    {True: "yes", False: "no", None: "unknown"}[state.nodes.get(node.name)],
                    ", ".join(odd) or (f"{len(known)} running" if known else "none"),
                )
    if table.row_count:
        Console().print(table)
    else:
        print("no embedded clusters; `./demo up` makes them")
    return 0 if healthy else 1


def show_logs(spec: ClusterSpec, program: str, follow: bool) -> int:
    """Shows log files with tail(1)."""
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
