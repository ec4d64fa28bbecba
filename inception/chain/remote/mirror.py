"""Keep a run directory here like the one in level 1 on a remote engine, from the reports of the program `watch`.

Other commands here read its files and connect to its sockets as if the chain ran on this machine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from inception.linux import lifeline
from inception.plan.chain import ChainPlan
from inception.plan.events import Event, Phase, State
from inception.plan.formats.mirroring import CaughtUp, Clocks, FileChange, LockChange, Report
from inception.plan.light_dataclasses import dataclass, replace
from inception.plan.paths import RunDirectory

_OWNER_ONLY = 0o600


class Socket(Protocol):
    """A listening socket."""

    def close(self) -> None:
        """Accept no more connections."""


class Mirror:
    """The run directory of `plan` here. `open_socket` makes the socket of a level once its engine answers."""

    def __init__(self, plan: ChainPlan, open_socket: Callable[[int], Socket]) -> None:
        self._paths = plan.paths
        self._events = _Events(plan.paths)
        self._locks = _Locks()
        self._open_socket = open_socket
        self._sockets: dict[int, Socket] = {}

    def apply(self, report: Report) -> None:
        """Change the directory as `report` says. Raises OSError, or ValueError for an event that is none."""
        match report:
            case Clocks():
                self._events.set_clocks(report)
            case FileChange() if report.path == self._paths.events.name:
                self._events.add(report)
            case FileChange():
                self._change_file(report)
            case LockChange():
                self._change_lock(report)
            case CaughtUp():
                pass

    @property
    def unwound(self) -> bool:
        """Whether level 1 has reported that it unwound, and no level that it failed."""
        return self._events.unwound

    def close(self) -> None:
        """Close the sockets and free the locks."""
        self._locks.free_all()
        for number in list(self._sockets):
            self._sockets.pop(number).close()

    def _change_file(self, change: FileChange) -> None:
        path = Path(self._paths.root / change.path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | (os.O_TRUNC if change.whole else 0)
        # The client removes the directory of a level that is gone.
        with suppress(FileNotFoundError), os.fdopen(os.open(path, flags, _OWNER_ONLY), "wb") as file:
            file.write(change.data)

    def _change_lock(self, change: LockChange) -> None:
        path = self._paths.root / change.path
        number = int(path.parent.name)
        if path == self._paths.alive(number):
            if change.held and change.ready and number not in self._sockets:
                Path(path.parent).mkdir(mode=0o700, exist_ok=True)
                self._sockets[number] = self._open_socket(number)
            if not change.held and number in self._sockets:
                self._sockets.pop(number).close()
        self._locks.change(Path(path), held=change.held, ready=change.ready)


class _Events:
    """The event file, with times by the clocks here. Level 1's creation and start, which the client reports, stay."""

    def __init__(self, paths: RunDirectory) -> None:
        self._path = Path(paths.events)
        self._clocks = _Offsets(time_s=0, monotonic_s=0)
        self._rest = b""
        self._failed = False
        self._ended = False

    @property
    def unwound(self) -> bool:
        return self._ended and not self._failed

    def set_clocks(self, there: Clocks) -> None:
        self._clocks = _Offsets(time_s=time.time() - there.time_s, monotonic_s=time.monotonic() - there.monotonic_s)

    def add(self, change: FileChange) -> None:
        if change.whole:
            self._keep_own()
        *lines, self._rest = (self._rest + change.data).split(b"\n")
        events = [self._clocks.translate(Event.from_line(line.decode())) for line in lines]
        for event in events:
            self._failed |= event.state is State.FAIL
            self._ended |= (event.level, event.phase, event.state) == (1, Phase.UNWIND, State.END)
        with self._path.open("ab", buffering=0) as file:
            file.write("".join(event.to_line() for event in events).encode())

    def _keep_own(self) -> None:
        """Drop the events of an earlier mirror process, all of which come again."""
        lines = self._path.read_bytes().splitlines(keepends=True)
        own = [line for line in lines if _is_of_client(Event.from_line(line.decode()))]
        if own != lines:
            draft = self._path.with_suffix(".new")
            draft.write_bytes(b"".join(own))
            draft.replace(self._path)


def _is_of_client(event: Event) -> bool:
    return event.level == 1 and event.phase in {Phase.CREATE, Phase.START}


@dataclass(frozen=True, kw_only=True)
class _Offsets:
    """Offsets of the clocks here from those there, in seconds."""

    time_s: float
    monotonic_s: float

    def translate(self, event: Event) -> Event:
        """Return `event`, which has times of there, with times of here."""
        return replace(event, time_s=event.time_s + self.time_s, monotonic_s=event.monotonic_s + self.monotonic_s)


class _Locks:
    """Holds here the locks that the runners hold there, so that commands here see which levels live."""

    def __init__(self) -> None:
        self._held: dict[Path, int] = {}

    def change(self, path: Path, *, held: bool, ready: bool) -> None:
        """Take or free the lock at `path`, and mark it ready."""
        if not held:
            if (descriptor := self._held.pop(path, None)) is not None:
                os.close(descriptor)
            return
        if path not in self._held:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            self._held[path] = lifeline.hold(path)
        if ready:
            lifeline.mark_ready(self._held[path])

    def free_all(self) -> None:
        for path in list(self._held):
            self.change(path, held=False, ready=False)
