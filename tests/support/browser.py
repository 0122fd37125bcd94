"""Chromium without a window, driven by its own protocol over two pipes; and axe-core to look at it.

Nothing is installed for it: who has no Chromium skips these tests, and says so.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import itertools
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drills.clients.catalogue import BROWSERS
from foundation import project
from tests.support.waiting import eventually

_AXE = "axe-core@4.11.0"
_AXE_SHA512 = (
    "ilYanEU8vxxBexpJd8cWM4ElSQq4QctCLKih0TSfjIfCQTeyH/6zVrmIJfLPrKTKJRbiG+cfnZbQIjAlJmF1jQ=="
)


_TEXT = """(() => {
  const all = document.documentElement.cloneNode(true);
  all.querySelectorAll("script, style").forEach(each => each.remove());
  return all.textContent;
})()"""


class ProtocolError(AssertionError):
    """The browser did not do what it was asked."""


class Page:
    """One page of the browser."""

    def __init__(self, sending: int, receiving: int, process: int) -> None:
        self._sending, self._receiving = sending, receiving
        self.process = process
        """Id of the browser's first process."""
        self._arrived = b""
        self._ids = itertools.count(1)
        self._session: dict[str, str] = {}
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        made = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": made["sessionId"]}
        self.errors: list[str] = []
        """What the page's script did not catch, and what was refused to it."""
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """Return what a method of the protocol answers."""
        number = next(self._ids)
        asked = {"id": number, "method": method, "params": parameters, **self._session}
        os.write(self._sending, json.dumps(asked).encode() + b"\0")
        while True:
            answer = self._message()
            if answer.get("id") == number:
                if "error" in answer:
                    raise ProtocolError(f"{method}: {answer['error']}")
                return answer["result"]
            self._note(answer.get("method"), answer.get("params"))

    def _note(self, method: str | None, said: Any) -> None:
        if method == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(said))
        elif method == "Log.entryAdded":
            entry = said["entry"]
            # a server that is not there is not an error of the page
            if entry["level"] == "error" and "net::ERR" not in entry["text"]:
                self.errors.append(json.dumps(entry))

    def _message(self) -> Any:
        while b"\0" not in self._arrived:
            part = os.read(self._receiving, 1 << 16)
            assert part, "the browser has ended"
            self._arrived += part
        whole, _, self._arrived = self._arrived.partition(b"\0")
        return json.loads(whole)

    def close(self) -> None:
        """Have the browser end in order, if it still answers."""
        self._session = {}
        with contextlib.suppress(AssertionError, OSError):
            self.call("Browser.close")

    def open(self, address: str, width: int = 1280, height: int = 720) -> None:
        """Show an address in a window of that many pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.call("Page.navigate", url=address)
        eventually(lambda: self._is_at(address), f"{address} is there")

    def _is_at(self, address: str) -> bool:
        try:
            return bool(self.ask("document.readyState == 'complete' && location.href") == address)
        except ProtocolError:  # the page before it has just gone
            return False

    def prefer(self, feature: str, value: str) -> None:
        """Have the reader's preference be another one, as `prefers-color-scheme: dark`."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": feature, "value": value}])

    def ask(self, expression: str) -> Any:
        """Return the value of an expression of JavaScript, which may be a promise."""
        done = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def press(self, key: str) -> None:
        """Press a key that types a character."""
        for kind in ("keyDown", "keyUp"):
            text = {"text": key} if kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, **text)

    def text(self) -> str:
        """Return the text of the page, that of pictures included."""
        return str(self.ask(_TEXT))

    def shows(self, text: str) -> bool:
        """Whether a text is in the page."""
        return text in self.text()

    def names(self, role: str) -> list[str]:
        """Return the names of all elements of a role, as a screen reader says them."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [
            node["name"]["value"]
            for node in nodes
            if node.get("role", {}).get("value") == role and "name" in node
        ]

    def violations(self) -> list[str]:
        """Return what axe-core has to complain about, a line each."""
        # a page with a policy runs no text of others, so that the debugger has to put it there
        self.ask(_axe())
        found = self.ask("axe.run().then(done => done.violations)")
        return [
            f"{each['id']}: {each['help']}: {node['html'][:200]}"
            for each in found
            for node in each["nodes"]
        ]


def _axe() -> str:
    """Return axe-core's script, fetched once by npm and checked; skips the test without npm."""
    file = project.PRIVATE / f"{_AXE.replace('@', '-')}.tgz"
    if not file.exists():
        npm = shutil.which("npm")
        if not npm:
            pytest.skip("no npm to fetch axe-core with")
        done = subprocess.run(
            [npm, "pack", "--silent", _AXE], cwd=project.PRIVATE, capture_output=True, text=True
        )
        if done.returncode:
            pytest.skip(f"npm does not give axe-core: {done.stderr.strip()[-200:]}")
    content = file.read_bytes()
    assert base64.b64encode(hashlib.sha512(content).digest()).decode() == _AXE_SHA512
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        script = archive.extractfile("package/axe.min.js")
        assert script
        return script.read().decode()


@contextlib.contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """Give a page of a browser of its own; skips the test where there is none."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    to_browser, sending = os.pipe()
    receiving, from_browser = os.pipe()
    options = ["--headless=new", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe"]
    if os.geteuid() == 0:
        options.append("--no-sandbox")  # it refuses to run as root with one
    process = subprocess.Popen(
        # it reads descriptor 3 and writes 4
        ["bash", "-c", f'exec "$@" 3<&{to_browser} 4>&{from_browser}', "-", found, *options,
         f"--user-data-dir={folder}", "about:blank"],
        pass_fds=(to_browser, from_browser),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(to_browser)
    os.close(from_browser)
    page = Page(sending, receiving, process.pid)
    try:
        yield page
    finally:
        page.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)  # its own processes have ended then, and write no more files
        process.kill()
        process.wait()
        os.close(sending)
        os.close(receiving)
