"""Take apart the engine's frames, and write output without blocking."""

from __future__ import annotations

import os
import select
import struct
from collections.abc import Iterator

from inception.plan.light_dataclasses import dataclass

STDOUT = 1
STDERR = 2

_HEADER = struct.Struct(">BxxxL")
"""Header of a frame: the stream's number, and the payload's length in bytes."""
_ERRORS = (2, 3)
"""The engine's numbers for standard error, and for its own messages; 0 and 1 are output."""


@dataclass(frozen=True, kw_only=True)
class Streams:
    """The file descriptors that a session reads and writes."""

    stdin: int = 0
    stdout: int = 1
    stderr: int = 2


class BadFrame(ValueError):
    """The engine's stream is not framed as its API documents."""


class Demultiplexer:
    """Splits the stream of a command without a terminal: frames of 8 bytes of header and a payload.

    The header is one byte for the stream, three of padding, four for the length, big-endian (Engine API, "Attach").
    A payload is returned as it comes, not when it is whole.
    """

    def __init__(self) -> None:
        self._header = bytearray()
        self._left = 0
        self._stream = STDOUT

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the parts of `data`, each with its stream (STDOUT or STDERR). Raises BadFrame."""
        position = 0
        while position < len(data):
            if not self._left:
                taken = data[position : position + _HEADER.size - len(self._header)]
                self._header += taken
                position += len(taken)
                if len(self._header) == _HEADER.size:
                    self._begin_frame()
                continue
            payload = data[position : position + self._left]
            position += len(payload)
            self._left -= len(payload)
            yield self._stream, payload

    def _begin_frame(self) -> None:
        number, self._left = _HEADER.unpack(self._header)
        self._header.clear()
        if number > max(_ERRORS):
            raise BadFrame(f"stream number {number}")
        self._stream = STDERR if number in _ERRORS else STDOUT


class Outlet:
    """Bytes waiting to be written to a descriptor, which stays blocking.

    Our starter shares the open file, which O_NONBLOCK belongs to, so that flag is not ours to set. A pipe that polls
    as writable takes PIPE_BUF bytes without blocking (pipe(7)), so that much is written at a time.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._waiting = bytearray()
        self._closed = False

    @property
    def waiting(self) -> int:
        """Number of bytes that have not been written yet."""
        return len(self._waiting)

    def put(self, data: bytes) -> None:
        """Queue `data`, or discard it if the outlet is closed."""
        if not self._closed:
            self._waiting += data

    def write_some(self) -> None:
        """Write what the descriptor takes, after it has polled as writable. Raises OSError."""
        written = os.write(self.descriptor, self._waiting[: select.PIPE_BUF])
        del self._waiting[:written]

    def close(self) -> None:
        """Discard what waits and all that comes. The descriptor stays open."""
        self._closed = True
        self._waiting.clear()
