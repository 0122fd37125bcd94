"""The browser that sends by WebSocket leaves nothing when it has ended."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from drills.clients.programs import browser_client
from tests.support.waiting import eventually

LIKE_CHROMIUM = """
mkdir "$1" "$2" && ln -s "$2/socket" "$1/SingletonSocket"
(trap "" TERM; for each in $(seq 2000); do mkdir -p "$1/Default"; done) &
trap "exit 0" TERM
while :; do sleep 0.05; done
"""
"""Its own processes go on for a second, and write; and its socket stays where it was."""


def test_neither_processes_nor_files_outlive_the_browser(tmp_path: Path) -> None:
    profile, socket = tmp_path / "profile", tmp_path / "socket"
    command = ["sh", "-c", LIKE_CHROMIUM, "chromium", str(profile), str(socket)]
    with subprocess.Popen(command, start_new_session=True) as browser:
        eventually((profile / "Default").exists, "it has begun")
        browser_client.end(browser, profile)
    with pytest.raises(ProcessLookupError):
        os.killpg(browser.pid, 0)
    assert not socket.exists()
