"""Processes of daemons. Each gets a session of its own, so that Ctrl-C in a shell of this level does not reach it."""

from __future__ import annotations

import os
import resource
import select
from _thread import allocate_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from subprocess import Popen

# signal(7); `signal` makes enumerations of them, which takes 4 ms.
_SIGKILL, _SIGTERM = 9, 15
_IGNORED_BY_PYTHON = (13, 25)
"""SIGPIPE and SIGXFSZ."""


class SpawnedProcess:
    """A child process, with those methods of `subprocess.Popen` that a daemon needs. Any thread may call them."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        """Exit status, negative for the signal that ended it; None until somebody has seen that it ended."""
        self._reaping = allocate_lock()

    def poll(self) -> int | None:
        """Return the exit status, None while it runs."""
        with self._reaping:
            if self.returncode is None:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
            return self.returncode

    def wait(self) -> int:
        """Wait until it ends; return the exit status."""
        while (status := self.poll()) is None:
            try:
                # Its number stays taken until `poll` reaps it.
                os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
            except ChildProcessError:  # Another thread has just done so.
                continue
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal unless it has ended."""
        with self._reaping:
            if self.returncode is None:
                os.kill(self.pid, number)  # Even if it has ended, its number is its own until it is reaped.

    def hold(self) -> bool:
        """Return whether it runs; then nobody reaps it before `let_go`, not even if it ends."""
        self._reaping.acquire()
        if self.returncode is None:
            return True
        self._reaping.release()
        return False

    def let_go(self) -> None:
        """Have its end noticed again."""
        self._reaping.release()

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(_SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(_SIGKILL)


class Daemon:
    """A daemon and its process."""

    def __init__(self, name: str, process: SpawnedProcess | Popen[bytes]) -> None:
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


def start_daemon(
    name: str, command: list[str], log: str | os.PathLike[str] | None, environment: Mapping[str, str] | None = None
) -> Daemon:
    """Start a daemon that writes to `log`, or without one to this process's standard error. Raises OSError.

    It gets this process's environment, and that of `environment` over it.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    descriptor = os.dup(2) if log is None else os.open(log, flags, 0o600)
    try:
        pid = os.posix_spawnp(
            command[0],
            command,
            # dockerd then leaves AppArmor alone: a container has no way to load profiles.
            {**os.environ, "container": "docker", **(environment or {})},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, descriptor, 1),
                (os.POSIX_SPAWN_DUP2, descriptor, 2),
            ],
            setsid=True,
            setsigdef=_IGNORED_BY_PYTHON,
        )
    finally:
        os.close(descriptor)
    _raise_open_files(pid)
    return Daemon(name, SpawnedProcess(pid))


def _raise_open_files(process: int) -> None:
    """Raise a daemon's limit of open files to the greatest that this container has: many containers need many."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        resource.prlimit(process, resource.RLIMIT_NOFILE, (hard, hard))
    except ProcessLookupError:  # It has ended already, as `wait_for_socket` reports.
        pass
