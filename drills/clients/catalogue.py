"""The clients, what each needs of the machine, and what is known of its defaults."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from foundation import commands
from foundation.errors import UserError, first_line
from toolchain import client_packages

PROGRAMS = Path(__file__).parent / "programs"

ClientPlan = Mapping[str, Any]
"""What a program is told: see `drills.clients.flow.plan_of`."""


@dataclass(frozen=True)
class Found:
    """What a client needs, as it is on this machine."""

    version: str = ""
    missing: str = ""
    """Why the client cannot be run here; empty if it can."""


@dataclass(frozen=True)
class Client:
    """One client library with its defaults."""

    name: str
    """On the command line and in tables."""
    way: str
    """What its program calls it."""
    find: Callable[[], Found]
    command: Callable[[ClientPlan, Path], Sequence[str]]
    """The command line for a plan; the folder is for what has to be compiled before."""
    remedy: str = ""
    """The setting that makes it lose less, as `--mended` has it; empty where there is none."""
    variant: str = ""
    messages: bool = False
    """Whether it sends messages on one connection, which are not in the edge's log one by one."""


def _package(name: str) -> Callable[[], Found]:
    return lambda: Found(client_packages.versions()[name])


def _chromium() -> Found:
    for name in BROWSERS:
        if shutil.which(name):
            return _version_of(name, "--version", r"(\d+[\d.]+)", (112, 0), "--headless=new")
    return Found(missing=f"there is no {', '.join(BROWSERS[:-1])} or {BROWSERS[-1]} on PATH")


def _version_of(program: str, ask: str, pattern: str, least: tuple[int, int], why: str) -> Found:
    """Return the version of a program on PATH, or what is missing."""
    path = shutil.which(program)
    if path is None:
        return Found(missing=f"there is no {program} on PATH")
    try:
        done = subprocess.run([path, ask], capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Found(missing=f"{path} does not run: {error}")
    found = re.search(pattern, done.stdout + done.stderr)
    if found is None:
        return Found(missing=f"{path} does not tell its version")
    return judged(found.group(1), least, f"{program} {found.group(1)} is too old", why)


_curl = partial(_version_of, "curl", "--version", r"curl (\S+)", (7, 84), "its %header{} is newer")
_node = partial(_version_of, "node", "--version", r"v(\S+)", (18, 0), "fetch is built in since")
_node_socket = partial(
    _version_of, "node", "--version", r"v(\S+)", (20, 10), "WebSocket is built in since"
)
_go = partial(_version_of, "go", "version", r"go(\d\S+)", (1, 22), "the program is written for it")
_java = partial(
    _version_of, "java", "-version", r'version "([^"]+)"', (11, 0), "HttpClient is new in it"
)


def judged(version: str, least: tuple[int, int], words: str, why: str) -> Found:
    """Return the version, or that it is below the least one and why that is needed."""
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if numbers >= least:
        return Found(version)
    return Found(version, f"{words}: {least[0]}.{least[1]} is needed ({why})")


def _python(plan: ClientPlan, _: Path) -> list[str]:
    program = shutil.which("curl") or "" if plan["way"] == "curl" else ""
    name = "drills.clients.programs.python_clients"
    return [str(client_packages.PYTHON), "-m", name, json.dumps({**plan, "program": program})]


def _browser(plan: ClientPlan, _: Path) -> list[str]:
    program = next(path for name in BROWSERS if (path := shutil.which(name)))
    name = "drills.clients.programs.browser_client"
    return [sys.executable, "-m", name, json.dumps({**plan, "program": program})]


def _node_program(plan: ClientPlan, _: Path) -> list[str]:
    major = int((_node().version or "0").split(".")[0])
    # built in, but hidden, between 20.10 and 22
    flags = ["--experimental-websocket"] if plan["way"] == "websocket" and major < 22 else []
    return ["node", "--no-warnings", *flags, str(PROGRAMS / "node_client.mjs"), json.dumps(plan)]


def _go_program(plan: ClientPlan, folder: Path) -> list[str]:
    made = folder / "go-client"
    if not made.exists():
        _compile(["go", "build", "-o", str(made), str(PROGRAMS / "client.go")])
    return [str(made), json.dumps(plan)]


def _java_program(plan: ClientPlan, folder: Path) -> list[str]:
    more = ["-Djdk.httpclient.enableAllMethodRetry=true"] if plan["mended"] else []
    fields = [str(plan[key]) for key in ("run", "url", "ca", "rate", "patience")]
    if shutil.which("javac") is None:  # a runtime alone: since Java 11 it may compile, if it can
        source = str(PROGRAMS / "JavaClient.java")
        return ["java", *more, source, *fields, str(plan["mended"]).lower()]
    if not (folder / "JavaClient.class").exists():
        _compile(["javac", "-d", str(folder), str(PROGRAMS / "JavaClient.java")])
    return ["java", *more, "-cp", str(folder), "JavaClient", *fields, str(plan["mended"]).lower()]


def _compile(command: Sequence[str]) -> None:
    try:
        commands.output(command)
    except commands.Failed as error:
        raise UserError(f"{' '.join(command[:2])} failed: {first_line(error.said)}") from None


BROWSERS = ("chromium", "chromium-browser", "google-chrome")

CLIENTS: tuple[Client, ...] = (
    Client("curl", "curl", _curl, _python, "`--retry 3 --retry-all-errors`"),
    Client(
        "requests",
        "requests",
        _package("requests"),
        _python,
        "`session.mount('https://', HTTPAdapter(max_retries=Retry(total=3, backoff_factor=0.1,"
        " allowed_methods=None)))`; None repeats POST as well, so use it where that may be done",
    ),
    Client("httpx", "httpx", _package("httpx"), _python),
    Client(
        "httpx, HTTP/2",
        "httpx",
        _package("httpx"),
        _python,
        "leave `http2=True` out: HTTP/1.1, its default",
        variant="h2",
    ),
    Client("aiohttp", "aiohttp", _package("aiohttp"), _python),
    Client("Node fetch", "fetch", _node, _node_program),
    Client("Node http2", "http2", _node, _node_program),
    Client(
        "Java HttpClient",
        "java",
        _java,
        _java_program,
        # corrected by JDK-8335181, of which 17.0.17 has a backport
        "Java 24, or 17.0.17; with an older one `.version(HTTP_1_1)` and"
        " `-Djdk.httpclient.enableAllMethodRetry=true`",
    ),
    Client("Go net/http", "go", _go, _go_program),
    Client(
        "grpcio",
        "grpcio",
        _package("grpcio"),
        _python,
        "a `retryPolicy` for `UNAVAILABLE` in the channel's `grpc.service_config`",
    ),
    Client(
        "websockets",
        "websockets",
        _package("websockets"),
        _python,
        "open it again (`async for socket in connect(url)`) and send again what got no echo",
        messages=True,
    ),
    Client("Node WebSocket", "websocket", _node_socket, _node_program, messages=True),
    Client("Chromium WebSocket", "browser", _chromium, _browser, messages=True),
)
"""All that are measured, in the order of the table."""
