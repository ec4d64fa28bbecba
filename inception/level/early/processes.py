"""Processes of daemons. Each gets a session of its own, so that Ctrl-C in a shell of this level does not reach it."""

from __future__ import annotations

import os
import resource
import select
import subprocess
from contextlib import suppress
from pathlib import Path


class Daemon:
    """A daemon and its process."""

    def __init__(self, name: str, process: subprocess.Popen[bytes]) -> None:
        self.name = name
        self.process = process

    def stop(self, timeout_s: float) -> bool:
        """Send SIGTERM, and SIGKILL after `timeout_s` seconds; return whether it ended by itself."""
        self.process.terminate()
        ended = self._ends_within(timeout_s)
        if not ended:
            self.process.kill()
        self.process.wait()
        return ended

    def _ends_within(self, timeout_s: float) -> bool:
        """Wait until it ends, and return at once then: Popen's own wait looks only every now and then."""
        if self.process.poll() is not None:
            return True
        try:
            descriptor = os.pidfd_open(self.process.pid)
        except ProcessLookupError:  # Another thread waits for it, too, and has just seen its end.
            return True
        try:
            return bool(select.select([descriptor], [], [], timeout_s)[0])
        finally:
            os.close(descriptor)


def start_daemon(name: str, command: list[str], log: Path | None) -> Daemon:
    """Start a daemon that writes to `log`, or without one to this process's standard error. Raises OSError."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    descriptor = os.dup(2) if log is None else os.open(log, flags, 0o600)
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
            # dockerd then leaves AppArmor alone: a container has no way to load profiles.
            env={**os.environ, "container": "docker"},
        )
    finally:
        os.close(descriptor)
    _raise_open_files(process.pid)
    return Daemon(name, process)


def _raise_open_files(process: int) -> None:
    """Raise a daemon's limit of open files to the greatest that this container has: many containers need many."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with suppress(ProcessLookupError):  # It has ended already, as `wait_for_socket` reports.
        resource.prlimit(process, resource.RLIMIT_NOFILE, (hard, hard))
