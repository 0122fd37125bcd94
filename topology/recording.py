"""The record of the picture: JSON lines, one a picture, and the page that plays it offline.

A line is a picture as `history.History` gives it, without the shares of the past, and with no
events but those since the line before. A line that was cut short, as on a full disk, is left out.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
from pathlib import Path
from typing import Any

from drills import live_picture
from foundation.errors import UserError

_TEMPLATE = Path(__file__).parent / "page.html"
_DIGITS = 3
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src {script}; img-src data:; "
    "connect-src 'self'"
)


class Recorder:
    """Writes pictures to a file, each line whole."""

    def __init__(self, file: Path) -> None:
        """Raises UserError if the file cannot be made, or is there already."""
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise UserError(f"{file} cannot be written: {error.strerror}; choose another") from None
        self.file = file
        self._stream = os.fdopen(descriptor, "w", encoding="utf-8")
        self._last: int | None = None

    def add(self, found: dict[str, Any]) -> None:
        """Append a picture; events from before the first one are left out."""
        numbers = [event["number"] for event in found["events"]]
        if self._last is None:
            self._last = max(numbers, default=0)
        line = {key: value for key, value in news(found, self._last).items() if key != "command"}
        self._stream.write(json.dumps(line, separators=(",", ":")) + "\n")
        self._last = max(numbers, default=self._last)

    def close(self) -> None:
        """End the record."""
        self._stream.close()


def news(found: dict[str, Any], last: int) -> dict[str, Any]:
    """Return a picture for who knows all events up to number `last`, and the shares before it."""
    rounded = _rounded({key: value for key, value in found.items() if key != "points"})
    rounded["events"] = [event for event in found["events"] if event["number"] > last]
    return dict(rounded)


def _rounded(value: Any) -> Any:
    match value:
        case float():
            return round(value, _DIGITS)
        case dict():
            return {key: _rounded(each) for key, each in value.items()}
        case list() | tuple():
            return [_rounded(each) for each in value]
    return value


def text(path: Path) -> str:
    """Return the whole lines of the record at `path`, or in the folder `path`. Raises UserError."""
    file = path / live_picture.FILE if path.is_dir() else path
    try:
        lines = file.read_text().splitlines(keepends=True)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UserError(
            f"{file} cannot be read: {why}. A drill records one into its run: ./demo task drill"
        ) from None
    whole = [line for line in lines if _is_picture(line)]
    if not whole:
        raise UserError(f"{file} is not a record of the live picture")
    return "".join(whole)


def _is_picture(line: str) -> bool:
    try:
        return line.endswith("\n") and "clusters" in json.loads(line)
    except (ValueError, TypeError):
        return False


def page(record: str = "") -> tuple[str, str]:
    """Return the page and its Content-Security-Policy.

    With the text of a record the page plays that and needs no server; else it asks its server.
    """
    made = _TEMPLATE.read_text()
    (script,) = live_picture.script_hashes(made)
    policy = _POLICY.format(script=script)
    packed = base64.b64encode(gzip.compress(record.encode(), mtime=0)).decode() if record else ""
    return made.replace("{{policy}}", policy).replace("{{record}}", packed), policy


def write_page(record: Path) -> Path:
    """Write the page that plays a record, beside it; return its path. Raises UserError."""
    made = (
        record.with_name(live_picture.PAGE)
        if record.name == live_picture.FILE
        else record.with_suffix(".html")
    )
    made.write_text(page(text(record))[0])
    return made
