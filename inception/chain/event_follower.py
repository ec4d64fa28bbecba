"""A chain's event file, followed as it grows."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from inception.errors import LevelError
from inception.plan.events import Event, Phase, State

_POLL_S = 0.02


def follow(path: Path, *, stop: Callable[[], bool], poll_s: float = _POLL_S, offset: int = 0) -> Iterator[Event]:
    """Every event of the file at `path`, which need not be there yet, until `stop` says so and no event is left.

    Begins `offset` bytes behind the file's start, and looks every `poll_s` seconds. Where lines got lost, because the
    file was cut short or holds what is no event, a note at level 0 says so in their place.
    """
    tail = _Tail(path, offset)
    try:
        while True:
            stopping = stop()  # Asked first: what was written before it said so is still read.
            events = tail.read()
            yield from events
            if stopping and not events:
                return
            if not events:
                time.sleep(poll_s)
    finally:
        tail.close()


def as_error(failure: Event) -> LevelError:
    """What a FAIL event says, as an error to raise."""
    return LevelError(
        level=failure.level,
        phase=failure.phase,
        reason=failure.message or "no reason given",
        remedy=failure.remedy,
        log_tail=failure.log_tail,
    )


class _Tail:
    """The end of a file that others append to, in whole lines."""

    def __init__(self, path: Path, offset: int) -> None:
        self._path = path
        self._offset = offset
        self._file: BinaryIO | None = None
        self._rest = b""

    def read(self) -> list[Event]:
        """What has been added since the last time, a line that is not whole yet left for the next."""
        if self._file is None:
            try:
                self._file = self._path.open("rb", buffering=0)
            except FileNotFoundError:
                return []
            self._file.seek(self._offset)
        lost = []
        if os.fstat(self._file.fileno()).st_size < self._file.tell():
            self._file.seek(0)
            self._rest = b""
            lost = [_note("the event file was cut short: some of what happened is not known")]
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        return lost + [_event(line) for line in lines]

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _event(line: bytes) -> Event:
    try:
        return Event.from_line(line.decode())
    except ValueError:
        return _note("the event file has a line that is no event: some of what happened is not known")


def _note(message: str) -> Event:
    return Event(
        time_s=time.time(),
        monotonic_s=time.monotonic(),
        level=0,
        phase=Phase.CREATE,
        state=State.NOTE,
        message=message,
    )
