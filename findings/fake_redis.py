"""A Redis server for the scripts here, with INCR and SET; a script decides what befalls answers."""

import contextlib
import socket
from collections import Counter
from collections.abc import Callable

from fake_server import Server

_HELLO = {
    "server": "redis",
    "version": "7.4.0",
    "proto": 3,
    "id": 1,
    "mode": "standalone",
    "role": "master",
}


def _resp(value: object) -> bytes:
    if isinstance(value, int):
        return b":%d\r\n" % value
    if isinstance(value, dict):
        pairs = b"".join(_resp(each) for pair in value.items() for each in pair)
        return b"%%%d\r\n" % len(value) + pairs
    text = str(value).encode()
    return b"$%d\r\n%s\r\n" % (len(text), text)


class Redis(Server):
    """A server on loopback; ``loses(count)`` tells whether the count-th write's answer is lost.

    A lost answer ends its connection. ``executed`` counts the writes by their values, "" for INCR.
    """

    def __init__(self, loses: Callable[[int], bool] = lambda count: False) -> None:
        self.loses = loses
        self.executed: Counter[str] = Counter()
        self.value = ""
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        """Answer until the client ends."""
        with (
            contextlib.suppress(OSError),
            connection,
            connection.makefile("rb") as stream,
        ):
            while line := stream.readline():
                words = []
                for _ in range(int(line[1:])):
                    size = int(stream.readline()[1:])
                    words.append(stream.read(size + 2)[:-2].decode())
                answer = self._answer(words)
                if not answer:
                    connection.shutdown(socket.SHUT_RDWR)
                    return
                connection.sendall(answer)

    def _answer(self, words: list[str]) -> bytes:
        match words[0].upper():
            case "INCR" | "INCRBY":
                return self._executed("", _resp(self.executed[""] + 1))
            case "SET":
                self.value = words[2]
                return self._executed(words[2], b"+OK\r\n")
            case "HELLO":
                return _resp(_HELLO)
            case "INFO":
                return _resp("redis_version:7.4.0\r\nloading:0\r\nrole:master\r\n")
            case "PING":
                return b"+PONG\r\n"
        return b"+OK\r\n"

    def _executed(self, value: str, answer: bytes) -> bytes:
        self.executed[value] += 1
        return b"" if self.loses(self.executed.total()) else answer
