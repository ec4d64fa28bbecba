"""Report what happens in the run directory to a client on another machine, which sees none of its files.

`python -m inception.level.programs.watch hold|watch RUN_DIRECTORY`, run in level 1 and connected by standard streams.
The reports on standard output are those of `plan/formats/mirroring.py`.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from inception.linux import flock, lifeline
from inception.plan.formats.mirroring import CaughtUp, Clocks, FileChange, LockChange, Report
from inception.plan.paths import LOGGED_PROGRAMS, RunDirectory, previous_log

_CHUNK = 64 * 1024
_POLL_S = 0.01
_IDLE_POLL_S = 0.05
_IDLE_AFTER_S = 10.0
"""Seconds without an event after which the event file is read less often."""
_FULL_EVERY = 20
"""Polls of the event file after which locks and logs are read even if no event has come."""


def main() -> None:
    """Watch the directory that the second argument names; with `hold`, hold the client's lifeline meanwhile.

    The engine closes standard input when it loses the client. The lifeline is released then, so that the chain ends,
    which is reported. Without a lifeline nobody is interested any more, and this program ends.
    """
    what, directory = sys.argv[1:]
    paths = RunDirectory(root=PurePosixPath(directory))
    held = lifeline.hold(Path(paths.lifeline(0))) if what == "hold" else None
    threading.Thread(target=_await_end_of_input, args=(held,), daemon=True).start()
    watch(Watched(paths), _send)


def watch(watched: Watched, send: Callable[[Report], None]) -> None:
    """Send the clocks, then what changes in `watched`, until the directory is removed."""
    send(Clocks(time.time(), time.monotonic()))
    polls, last_s = 0, time.monotonic()
    while True:
        events = watched.events()
        if events or polls % _FULL_EVERY == 0:
            # An event follows from what it tells of, so those changes are sent before it.
            for change in watched.locks_and_logs():
                send(change)
        if events:
            last_s = time.monotonic()
            send(events)
        elif not watched.exists:
            return
        if polls == 0:
            send(CaughtUp())
        polls += 1
        time.sleep(_POLL_S if time.monotonic() - last_s < _IDLE_AFTER_S else _IDLE_POLL_S)


class Watched:
    """The run directory at `paths`, compared with what was last read there."""

    def __init__(self, paths: RunDirectory) -> None:
        self._paths = paths
        # Open from the start, so that the last events are read even where level 1 has removed the directory.
        self._events = flock.open_file(Path(paths.events))
        # Level 1 waits for those that hold it before it ends, and they with it.
        flock.take(self._events, flock.Mode.SHARED)
        self._begun = False
        self._sizes: dict[PurePosixPath, int] = {}
        self._stamps: dict[PurePosixPath, tuple[int, int]] = {}
        self._locks: dict[PurePosixPath, LockChange] = {}

    @property
    def exists(self) -> bool:
        """Whether the directory is still there."""
        return Path(self._paths.root).is_dir()

    def events(self) -> FileChange | None:
        """Return what has been appended to the event file, None if nothing."""
        data = b""
        while part := os.read(self._events, _CHUNK):
            data += part
        if not data:
            return None
        whole, self._begun = not self._begun, True
        return FileChange(self._name(self._paths.events), whole=whole, data=data)

    def locks_and_logs(self) -> Iterator[LockChange | FileChange]:
        """Yield the locks that changed, then the changes of logs."""
        levels = self._levels()
        found = {path: self._lock(path) for number in levels for path in self._lock_files(number)}
        gone = {path: LockChange(it.path, held=False, ready=False) for path, it in self._locks.items() if it.held}
        for path, lock in {**gone, **found}.items():
            if self._locks.get(path) != lock:
                self._locks[path] = lock
                yield lock
        for log in (self._paths.log(number, program) for number in levels for program in LOGGED_PROGRAMS):
            # The older part first: a log is copied there before it is truncated.
            for change in (self._replaced(PurePosixPath(previous_log(Path(log)))), self._appended(log)):
                if change is not None:
                    yield change

    def _levels(self) -> list[int]:
        try:
            with os.scandir(self._paths.root) as entries:
                return sorted(int(it.name) for it in entries if it.name.isdecimal() and it.name != "0")
        except FileNotFoundError:
            return []

    def _lock_files(self, number: int) -> tuple[PurePosixPath, PurePosixPath]:
        return self._paths.lifeline(number), self._paths.alive(number)

    def _lock(self, path: PurePosixPath) -> LockChange:
        file = Path(path)
        return LockChange(self._name(path), held=lifeline.is_held(file), ready=lifeline.is_ready(file))

    def _appended(self, path: PurePosixPath) -> FileChange | None:
        known = self._sizes.get(path, 0)
        with suppress(FileNotFoundError), Path(path).open("rb", buffering=0) as file:
            if (size := os.fstat(file.fileno()).st_size) != known:
                start = file.seek(known if size > known else 0)
                data = file.read()
                self._sizes[path] = start + len(data)
                return FileChange(self._name(path), whole=start == 0, data=data)
        return None

    def _replaced(self, path: PurePosixPath) -> FileChange | None:
        with suppress(FileNotFoundError):
            found = Path(path).stat()
            if (stamp := (found.st_size, found.st_mtime_ns)) != self._stamps.get(path):
                self._stamps[path] = stamp
                return FileChange(self._name(path), whole=True, data=Path(path).read_bytes())
        return None

    def _name(self, path: PurePosixPath) -> str:
        return str(path.relative_to(self._paths.root))


def _send(report: Report) -> None:
    sys.stdout.buffer.write(report.to_line())
    sys.stdout.buffer.flush()


def _await_end_of_input(held: int | None) -> None:
    while os.read(0, _CHUNK):
        pass
    if held is None:
        os._exit(0)
    os.close(held)


if __name__ == "__main__":
    main()
