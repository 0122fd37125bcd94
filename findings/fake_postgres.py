"""A PostgreSQL server for the scripts here: it answers each query with one row, or refuses."""

import contextlib
import socket
import struct
from typing import BinaryIO

from fake_server import Server

STARTED = {
    "server_version": "17.0",
    "server_encoding": "UTF8",
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    "integer_datetimes": "on",
    "DateStyle": "ISO, MDY",
    "TimeZone": "UTC",
    "default_transaction_read_only": "off",
    "in_hot_standby": "off",
}
NO_TLS = 80877103, 80877104  # requests for TLS and GSS


def _message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


COLUMN = _message(b"T", b"\0\1a\0" + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0))
DONE = _message(b"C", b"SELECT 1\0")
READY = _message(b"Z", b"I")


class Postgres(Server):
    """A server on loopback; ``refusal`` is the SQLSTATE that it says to who connects.

    With the refusal ``silent`` it accepts and says nothing, with ``closes`` it ends connections.
    """

    def __init__(
        self, name: str, refusal: str = "", host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.name, self.refusal = name, refusal
        super().__init__(host, port)

    def serve(self, connection: socket.socket) -> None:
        """Answer until the client ends."""
        with (
            contextlib.suppress(OSError, struct.error),
            connection,
            connection.makefile("rb") as stream,
        ):
            if self.refusal == "closes":
                return
            while True:
                size, code = struct.unpack("!ii", stream.read(8))
                stream.read(size - 8)
                if self.refusal == "silent":
                    stream.read()
                if code not in NO_TLS:
                    break
                connection.sendall(b"N")
            if self.refusal:
                said = f"SFATAL\0VFATAL\0C{self.refusal}\0Mrefused by {self.name}\0\0".encode()
                connection.sendall(_message(b"E", said))
                return
            hello = _message(b"R", bytes(4))
            for key, value in STARTED.items():
                hello += _message(b"S", f"{key}\0{value}\0".encode())
            connection.sendall(hello + _message(b"K", bytes(8)) + READY)
            self._answer(connection, stream)

    def _answer(self, connection: socket.socket, stream: BinaryIO) -> None:
        name = self.name.encode()
        row = _message(b"D", struct.pack("!hi", 1, len(name)) + name)
        answers = {
            b"P": _message(b"1"),
            b"B": _message(b"2"),
            b"C": _message(b"3"),
            b"E": row + DONE,
            b"S": READY,
        }
        while (kind := stream.read(1)) not in (b"", b"X"):
            body = stream.read(struct.unpack("!i", stream.read(4))[0] - 4)
            if kind == b"D":  # of a statement or of a portal
                connection.sendall((_message(b"t", bytes(2)) if body[:1] == b"S" else b"") + COLUMN)
            elif kind == b"Q":
                empty = not body.strip(b"\0; ")
                connection.sendall((_message(b"I") if empty else COLUMN + row + DONE) + READY)
            else:
                connection.sendall(answers.get(kind, b""))
