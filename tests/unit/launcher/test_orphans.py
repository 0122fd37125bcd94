"""Which processes count as left by a killed Pulumi."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.orphans import PROGRAMS, end_orphans, engine_port

PYTHON = "/project/.venv/bin/python"
PLUGINS = "/project/.demo/pulumi-home/plugins/resource-kubernetes-v4.25.0"

COMMANDS = [
    [PYTHON, "-u", "-m", "pulumi.dynamic", "127.0.0.1:4000", ""],
    [f"{PLUGINS}/pulumi-resource-kubernetes", "127.0.0.1:4000", ""],
    ["/opt/pulumi/pulumi-language-python", "-root=/project", "127.0.0.1:4000", ""],
    [
        PYTHON, "/opt/pulumi/pulumi-language-python-exec", "--monitor", "127.0.0.1:4000",
        "--engine", "127.0.0.1:4000", ".", "",
    ],
]  # fmt: skip
OTHERS = [
    [""],
    [PYTHON, "-m", "pulumi.other", "127.0.0.1:4000", ""],
    [PYTHON, "-m", "pulumi.dynamic", ""],
    ["/usr/bin/less", "/tmp/pulumi-resource-kubernetes.log", "127.0.0.1:4000", ""],
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[-2])
def test_what_pulumi_starts_names_the_port_of_its_engine(words: list[str]) -> None:
    assert engine_port(words) == 4000


@pytest.mark.parametrize("words", OTHERS)
def test_nothing_else_has_one(words: list[str]) -> None:
    assert engine_port(words) == 0


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_an_orphan_of_this_checkout_is_ended_and_no_other_process(
    name: str, tmp_path: Path
) -> None:
    wait = [sys.executable, "-c", "import sys; sys.stdin.read()", f"/opt/{name}"]
    with socket.create_server(("127.0.0.1", 0)) as engine, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets the port
        here, gone = (f"127.0.0.1:{s.getsockname()[1]}" for s in (engine, unused))
        started = [
            subprocess.Popen(
                [*wait, address], stdin=subprocess.PIPE,
                env=os.environ | {"VIRTUAL_ENV": str(folder)},
            )
            for address, folder in ((gone, tmp_path), (here, tmp_path), (gone, tmp_path / "other"))
        ]  # fmt: skip
        with started[0] as orphan, started[1] as served, started[2] as of_others:
            end_orphans(tmp_path)
            assert orphan.wait(10) == -9
            assert served.poll() is None and of_others.poll() is None
            served.kill()
            of_others.kill()
