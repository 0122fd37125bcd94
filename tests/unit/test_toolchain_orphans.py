"""Which processes count as left by a killed Pulumi."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from toolchain.orphans import end_orphans, is_orphan, listening_ports

PYTHON = Path("/project/.venv/bin/python")


def words(program: Path = PYTHON, module: str = "pulumi.dynamic", port: int = 4000) -> list[str]:
    return [str(program), "-u", "-m", module, f"127.0.0.1:{port}", ""]


def test_a_provider_without_its_engine_is_an_orphan_and_nothing_else_is() -> None:
    assert is_orphan(words(), True, PYTHON, {4001})
    assert is_orphan(words(), False, PYTHON, {4001})  # the environment's Python is the project's
    assert not is_orphan(words(), True, PYTHON, {4000})
    assert not is_orphan(words(module="pulumi.other"), True, PYTHON, {4001})
    assert not is_orphan(words(program=Path("/other/.venv/bin/python")), True, PYTHON, {4001})
    assert not is_orphan([""], True, PYTHON, {4001})
    assert not is_orphan([str(PYTHON), "-m", "pulumi.dynamic"], True, PYTHON, {4001})


PLUGINS = (
    ["/home/plugins/resource-kubernetes-v4.34.2/pulumi-resource-kubernetes", "127.0.0.1:4000"],
    ["/tools/pulumi-language-python", "-root=/project", "127.0.0.1:4000"],
)


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_plugin_is_an_orphan_in_its_own_project_only(plugin: list[str]) -> None:
    assert is_orphan(plugin, True, PYTHON, {4001})
    assert not is_orphan(plugin, True, PYTHON, {4000})
    assert not is_orphan(plugin, False, PYTHON, {4001})
    assert not is_orphan(["/usr/bin/vim", *plugin[1:]], True, PYTHON, {4001})


def test_ports_in_use_are_read_as_the_kernel_tells_them() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert port in listening_ports(Path("/proc/net/tcp").read_text())
    assert port not in listening_ports(Path("/proc/net/tcp").read_text())


def test_an_orphan_is_ended_and_a_provider_with_an_engine_is_not(tmp_path: Path) -> None:
    python = tmp_path / "python"  # a name that no other process has
    python.symlink_to(sys.executable)
    wait = ["-c", "import sys; sys.stdin.read()", "pulumi.dynamic"]
    with socket.create_server(("127.0.0.1", 0)) as engine, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets the port
        ports = (engine.getsockname()[1], unused.getsockname()[1])
        started = [
            subprocess.Popen([python, *wait, f"127.0.0.1:{port}"], stdin=subprocess.PIPE)
            for port in ports
        ]
        with started[0] as kept, started[1] as orphan:
            end_orphans(python, tmp_path)
            assert orphan.wait(10) == -9
            assert kept.poll() is None
            kept.kill()
