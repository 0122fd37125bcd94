"""The generator as an object: a process that sends, and a thread that listens to it.

The process is `toolchain/modules/traffic`, in Go: of 2,000 requests a second half need a TLS
handshake, which takes 0.9 of a core there, beside an Envoy that answers them on the same two cores;
99 of 100 are begun within 2 ms of when they were due. Python, which parses and records them here,
takes 0.1 of a core.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import itertools
import json
import subprocess
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from drills.traffic import record
from drills.traffic.model import Event, Execution, Header, Sample
from drills.traffic.plan import TrafficPlan
from foundation.errors import UserError
from toolchain import tools

PROGRAM = "traffic-generator"
_FLUSH = 0.2  # seconds that a sample may take to reach the file
_STEP = 0.05  # seconds by which a clock that was set differs; one that is corrected differs less
_PATIENCE = 5.0  # seconds beyond the time-out that the process has to end by itself


class TrafficError(UserError):
    """The generator could not be started, or ended before its time; the text is for people."""


class Traffic:
    """Sends requests as planned, from `start` to `stop`, and puts each one on the record.

    What sends is a process of its own, which no work of this one can make late, and which ends
    with this one, whatever ends it. In a with-statement it starts and stops by itself.
    """

    def __init__(
        self,
        plan: TrafficPlan,
        header: Header,
        folder: Path,
        *,
        name: str = record.FILE,
        keep: float = 120.0,
    ) -> None:
        """Nothing happens yet.

        `folder` is where the record goes (`reports/<run>`), `name` its file. `keep`: seconds
        of samples that `recent` and `since` know of.
        """
        self._plan = plan
        self._beside = frozenset(plan.uncounted)
        self._header = dataclasses.replace(header, plan=plan.without_secrets)
        self._keep = keep
        self._path = folder / name
        self._samples: collections.deque[Sample] = collections.deque()
        self._count = 0
        self._guard = threading.Lock()
        self._writer: record.Writer | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._problem = ""
        self._epoch = 0.0

    @property
    def path(self) -> Path:
        """The record's file."""
        return self._path

    @property
    def count(self) -> int:
        """How many requests have ended so far."""
        return self._count

    @property
    def running(self) -> bool:
        """Whether requests are being sent, or answers awaited."""
        return self._reader is not None and self._reader.is_alive()

    def start(self) -> None:
        """Begin to send. Raises TrafficError, toolchain.ToolMissing, FileExistsError."""
        program = tools.path(PROGRAM)
        self._epoch = time.time() - time.monotonic()  # as the process reads it, once
        self._writer = record.Writer(self._path, self._header)
        self._process = subprocess.Popen(
            [str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is this process's to handle: what is due is awaited
        )
        # the pipe stays open: its end tells the process to stop, also when this one is killed
        self._tell({"run": self._header.run, **dataclasses.asdict(self._plan)})
        self._reader = threading.Thread(target=self._read, name="traffic", daemon=True)
        self._reader.start()

    def check(self) -> None:
        """Check that requests are being sent. Raises TrafficError that says why none are."""
        if not self.running:
            raise TrafficError(self._problem or "The traffic has ended before its time")

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the plan's duration is over, at most `seconds`; True when it is."""
        if self._reader is not None:
            self._reader.join(seconds)
        return not self.running

    def halt(self) -> None:
        """Send no more and wait for what is under way, at most the time-out.

        The record stays open, for what is still to be put on it.
        """
        process = self._process
        if process is None:
            return
        if process.stdin and not process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
        if not self.wait(self._plan.timeout + _PATIENCE):
            process.kill()
            self.wait()
        process.wait()

    def stop(self) -> None:
        """Halt, and end the record.

        Stopping what is stopped is no error. Raises TrafficError if the generator had failed.
        """
        self.halt()
        if self._writer is None:
            return
        self._writer.close()
        if self._problem:
            raise TrafficError(self._problem)

    def set_rate(self, rate: float) -> None:
        """Send at another rate from now on, in requests a second; ignored once it has ended."""
        self._tell({"rate": rate})

    def _tell(self, words: dict[str, Any]) -> None:
        """Write a line to the process; whether it has ended is found out by who reads its words."""
        process = self._process
        if process is None or process.stdin is None or process.stdin.closed:
            return
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(words).encode() + b"\n")
            process.stdin.flush()

    def now(self) -> float:
        """Return this moment by the samples' clock, which stands still during a suspend."""
        return self._epoch + time.monotonic()

    def mark(self, event: Event) -> None:
        """Put an event on the record, at its moment by the samples' clock."""
        assert self._writer, "not started"
        ahead = time.time() - self.now()  # of an event, which is by the time of day
        moved = dataclasses.replace(event, at=event.at - ahead)
        self._writer.write(moved if abs(ahead) > _STEP else event)
        self._writer.flush()

    def add(self, execution: Execution) -> None:
        """Put a line of a portal's log on the record."""
        assert self._writer, "not started"
        self._writer.write(execution)

    def recent(self, seconds: float) -> list[Sample]:
        """Return the samples that ended in the last `seconds`, in the order in which they ended.

        Lanes that are there only to compare are left out.
        """
        begin = self.now() - seconds
        with self._guard:
            late = itertools.takewhile(lambda s: s.ended >= begin, reversed(self._samples))
            return [s for s in late if s.lane not in self._beside][::-1]

    def since(self, number: int) -> tuple[list[Sample], int]:
        """Return the samples of all lanes from that number on, and the number to ask from next.

        Numbers count requests that ended, from 0. Samples older than `keep` are left out.
        """
        with self._guard:
            first = self._count - len(self._samples)
            known = itertools.islice(self._samples, max(0, number - first), None)
            return list(known), self._count

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _read(self) -> None:
        process, writer = self._process, self._writer
        assert process and process.stdout and process.stderr and writer
        with process.stdout, process.stderr:
            try:
                self._take(process.stdout, writer)
                said = process.stderr.read().decode(errors="replace").strip()
                if code := process.wait():
                    self._problem = said or f"The generator ended with exit code {code}."
            except (OSError, ValueError, record.RecordError) as error:
                # a full disk, say: what cannot be recorded need not be sent
                self._problem = f"The record {self._path} cannot be written: {error}"
                process.kill()

    def _take(self, lines: Iterable[bytes], writer: record.Writer) -> None:
        flushed = time.monotonic()
        for raw in lines:
            line = raw.decode().rstrip("\n")
            entry = record.decode_line(line)
            writer.write_line(line)
            if isinstance(entry, Sample):
                self._keep_sample(entry)
            if time.monotonic() - flushed > _FLUSH:
                writer.flush()
                flushed = time.monotonic()

    def _keep_sample(self, sample: Sample) -> None:
        with self._guard:
            self._count += 1
            self._samples.append(sample)
            while self._samples[0].ended < sample.ended - self._keep:
                self._samples.popleft()
