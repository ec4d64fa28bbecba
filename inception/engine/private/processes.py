"""Ending processes, each checked to be the right one at the moment it is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from inception.errors import EngineError

_PROC = Path("/proc")
_KILL_TIMEOUT_S = 10.0
_POLL_S = 0.01


def with_argument(paths: Iterable[Path]) -> Iterator[int]:
    """The processes, but for this one, that have one of `paths` as a word of their command line."""
    wanted = {os.fsencode(path) for path in paths}
    for entry in _PROC.iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid() and not wanted.isdisjoint(_words(entry)):
            yield int(entry.name)


def _words(process: Path) -> list[bytes]:
    try:
        return (process / "cmdline").read_bytes().split(b"\0")
    except OSError:  # It ended meanwhile.
        return []


def kill_until_none(find: Callable[[], Collection[int]]) -> None:
    """Kill what `find` finds until it finds nothing. Raises EngineError if something lives on for 10 seconds.

    It takes more than one round: whoever is killed may just have started another.
    """

    def kill_round() -> Collection[int]:
        found = find()
        # The oldest first: the first one of a PID namespace takes all others along, before one notices another's end.
        for process in sorted(found):
            _kill(process, find)
        return found

    attempts = Retrying(retry=retry_if_result(bool), stop=stop_after_delay(_KILL_TIMEOUT_S), wait=wait_fixed(_POLL_S))
    try:
        attempts(kill_round)
    except RetryError as error:
        left = ", ".join(map(str, error.last_attempt.result()))
        raise EngineError(f"processes {left} of the private engine do not end", remedy="look why") from error


def _kill(process: int, find: Callable[[], Collection[int]]) -> None:
    """Kill one process, unless its number has gone to another since it was found."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return
    try:
        if process in find():
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        os.close(descriptor)
