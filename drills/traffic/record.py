"""The record of a run: JSON lines, the first one the header, then all else as it becomes known.

Each line is an object whose `type` is `header`, `sample`, `event` or `execution` and whose other
fields are those of the dataclass; fields that have their default value may be missing. Samples are
in the order in which they ended. A last line that was cut short (power, kill -9) is left out.
"""

from __future__ import annotations

import dataclasses
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar, get_args

from drills.traffic.model import (
    ErrorKind,
    Event,
    EventKind,
    Execution,
    Header,
    Objectives,
    Sample,
    StreamEntry,
    StreamStep,
)
from drills.traffic.plan import LanePlan, Request, TrafficPlan
from foundation.errors import UserError

FILE = "record.jsonl"
"""Name of a record inside the folder of its run."""

Entry = Sample | Event | Execution | StreamEntry

_Kind = TypeVar("_Kind", Sample, Event, Execution, StreamEntry)


class RecordError(UserError):
    """A file is not a record, or not readable; the text is for people."""


@dataclass(frozen=True)
class Record:
    """A whole record in memory."""

    header: Header
    samples: list[Sample] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    """In order of time."""
    executions: list[Execution] = field(default_factory=list)
    streams: list[StreamEntry] = field(default_factory=list)


def read(path: Path) -> Record:
    """Read the record at `path`, or inside the folder `path`. Raises RecordError."""
    header, rest = entries(path)
    record = Record(header)
    for entry in rest:
        match entry:
            case Sample():
                record.samples.append(entry)
            case Event():
                record.events.append(entry)
            case Execution():
                record.executions.append(entry)
            case StreamEntry():
                record.streams.append(entry)
    record.events.sort(key=lambda event: event.at)
    return record


def entries(path: Path, *kinds: type[Entry]) -> tuple[Header, Iterator[Entry]]:
    """Return the header and, one by one, what follows it. Raises RecordError, while reading too.

    With `kinds` all others are passed over, which is faster.
    """
    if path.is_dir():
        path = path / FILE
    others = [kind.__name__.lower() for kind in get_args(Entry) if kinds and kind not in kinds]
    lines = _lines(path, tuple(f'{{"type":"{name}"' for name in others))
    first = next(lines, None)
    if first is None or first.get("type") != "header":
        raise RecordError(f"{path} is not a record of a run: its first line is not a header.")
    wanted = (line for line in lines if line.get("type") not in others)
    return _header(first), (decode(line) for line in wanted)


def header(path: Path) -> Header:
    """Return the header alone. Raises RecordError."""
    return entries(path)[0]


def each(path: Path, kind: type[_Kind]) -> Iterator[_Kind]:
    """Return one by one the entries of one kind. Raises RecordError, while reading too."""
    _, found = entries(path, kind)
    return (entry for entry in found if isinstance(entry, kind))


def _lines(path: Path, others: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Yield the lines that do not begin like `others`: these are not decoded, which takes long."""
    try:
        with path.open() as stream:
            for number, line in enumerate(stream, 1):
                if not line.endswith("\n"):
                    return
                if line.startswith(others):
                    continue
                try:
                    yield json.loads(line)
                except ValueError:
                    raise RecordError(f"{path}, line {number}: not JSON: {line[:60]!r}") from None
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}.") from None


def decode_line(line: str | bytes) -> Entry:
    """Return what one line says. Raises RecordError if that is not understood."""
    try:
        fields = json.loads(line)
    except ValueError:
        raise RecordError(f"A line of the record is not JSON: {line[:60]!r}") from None
    return decode(fields)


def decode(line: dict[str, Any]) -> Entry:
    """Return what one decoded line says. Raises RecordError for an unknown kind of line."""
    fields = dict(line)
    try:
        match fields.pop("type"):
            case "sample":
                if (error := fields.get("error")) is not None:
                    fields["error"] = ErrorKind(error)
                return Sample(**fields)
            case "event":
                fields["kind"] = EventKind(fields["kind"])
                if fields.get("serving") is not None:
                    fields["serving"] = tuple(fields["serving"])
                return Event(**fields)
            case "execution":
                return Execution(**fields)
            case "streamentry":
                fields["step"] = StreamStep(fields["step"])
                return StreamEntry(**fields)
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(f"A line of the record is not understood: {line} ({error})") from None
    raise RecordError(f"A line of the record is not understood: {line}")


def _header(fields: dict[str, Any]) -> Header:
    fields = {key: value for key, value in fields.items() if key != "type"}
    try:
        if fields.get("plan"):
            plan: dict[str, Any] = {
                key: tuple(value) if isinstance(value, list) else value
                for key, value in fields["plan"].items()
            }
            plan["lanes"] = tuple(_lane(one) for one in plan["lanes"])
            plan["requests"] = tuple(_request(one) for one in plan.get("requests", ()))
            plan.pop("kinds", None)  # of records that are older
            fields["plan"] = TrafficPlan(**plan)
        if fields.get("serving") is not None:
            fields["serving"] = tuple(fields["serving"])
        promised = fields.pop("objectives", {})
        if promised.get("executions") is not None:
            promised["executions"] = tuple(promised["executions"])
        objectives = Objectives(**promised)
        return Header(objectives=objectives, **fields)
    except TypeError as error:
        raise RecordError(f"The record's header is not understood: {error}") from None


def _lane(fields: dict[str, Any]) -> LanePlan:
    return LanePlan(**{**fields, "protocols": tuple(fields.get("protocols", ()))})


def _request(fields: dict[str, Any]) -> Request:
    return Request(**{**fields, "good": tuple(fields["good"])})


def encode(entry: Header | Entry) -> str:
    """Return the entry as one line, without the line's end; None and defaults are left out."""
    fields: dict[str, Any] = {"type": type(entry).__name__.lower()}
    for spec in dataclasses.fields(entry):
        value = getattr(entry, spec.name)
        if value is None or value == spec.default:
            continue
        fields[spec.name] = (
            dataclasses.asdict(value) if isinstance(value, Objectives | TrafficPlan) else value
        )
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


class Writer:
    """Writes a record; safe to use from several threads. Each line is whole or not there."""

    def __init__(self, path: Path, header: Header) -> None:
        """Makes the file, its folder too; FileExistsError if there is one already."""
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._stream = os.fdopen(descriptor, "w", encoding="utf-8", buffering=1 << 16)
        self._guard = threading.Lock()
        self.path = path
        self.write(header)
        self.flush()

    def write(self, entry: Header | Entry) -> None:
        """Append one entry."""
        self.write_line(encode(entry))

    def write_line(self, line: str) -> None:
        """Append one entry that is encoded already."""
        with self._guard:
            self._stream.write(line)
            self._stream.write("\n")

    def flush(self) -> None:
        """Bring all that was written to the file."""
        with self._guard:
            self._stream.flush()

    def close(self) -> None:
        """End the record; closing twice is no error."""
        with self._guard:
            self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
