"""A server on loopback for the scripts here, which may stop and start again on the same port."""

import contextlib
import socket
import threading


class Server:
    """A thread serves each connection, by ``serve``."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.connections = 0
        self._address = host, port
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

    def serve(self, connection: socket.socket) -> None:
        """Serve one connection, and close it."""
        raise NotImplementedError

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()


def full(host: str, port: int = 0) -> list[socket.socket]:
    """Listen at an address whose queue is full, and accept nobody: who connects gets no answer.

    Return the sockets, the listener first; it lasts as long as they are kept.
    """
    held = [socket.socket() for _ in range(4)]
    held[0].bind((host, port))
    held[0].listen(0)
    for waiting in held[1:]:
        waiting.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            waiting.connect(held[0].getsockname())
    return held
