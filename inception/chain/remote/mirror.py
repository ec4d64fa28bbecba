"""Mirror the run directory of a chain on another machine's engine in one here, at the same path.

Other commands here read its files and connect to its sockets as if the chain ran on this machine.
"""

from __future__ import annotations

import io
import os
import socket
import tarfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import docker

from inception.chain.remote.relay import RemoteProgram, tunnel
from inception.errors import EngineError
from inception.linux import lifeline
from inception.plan.chain import ChainPlan
from inception.plan.events import Event, Phase, State

_OWNER_ONLY = 0o600


class Mirror:
    """Keeps the run directory of `plan` here like the one in level 1 on the engine of `client`."""

    def __init__(self, client: docker.APIClient, plan: ChainPlan) -> None:
        self._client = client
        self._plan = plan
        self._locks = _Locks(plan)
        self._open = ExitStack()

    def fill(self) -> None:
        """Copy the directory here into level 1, which does not run yet. Raises DockerException."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            directory = self._plan.run_directory
            archive.add(directory, arcname=directory.lstrip("/"), filter=_without(self._plan.paths.events))
        self._client.put_archive(self._plan.level(1).container, "/", buffer.getvalue())

    def open(self) -> None:
        """Hold the lifeline in level 1, which runs now, follow events, and open the sockets. Raises EngineError."""
        holder = RemoteProgram(self._client, self._plan, "hold", self._plan.paths.lifeline(0))
        self._open.callback(holder.close)
        clocks = _read_clocks(holder)
        follower = RemoteProgram(self._client, self._plan, "follow", self._plan.paths.events)
        threading.Thread(target=self._follow, args=(follower, clocks), name="mirror events", daemon=True).start()
        for number in range(1, self._plan.depth + 1):
            self._open.callback(_Listener(Path(self._plan.paths.socket(number)), self._tunnel_to(number)).close)

    def close(self) -> None:
        """Free the lifeline, so that the chain ends, and close the sockets. Events are still followed."""
        self._open.close()

    def _follow(self, follower: RemoteProgram, clocks: _Clocks) -> None:
        # It exists: the event that level 1 was created is in it.
        descriptor = os.open(self._plan.paths.events, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        rest = b""
        # No error is reported here: the client also waits for level 1, and learns whether it ended or is out of reach.
        with suppress(OSError, ValueError):
            for part in follower.output():
                *lines, rest = (rest + part).split(b"\n")
                for line in lines:
                    event = clocks.translate(Event.from_line(line.decode()))
                    self._locks.apply(event)
                    os.write(descriptor, event.to_line().encode())
        follower.close()
        os.close(descriptor)
        self._locks.free_all()

    def _tunnel_to(self, number: int) -> Callable[[socket.socket], None]:
        def serve(connection: socket.socket) -> None:
            try:
                program = RemoteProgram(self._client, self._plan, "connect", self._plan.paths.socket(number))
            except EngineError:
                connection.close()  # A socket has no other way to report it.
                return
            tunnel(connection, program)

        return serve


def _without(events: PurePosixPath) -> Callable[[tarfile.TarInfo], tarfile.TarInfo | None]:
    """Return a filter for a tar file that leaves out `events`, and has root own the rest.

    The levels begin an event file of their own, whose events are copied to ours.
    """

    def keep(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if f"/{member.name}" == str(events):
            return None
        return member.replace(uid=0, gid=0, uname="", gname="", deep=False)

    return keep


@dataclass(frozen=True, kw_only=True)
class _Clocks:
    """Offsets of the clocks here from those there, in seconds."""

    time_s: float
    monotonic_s: float

    def translate(self, event: Event) -> Event:
        """Return `event`, which has times of there, with times of here."""
        return replace(event, time_s=event.time_s + self.time_s, monotonic_s=event.monotonic_s + self.monotonic_s)


def _read_clocks(holder: RemoteProgram) -> _Clocks:
    """Wait until the program that holds the lifeline has printed its clocks. Raises EngineError."""
    printed = b""
    for part in holder.output():
        printed += part
        if printed.endswith(b"\n"):
            time_s, monotonic_s = map(float, printed.split())
            return _Clocks(time_s=time.time() - time_s, monotonic_s=time.monotonic() - monotonic_s)
    reason = holder.errors.decode(errors="replace").strip().splitlines()
    raise EngineError(
        f"cannot take the lock of level 1 through the engine: {reason[-1] if reason else 'the level is gone'}"
    )


class _Listener:
    """Listens on a unix socket at `path` and calls `serve` with each connection, in a thread of its own."""

    def __init__(self, path: Path, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        path.chmod(_OWNER_ONLY)
        self._listening.listen()
        self._acceptor = threading.Thread(target=self._accept, name=f"mirror {path}", daemon=True)
        self._acceptor.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(connection,), name="mirror connection", daemon=True).start()

    def close(self) -> None:
        """Accept no more connections; those that are open go on."""
        self._listening.shutdown(socket.SHUT_RDWR)  # This ends a waiting accept(); close() would not.
        self._acceptor.join()
        self._listening.close()


class _Locks:
    """Holds here the locks that the runners hold there, so that commands here see which levels live."""

    def __init__(self, plan: ChainPlan) -> None:
        self._plan = plan
        self._alive: dict[int, int] = {}
        self._lifelines: dict[int, int] = {}

    def apply(self, event: Event) -> None:
        """Take or free the locks that the level of `event` has taken or freed."""
        number = event.level
        if (event.phase, event.state) == (Phase.READY, State.END):
            self._alive[number] = lifeline.hold(Path(self._plan.paths.alive(number)))
            lifeline.mark_ready(self._alive[number])
            self._lifelines[number] = lifeline.hold(Path(self._plan.paths.lifeline(number)))
        elif event.phase is Phase.UNWIND:
            _free(self._lifelines, number)
            if event.state is State.END:
                _free(self._alive, number)

    def free_all(self) -> None:
        """Free all locks."""
        for held in (self._lifelines, self._alive):
            for number in list(held):
                _free(held, number)


def _free(held: dict[int, int], number: int) -> None:
    if (descriptor := held.pop(number, None)) is not None:
        os.close(descriptor)
