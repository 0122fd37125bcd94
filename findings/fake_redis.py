"""A Redis server for the scripts here, with INCR and SET; a script decides what befalls answers."""

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Callable

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


class Redis:
    """A server on loopback; ``loses(count)`` tells whether the count-th write's answer is lost.

    A lost answer ends its connection. ``executed`` counts the writes by their values, "" for INCR.
    """

    def __init__(self, loses: Callable[[int], bool] = lambda count: False) -> None:
        self.loses = loses
        self.executed: Counter[str] = Counter()
        self.value = ""
        self._address = "127.0.0.1", 0
        self.start()

    @property
    def port(self) -> int:
        """Return the port that it listens on."""
        return self._address[1]

    def start(self) -> None:
        """Listen, on the same port as before."""
        self._listener = socket.create_server(self._address, backlog=64)
        self._address = self._listener.getsockname()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop(self) -> None:
        """Close the port and end each connection."""
        for each in [self._listener, *self._open]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
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
