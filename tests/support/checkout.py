"""A copy of this checkout in a folder of its own, with ports of its own: what tests may damage.

Its stacks stand beside those of the real checkout and of other copies, and never touch them. Its
settings are those of `tests.support.isolation`, never the checkout's own.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from foundation import project
from localkube.lab import destroy, end_abandoned
from tests.support import isolation
from toolchain import gcp, tools, venv

SOURCE = project.ROOT
CLUSTERS = ("corp-edge", "east-cluster", "west-cluster")
APPLICATION = ("east-cluster", "west-cluster")
PORTS = 2 + len(CLUSTERS)
"""Length of the run of ports that a stack takes, see `localPort` in Pulumi.yaml."""

ROOM = 16
"""Ports that are free from the first one on: as many as thirteen application clusters take."""

COMMAND_SECONDS = 390
"""After so long a command counts as hanging; on a machine that does nothing else the slowest takes
an eighth of it."""

SHOWN_LINES = 60
"""So many of a failed command's lines are shown."""

PROVIDER = "TEST_KUBERNETES_PROVIDER"
"""Variable: a folder with a `pulumi-resource-kubernetes`, for tests of another release of it."""

_OWNER = "owner"
"""File beside a copy: the process whose copy it is."""


class CommandFailed(AssertionError):
    """A command that should have succeeded; its text ends with what the command last printed."""


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    output: str
    """Standard output and standard error, as they came."""
    seconds: float


class Checkout:
    """The copy; commands run in it as a user would type them.

    None runs while a stack's backend is neither the tests' own nor one of `backends`, which a test
    names that has made the clusters itself.
    """

    def __init__(
        self, folder: Path, ports: Mapping[str, int], backends: Iterable[str] = ()
    ) -> None:
        self.folder = folder
        self.ports = ports
        """Stack -> first of its ports."""
        self.backends = {isolation.BACKEND, *backends}
        self.environment = isolation.environment(os.environ, folder.parent)

    def check_backends(self) -> None:
        """Raise ForeignBackend if a stack would act on clusters that the test has not made."""
        isolation.check(self.folder, self.backends)

    def start(self, *command: str, log: Path, **environment: str) -> subprocess.Popen[bytes]:
        """Starts a command in a session of its own, its output in `log`. Raises ForeignBackend."""
        self.check_backends()
        with log.open("wb") as output:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env={**self.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, *command: str, check: bool = True, **environment: str) -> Done:
        """Runs a command to its end. Raises CommandFailed unless it succeeds (if `check`)."""
        with tempfile.NamedTemporaryFile() as file:
            log = Path(file.name)
            begin = time.monotonic()
            process = self.start(*command, log=log, **environment)
            try:
                code = process.wait(COMMAND_SECONDS)
            except BaseException as problem:  # Ctrl-C too: nothing may go on behind our back
                kill_session(process)
                if not isinstance(problem, subprocess.TimeoutExpired):
                    raise
                raise failure(command, "hangs", log.read_text(errors="replace")) from None
            done = Done(code, log.read_text(errors="replace"), time.monotonic() - begin)
        if check and code:
            raise failure(command, f"ended with {code}", done.output)
        return done

    def demo(self, *arguments: str, check: bool = True, **environment: str) -> Done:
        """Runs `./demo` with these arguments."""
        return self.run("./demo", *arguments, check=check, **environment)

    def set_clusters(self, clusters: Iterable[tuple[str, str, int]]) -> None:
        """Makes these the application clusters of the selected stack: name, region, weight."""
        self.demo("pulumi", "config", "rm", "clusters", check=False)
        keys = ("name", "region", "weight")
        values = [
            f"--plaintext=clusters[{number}].{key}={value}"
            for number, place in enumerate(clusters)
            for key, value in zip(keys, place, strict=True)
        ]
        self.demo("pulumi", "config", "set-all", "--path", *values)

    def kubectl(self, cluster: str, *arguments: str, check: bool = True) -> str:
        """What kubectl prints about a cluster of the selected stack; itself, which is quicker."""
        (file,) = (self.folder / ".demo" / "pulumi-home" / "workspaces").glob("*.json")
        state = (self.folder / ".demo" / "pulumi").as_uri()
        stack = str(json.loads(file.read_text())["stacks"][state]).rpartition("/")[2]
        where = (f"--kubeconfig={self.private(stack)}/kubeconfig", f"--context={cluster}")
        return self.run(str(tools.path("kubectl")), *where, *arguments, check=check).output

    def outputs(self, stack: str = "west") -> dict[str, Any]:
        """Outputs of a stack."""
        text = self.demo("pulumi", "stack", "output", "--json", "--stack", stack).output
        return dict(json.loads(text))

    def preview(self, stack: str = "west") -> list[tuple[str, str]]:
        """What `pulumi preview` plans: operation and resource (its type and name), no `same`."""
        text = self.demo("pulumi", "preview", "--json", "--stack", stack).output
        steps = json.loads(text[text.index("{\n") :])["steps"]
        return [
            (step["op"], step["urn"].split("::", 2)[2].rpartition("$")[2])
            for step in steps
            if step["op"] not in ("same", "read")
        ]

    def private(self, stack: str = "west") -> Path:
        """The stack's private folder."""
        return self.folder / ".demo" / stack

    def lab(self, stack: str = "west") -> Path:
        """State folder of the stack's lab."""
        return self.private(stack) / "lab"


def failure(command: Iterable[str], how: str, output: str) -> CommandFailed:
    """What to raise: with the output's end, for a log of more leaves out the middle."""
    shown = "\n".join(output.splitlines()[-SHOWN_LINES:])
    return CommandFailed(f"`{' '.join(command)}` {how}:\n{shown}")


def kill_session(process: subprocess.Popen[bytes]) -> None:
    """Ends a process of `Checkout.start` and its process group by SIGKILL."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def checkout(
    backends: Iterable[str] = (), provider: Path | None = None, name: str = "copy"
) -> Iterator[Checkout]:
    """Make a copy in a folder of this name; at the end take its stacks down and remove it.

    `backends`: beside the tests' own, those whose clusters the test makes itself. `provider`: the
    folder of the Kubernetes provider to use; None: that of PROVIDER, or the one asked for.
    """
    sweep_abandoned()
    with tempfile.TemporaryDirectory(prefix="demo-") as parent:  # short, for socket paths
        folder = Path(parent).resolve() / name
        own(folder.parent)
        copy_files(SOURCE, folder)
        link_environment(folder)
        if found := provider or os.environ.get(PROVIDER):
            use_provider(folder, Path(found))
        copy = Checkout(folder, choose_ports(folder), backends)
        try:
            yield copy
        finally:
            try:
                copy.check_backends()
            except isolation.ForeignBackend:  # with these settings nothing was made
                isolation.write_settings(folder, copy.ports)
            for stack in isolation.STACKS:
                copy.demo("destroy", stack)


def use_provider(folder: Path, provider: Path) -> None:
    """Have Pulumi start the Kubernetes provider in the folder `provider`, whatever is asked for."""
    plugins = {"providers": [{"name": "kubernetes", "path": str(provider.resolve())}]}
    with (folder / "Pulumi.yaml").open("a") as project:
        project.write(yaml.safe_dump({"plugins": plugins}))


def own(folder: Path) -> None:
    """Writes down whose a folder `demo-*` among the temporary files is."""
    (folder / _OWNER).write_text(str(os.getpid()))


def sweep_abandoned() -> None:
    """End the labs of tests that were killed outright, and remove their folders."""
    end_abandoned()
    for owner in Path(tempfile.gettempdir()).glob(f"demo-*/{_OWNER}"):
        try:
            process = owner.read_text()
        except FileNotFoundError:  # its owner has just removed it
            continue
        if not Path("/proc", process).exists():
            for stack in owner.parent.resolve().glob("*/Pulumi.*.yaml"):
                destroy(stack.parent / ".demo" / stack.name.split(".")[1] / "lab")
            destroy(owner.parent.resolve() / "lab")  # see tests/support/lab_clusters.py
            shutil.rmtree(owner.parent)


def copy_files(source: Path, target: Path) -> None:
    """Copies what git has or would take, uncommitted changes included, into a new repository.

    Settings of stacks are not copied: the copy gets those of the tests.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=source, stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.decode().split("\0")):
        if isolation.is_settings(name):
            continue
        if (source / name).is_file():  # not one that was deleted and is not yet committed so
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, target / name)
    isolation.write_settings(target)


def link_environment(target: Path) -> None:
    """Gives the copy the Python environment of the real checkout, complete as `./demo` sees it."""
    folder = target / project.VENV.name
    folder.mkdir()
    for name in ("bin", "lib"):
        (folder / name).symlink_to(project.VENV / name)
    shutil.copy2(project.VENV / "pyvenv.cfg", folder)
    if gcp.is_ready():
        (target / gcp.FOLDER.name).symlink_to(gcp.FOLDER)
    requirements = target / "requirements.txt"
    (folder / venv.STAMP).write_text(venv.wanted(folder.resolve(), requirements))


def choose_ports(folder: Path) -> dict[str, int]:
    """Writes free ports into the stacks' settings and commits everything."""
    ports: dict[str, int] = {}
    for stack in isolation.STACKS:
        ports[stack] = free_run(ROOM, taken=ports.values())
    isolation.write_settings(folder, ports)
    git = ["git", "-c", "user.name=tests", "-c", "user.email=tests@localhost"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "The checkout"]):
        subprocess.run([*git, *command], cwd=folder, check=True)
    return ports


def free_run(length: int, taken: Any = ()) -> int:
    """First of a run of free ports on 127.0.0.1, below those that the kernel hands out."""
    while True:
        first = random.randrange(20000, 32000, ROOM)
        if first not in taken and all(is_free(port) for port in range(first, first + length)):
            return first


def is_free(port: int) -> bool:
    """Whether nobody listens on a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
