"""Kill processes, each checked to be the right one at the moment of the kill."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from inception.errors import EngineError
from inception.linux.process_stat import read_process_stat

_PROC = Path("/proc")
_KILL_TIMEOUT_S = 10.0
_POLL_S = 0.01
_REMEDY = "see what they wait for: ps -o pid,stat,wchan,args -p PID"


def with_argument(paths: Iterable[Path]) -> Iterator[int]:
    """Yield the ids of other processes in this PID namespace that have one of `paths` as an argument.

    A container's processes are visible, too, and an engine of its own has the same paths in other directories.
    """
    arguments = {os.fsencode(path) for path in paths}
    for entry in _PROC.iterdir():
        other = entry.name.isdecimal() and int(entry.name) != os.getpid()
        if other and not arguments.isdisjoint(_arguments(entry)) and _is_beside_us(entry):
            yield int(entry.name)


def _is_beside_us(process: Path) -> bool:
    try:
        return (process / "ns/pid").readlink() == (_PROC / "self/ns/pid").readlink()
    except OSError:  # It ended meanwhile.
        return False


def _arguments(process: Path) -> list[bytes]:
    try:
        return (process / "cmdline").read_bytes().split(b"\0")
    except OSError:  # It ended meanwhile.
        return []


def kill_until_none(find: Callable[[], Collection[int]], let_end: Callable[[], None] = lambda: None) -> None:
    """Kill the processes that `find` returns until it returns none. Raises EngineError after 10 seconds.

    One round may not do: a process may have started another just before it was killed. `let_end` is called after each,
    for killed ones that something keeps from ending.
    """

    def kill_round() -> Collection[int]:
        found = find()
        # The oldest first: with the first process of a PID namespace the kernel kills all others in it, and so none of
        # a level has the time to tell that another one of it is gone.
        for process in sorted(found, key=_age_key):
            _kill(process, find)
        let_end()
        return found

    attempts = Retrying(retry=retry_if_result(bool), stop=stop_after_delay(_KILL_TIMEOUT_S), wait=wait_fixed(_POLL_S))
    try:
        attempts(kill_round)
    except RetryError as error:
        left = ", ".join(map(str, error.last_attempt.result()))
        raise EngineError(f"processes {left} of the private engine do not end", remedy=_REMEDY) from error


def _age_key(process: int) -> tuple[int, int]:
    """Return what sorts processes by their start: ids do not, since the kernel begins anew with low ones."""
    try:
        return read_process_stat(_PROC / str(process)).started, process
    except OSError:  # It ended meanwhile.
        return 0, process


def _kill(process: int, find: Callable[[], Collection[int]]) -> None:
    """Kill one process, unless its id now belongs to another one."""
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
