"""A RabbitMQ server for the scripts here: one queue, consumers with prefetch, acknowledgements."""

import contextlib
import socket
import struct
import threading
from typing import BinaryIO

from fake_server import Server

_CAPABILITIES = "basic.nack", "consumer_cancel_notify", "publisher_confirms"
# Calls that are answered by the next method of their class, with these arguments.
_ANSWERS = {(20, 10): b"\0\0\0\0", (60, 10): b"", (85, 10): b"", (50, 20): b""}


def _short(text: str) -> bytes:
    return struct.pack("!B", len(text)) + text.encode()


def _long(content: bytes) -> bytes:
    return struct.pack("!I", len(content)) + content


class _Channel:
    """A channel of a connection: its consumer, and what it was sent and has not acknowledged."""

    def __init__(self, connection: socket.socket, number: int) -> None:
        self.connection, self.number = connection, number
        self.prefetch, self.sent, self.consumer = 1000, 0, ""
        self.unacknowledged: dict[int, str] = {}
        self.closing = False

    def say(self, kind: int, payload: bytes) -> None:
        head = struct.pack("!BHI", kind, self.number, len(payload))
        with contextlib.suppress(OSError):
            self.connection.sendall(head + payload + b"\xce")

    def call(self, of: int, method: int, arguments: bytes = b"") -> None:
        self.say(1, struct.pack("!HH", of, method) + arguments)


class RabbitMQ(Server):
    """A server on loopback with messages in one queue, which keep their order.

    ``acknowledged`` has the messages as clients acknowledged them, ``sent`` all that were sent.
    """

    def __init__(self, *messages: str) -> None:
        self.queue = list(messages)
        self.order = list(messages)
        self.sent: list[str] = []
        self.acknowledged: list[str] = []
        self._channels: list[_Channel] = []
        self._lock = threading.RLock()
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        """Answer until the client ends."""
        channels: dict[int, _Channel] = {}
        with (
            contextlib.suppress(OSError, struct.error),
            connection,
            connection.makefile("rb") as stream,
        ):
            stream.read(8)
            capabilities = b"".join(_short(name) + b"t\1" for name in _CAPABILITIES)
            properties = _short("capabilities") + b"F" + _long(capabilities)
            hello = b"\0\x09" + _long(properties) + _long(b"PLAIN AMQPLAIN") + _long(b"en_US")
            _Channel(connection, 0).call(10, 10, hello)
            self._answer(connection, stream, channels)
        with self._lock:
            for channel in channels.values():
                self._end(channel)

    def _answer(
        self, connection: socket.socket, stream: BinaryIO, channels: dict[int, _Channel]
    ) -> None:
        while True:
            kind, number, size = struct.unpack("!BHI", stream.read(7))
            payload = stream.read(size + 1)[:-1]
            if kind != 1:
                continue
            channel = channels.setdefault(number, _Channel(connection, number))
            of, method = struct.unpack("!HH", payload[:4])
            with self._lock:
                self._method(channel, (of, method), payload[4:])
                if (of, method) == (20, 41):
                    channels.pop(number)
                self._deliver()

    def _method(self, channel: _Channel, method: tuple[int, int], arguments: bytes) -> None:
        of, which = method
        if channel.closing:
            return
        match method:
            case (10, 11):
                channel.call(10, 30, struct.pack("!HIH", 100, 131072, 0))
            case (10, 40):
                channel.call(10, 41, b"\0")
            case (10 | 20, 40 | 50):
                self._end(channel)
                channel.call(of, which + 1)
            case (50, 10):
                channel.call(50, 11, _short("work") + struct.pack("!II", len(self.queue), 1))
            case (60, 20):
                size = arguments[2]
                tag = arguments[4 + size : 4 + size + arguments[3 + size]].decode() or "consumer"
                channel.call(60, 21, _short(tag))
                channel.consumer = tag
                self._channels.append(channel)
            case (60, 80 | 90 | 120):
                self._settled(channel, which, *struct.unpack("!QB", arguments[:9]))
            case _ if method in _ANSWERS:
                if method == (60, 10):
                    channel.prefetch = struct.unpack("!IHB", arguments)[1] or 1000
                channel.call(of, which + 1, _ANSWERS[method])

    def _settled(self, channel: _Channel, which: int, tag: int, flags: int) -> None:
        """Take an acknowledgement; a tag that the channel has not is its end, as in RabbitMQ."""
        if tag not in channel.unacknowledged:
            text = f"PRECONDITION_FAILED - unknown delivery tag {tag}"
            reason = struct.pack("!H", 406) + _short(text) + struct.pack("!HH", 60, which)
            channel.call(20, 40, reason)
            self._end(channel)
            channel.closing = True
            return
        message = channel.unacknowledged.pop(tag)
        if which == 80:
            self.acknowledged.append(message)
        elif flags & 3:
            self.queue.insert(0, message)

    def _end(self, channel: _Channel) -> None:
        """Put what a channel has not acknowledged back to its place in the queue."""
        if channel in self._channels:
            self._channels.remove(channel)
        self.queue = sorted({*self.queue, *channel.unacknowledged.values()}, key=self.order.index)
        channel.unacknowledged.clear()

    def _deliver(self) -> None:
        for channel in self._channels:
            while self.queue and len(channel.unacknowledged) < channel.prefetch:
                message = self.queue.pop(0)
                again = message in self.sent
                self.sent.append(message)
                channel.sent += 1
                channel.unacknowledged[channel.sent] = message
                head = _short(channel.consumer) + struct.pack("!QB", channel.sent, again)
                channel.call(60, 60, head + _short("") + _short("work"))
                channel.say(2, struct.pack("!HHQH", 60, 0, len(message), 0))
                channel.say(3, message.encode())
