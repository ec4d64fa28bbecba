"""Use a private engine: start it if need be, and keep it running as long as a client or a level uses it."""

from __future__ import annotations

import os
import select
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO

import inception
from inception.engine.client import open_client
from inception.engine.private.daemons import last_message
from inception.engine.private.layout import EngineDirectory
from inception.engine.private.running_levels import count_running_levels
from inception.engine.private.start_report import StartReport
from inception.engine.private.sweep import sweep
from inception.engine.translate import reason
from inception.errors import EngineError, EngineUnreachable
from inception.linux.flock import Mode, is_free, opened, release, take_within, try_take
from inception.linux.retry import wait_until
from inception.plan.light_dataclasses import dataclass

START_TIMEOUT_S = 150.0
"""Seconds for an engine to start, with both its daemons at their slowest."""
STOP_TIMEOUT_S = 60.0
"""Seconds for an engine to stop, with both its daemons at their slowest."""
_POLL_S = 0.02
_PROGRAMS = ("dockerd", "containerd", "runc", "iptables", "ip", "setsid")
_SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin"
"""Directories of root's programs: not on every user's PATH, and not on root's after `su`."""


@dataclass(frozen=True, kw_only=True)
class MissingRequirement:
    """Requirement that is not met: `why` a private engine cannot start here, and the `remedy`, one line each."""

    why: str
    remedy: str


def missing_for_private() -> MissingRequirement | None:
    """Return the first missing requirement for a private engine, or None."""
    if not sys.platform.startswith("linux"):
        return MissingRequirement(why="needs Linux", remedy="name an engine with DOCKER_HOST")
    if os.geteuid() != 0:
        return MissingRequirement(
            why="needs root", remedy="start Docker, or run this as root, or name an engine with DOCKER_HOST"
        )
    missing = [program for program in _PROGRAMS if shutil.which(program, path=_path()) is None]
    if missing:
        return MissingRequirement(
            why=f"needs {', '.join(missing)}",
            remedy="install them (on Debian: apt-get install docker.io iptables iproute2), "
            "or name an engine with DOCKER_HOST",
        )
    return None


@contextmanager
def private_engine(directory: EngineDirectory, on_message: Callable[[str], None]) -> Iterator[str]:
    """Give the address of the engine in `directory`, started if need be; it stops after its last client and level.

    Raises EngineUnreachable if a requirement is missing here, EngineError if the engine does not start.
    """
    if (missing := missing_for_private()) is not None:
        raise EngineUnreachable(f"a private engine {missing.why}", remedy=missing.remedy)
    _make(directory)
    with opened(directory.users_lock) as users:
        _lock(users, Mode.SHARED, STOP_TIMEOUT_S, "the private engine is still stopping")
        with opened(directory.start_lock) as starting:
            _lock(starting, Mode.EXCLUSIVE, START_TIMEOUT_S, "another client is still starting the private engine")
            if not _runs(directory):
                on_message("starting a private engine")
                _start(directory)
        try:
            yield directory.address
        finally:
            _leave(directory, users)


def takes_clients(directory: EngineDirectory) -> bool:
    """Return whether the engine in `directory` is up and takes new clients."""
    if not directory.ready.exists() or is_free(directory.supervisor_lock):
        return False
    # Another process than its supervisor may have ended its dockerd.
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(directory.socket))
        except OSError:
            return False
    return True


def _make(directory: EngineDirectory) -> None:
    if (socket := directory.too_long_socket()) is not None:
        raise EngineError(
            f"socket path {socket} is too long for the kernel", remedy="use a shorter INCEPTION_STATE_DIR"
        )
    try:
        directory.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.users_lock.touch(mode=0o600)
    except OSError as error:
        raise EngineError(
            f"cannot keep a private engine in {directory.root}: {reason(error)}",
            remedy="name another directory with INCEPTION_STATE_DIR",
        ) from error


def _lock(descriptor: int, mode: Mode, timeout_s: float, otherwise: str) -> None:
    try:
        take_within(descriptor, mode, timeout_s)
    except BlockingIOError as error:
        raise EngineError(f"{otherwise} after {timeout_s:g} s", remedy="see supervisor.log in its directory") from error


def _runs(directory: EngineDirectory) -> bool:
    """Return whether the engine runs, once it has finished starting (by a killed client) or stopping."""

    def settled() -> bool:
        return takes_clients(directory) or is_free(directory.supervisor_lock)

    if not wait_until(settled, limit_s=START_TIMEOUT_S, pause_s=_POLL_S):
        raise EngineError(
            f"the private engine has neither started nor stopped within {START_TIMEOUT_S:g} s",
            remedy=f"see {directory.log('supervisor')}",
        )
    return not is_free(directory.supervisor_lock)


def _start(directory: EngineDirectory) -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as pipe:
        with os.fdopen(writer, "wb") as output, directory.log("supervisor").open("wb") as log:
            subprocess.run(
                # It forks, so that this process is not the supervisor's parent and need not wait for it.
                ("setsid", "--fork", sys.executable, "-m", "inception.engine.private.supervisor", str(directory.root)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                cwd="/",
                env={**os.environ, "PATH": _path(), "PYTHONPATH": _import_path()},
                check=True,
            )
        report = _read_report(pipe, directory)
    if report.failure is not None:
        raise EngineError(report.failure, remedy=report.remedy)


def _read_report(pipe: BinaryIO, directory: EngineDirectory) -> StartReport:
    see = f"see {directory.log('supervisor')}"
    readable, _, _ = select.select([pipe], [], [], START_TIMEOUT_S)
    if not readable:
        return StartReport(failure=f"the private engine did not start within {START_TIMEOUT_S:g} s", remedy=see)
    try:
        return StartReport.from_line(pipe.readline().decode())
    except ValueError:
        message = last_message(directory.log("supervisor"))
        return StartReport(failure=f"the private engine's supervisor ended: {message}", remedy=see)


def _leave(directory: EngineDirectory, users: int) -> None:
    """Release the engine. Its last client waits until it has stopped, unless levels still run in it."""
    last = try_take(users, Mode.EXCLUSIVE)
    in_use = last and _has_running_levels(directory)
    release(users)
    if last and not in_use:
        wait_until(lambda: is_free(directory.supervisor_lock), limit_s=STOP_TIMEOUT_S, pause_s=_POLL_S)
        _sweep_after_killed(directory)


def _has_running_levels(directory: EngineDirectory) -> bool:
    try:
        with closing(open_client(directory.address)) as client:
            return count_running_levels(client) > 0
    except EngineError:
        return False


def _sweep_after_killed(directory: EngineDirectory) -> None:
    """Sweep up after a supervisor that was killed, which left its engine and its changes on the host."""
    with opened(directory.supervisor_lock) as supervisor:
        if try_take(supervisor, Mode.EXCLUSIVE) and directory.host_changes.exists():
            sweep(directory)


def _path() -> str:
    return f"{os.environ.get('PATH', os.defpath)}:{_SYSTEM_PATH}"


def _import_path() -> str:
    """Return a PYTHONPATH with this `inception`, installed or not, valid in any working directory."""
    return os.pathsep.join(filter(None, (str(Path(inception.__file__).parents[1]), os.environ.get("PYTHONPATH"))))
