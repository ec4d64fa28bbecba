"""Follow the event file of a chain as it grows."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from inception.errors import LevelError
from inception.linux import files
from inception.plan.events import Event, Phase, State

_POLL_S = 0.02
_CHUNK = 1 << 20
_LINE_LIMIT = 1 << 20
"""Bytes of a line, longer than any event: its longest part is the end of a log."""
_LAST_LIMIT = 64 << 20
"""Bytes that are still read once following is to end: a level may write faster than they can be read."""
_INVALID = "the event file has an invalid line: some events are missing"


def follow(path: Path, *, stop: Callable[[], bool], poll_s: float = _POLL_S, offset: int = 0) -> Iterator[Event]:
    """Yield every event of the file at `path`, which may not exist yet, until `stop` returns True and none is left.

    Reading begins `offset` bytes after the file's start and goes on every `poll_s` seconds. Where lines are lost,
    because the file was truncated or a line is invalid, a note at level 0 takes their place.
    """
    tail = _Tail(path, offset)
    try:
        end = None
        while True:
            stopping = stop()  # Before reading: events written before it returns True must still be yielded.
            before = tail.position
            yield from tail.read()
            if stopping and end is None:
                end = min(tail.size, before + _LAST_LIMIT)
            if end is not None and not before < tail.position < end:
                return
            if end is None and tail.position == before:
                time.sleep(poll_s)
    finally:
        tail.close()


def level_error(failure: Event) -> LevelError:
    """Return the error to raise for a FAIL event."""
    return LevelError(
        level=failure.level,
        phase=failure.phase,
        reason=failure.message or "no reason given",
        remedy=failure.remedy,
        log_tail=failure.log_tail,
    )


class _Tail:
    """Reads the events that other processes append to a file."""

    def __init__(self, path: Path, offset: int) -> None:
        self._path = path
        self._offset = offset
        self._file: BinaryIO | None = None
        self._rest = b""

    def read(self) -> list[Event]:
        """Return the events appended since the last call; an incomplete last line waits for the next call."""
        if self._file is None:
            try:
                self._file = os.fdopen(files.open_regular(self._path), "rb", buffering=0)
            except FileNotFoundError:
                return []
            self._file.seek(self._offset)
        lost = []
        if self.size < self._file.tell():
            self._file.seek(0)
            self._rest = b""
            lost = [_note("the event file was truncated: some events are missing")]
        *lines, self._rest = (self._rest + self._file.read(_CHUNK)).split(b"\n")
        if len(self._rest) > _LINE_LIMIT:
            self._rest = b""
            lost.append(_note(_INVALID))
        return lost + [_event(line) for line in lines]

    @property
    def size(self) -> int:
        """Bytes in the file, 0 as long as it does not exist."""
        return 0 if self._file is None else os.fstat(self._file.fileno()).st_size

    @property
    def position(self) -> int:
        """Bytes that have been read."""
        return 0 if self._file is None else self._file.tell()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def _event(line: bytes) -> Event:
    try:
        return Event.from_line(line.decode())
    except ValueError:
        return _note(_INVALID)


def _note(message: str) -> Event:
    return Event(
        time_s=time.time(),
        monotonic_s=time.monotonic(),
        level=0,
        phase=Phase.CREATE,
        state=State.NOTE,
        message=message,
    )
