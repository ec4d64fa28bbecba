"""Appends the events of one level to the chain's event file, which the client follows."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from inception.level.failure import LevelFailure, explain
from inception.linux import files, flock
from inception.plan.events import Event, Phase, State
from inception.plan.light_dataclasses import replace
from inception.plan.paths import RunDirectory, previous_log

_TAIL_LINES = 12
_TAIL_BYTES = 512 * 1024
"""Bytes of a log that are looked through: more than a log may have before it is rotated."""
_USAGE = "Usage:"
"""The beginning of what a program prints after a wrong option: all options that it has."""
_CRASH = ("runtime: ", "runtime/cgo: ", "fatal error: ", "panic: ")


class EventLog:
    """Appends events of level `number`, each by one write(2) of a whole line on an O_APPEND descriptor."""

    def __init__(self, paths: RunDirectory, number: int) -> None:
        self._paths = paths
        self._number = number
        self.unreported: Event | None = None
        """The first failure that could not be written: of this level, or of the event file itself."""
        self._descriptor = files.open_regular(Path(paths.events), os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(
        self,
        phase: Phase,
        state: State,
        *,
        level: int | None = None,
        seconds: float | None = None,
        message: str | None = None,
        remedy: str | None = None,
        log_tail: tuple[str, ...] = (),
    ) -> float:
        """Append one event, of this level unless `level` says another; return its time on CLOCK_MONOTONIC, in seconds.

        Raises LevelFailure where it cannot be written and somebody may be waiting for it. Failures and notes are kept
        in `unreported` instead, so that a full disk does not keep a level from unwinding.
        """
        event = Event(
            time_s=time.time(),
            monotonic_s=time.monotonic(),
            level=self._number if level is None else level,
            phase=phase,
            state=state,
            seconds=seconds,
            message=message,
            remedy=remedy,
            log_tail=log_tail,
        )
        try:
            self._append(event.to_line().encode())
        except OSError as error:
            reason = f"nothing can be written to {self._paths.events}: {error.strerror}"
            failure = event if state is State.FAIL else replace(event, state=State.FAIL, message=reason)
            self.unreported = self.unreported or failure
            if state in {State.BEGIN, State.END} and phase is not Phase.UNWIND:
                raise LevelFailure(reason) from error
        return event.monotonic_s

    def _append(self, line: bytes) -> None:
        # A disk that is nearly full takes the beginning of a line.
        if os.write(self._descriptor, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def await_followers(self, limit_s: float) -> None:
        """Wait until nobody follows the event file, which its lock tells, `limit_s` seconds at most."""
        with suppress(OSError):
            flock.take_within(self._descriptor, flock.Mode.EXCLUSIVE, limit_s)

    def note(self, phase: Phase, message: str) -> None:
        """Append a note: something that the user should know, though nothing failed."""
        self.write(phase, State.NOTE, message=message)

    @contextmanager
    def phase(self, phase: Phase, *, level: int | None = None, log: str = "runner") -> Iterator[None]:
        """Report the begin and the end of a phase, or its failure with the tail of this level's `log`.

        Raises LevelFailure in place of the error that ended the phase. That of an inner phase is reported already.
        """
        # The event's own time: a phase within another one must not seem to end later where a write was slow.
        begun_s = self.write(phase, State.BEGIN, level=level)
        try:
            yield
        except LevelFailure:
            raise
        except Exception as error:
            reason, remedy = explain(error)
            self.write(
                phase,
                State.FAIL,
                level=level,
                seconds=time.monotonic() - begun_s,
                message=reason,
                remedy=remedy,
                log_tail=tail(Path(self._paths.log(self._number, log))),
            )
            raise LevelFailure(reason) from error
        self.write(phase, State.END, level=level, seconds=time.monotonic() - begun_s)


def tail(log: Path) -> tuple[str, ...]:
    """Return the last lines of a log and of its older part, oldest first; none if there is no such log.

    A program in Go that crashes first reports why, and then all its threads: the lines from the former on are returned.
    Of one that names a wrong option, and then all that it has, the lines up to the former.
    """
    lines: list[str] = []
    for part in (previous_log(log), log):
        with suppress(OSError):
            lines += files.read_end(part, _TAIL_BYTES).decode(errors="replace").splitlines()
    crash = next((number for number, line in enumerate(lines) if line.startswith(_CRASH)), None)
    if crash is not None:
        return tuple(lines[crash : crash + _TAIL_LINES])
    usage = next((number for number, line in enumerate(lines) if line.startswith(_USAGE)), None)
    return tuple(lines[:usage][-_TAIL_LINES:])
