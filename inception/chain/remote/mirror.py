"""A chain on an engine far away: its run directory there, and one here that shows the same.

Whoever is here looks at files and connects to sockets at the paths of the plan, as if the chain stood on this machine.
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
from pathlib import Path

import docker

from inception.chain.remote.relay import RemoteProgram, tunnel
from inception.errors import EngineError
from inception.linux import lifeline
from inception.plan.chain import ChainPlan
from inception.plan.events import Event, Phase, State

_OWNER_ONLY = 0o600


class Mirror:
    """The run directory of `plan`, here, and the one in level 1 on the engine of `client`."""

    def __init__(self, client: docker.APIClient, plan: ChainPlan) -> None:
        self._client = client
        self._plan = plan
        self._presence = _Presence(plan)
        self._open = ExitStack()

    def fill(self) -> None:
        """Put what is in the directory here into that of level 1, which does not run yet. Raises DockerException."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            directory = self._plan.run_directory
            archive.add(directory, arcname=directory.lstrip("/"), filter=self._carried)
        self._client.put_archive(self._plan.level(1).container, "/", buffer.getvalue())

    def _carried(self, member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if f"/{member.name}" == str(self._plan.paths.events):
            return None  # What the levels add to their own comes back to ours.
        return member.replace(uid=0, gid=0, uname="", gname="", deep=False)

    def open(self) -> None:
        """Take hold of level 1, which runs now, and show here what happens there. Raises EngineError."""
        holder = RemoteProgram(self._client, self._plan, "hold", self._plan.paths.lifeline(0))
        self._open.callback(holder.close)
        clocks = _read_clocks(holder)
        follower = RemoteProgram(self._client, self._plan, "follow", self._plan.paths.events)
        threading.Thread(target=self._follow, args=(follower, clocks), name="mirror events", daemon=True).start()
        for number in range(1, self._plan.depth + 1):
            self._open.callback(_Socket(Path(self._plan.paths.socket(number)), self._to(number)).close)

    def close(self) -> None:
        """Let the chain end, and lead nobody to its levels any more. What still happens there is shown."""
        self._open.close()

    def _follow(self, follower: RemoteProgram, clocks: _Clocks) -> None:
        # It is there: that level 1 was created stands in it.
        descriptor = os.open(self._plan.paths.events, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        rest = b""
        # However the connection ends, level 1 is then waited for, which tells whether it is gone or cannot be reached.
        with suppress(OSError, ValueError):
            for part in follower.output():
                *lines, rest = (rest + part).split(b"\n")
                for line in lines:
                    event = clocks.translate(Event.from_line(line.decode()))
                    self._presence.after(event)
                    os.write(descriptor, event.to_line().encode())
        follower.close()
        os.close(descriptor)
        self._presence.end()

    def _to(self, number: int) -> Callable[[socket.socket], None]:
        def lead(connection: socket.socket) -> None:
            try:
                program = RemoteProgram(self._client, self._plan, "connect", self._plan.paths.socket(number))
            except EngineError:
                connection.close()  # All that a socket can say.
                return
            tunnel(connection, program)

        return lead


@dataclass(frozen=True, kw_only=True)
class _Clocks:
    """How much later it is by the clocks here than by those there, in seconds."""

    time_s: float
    monotonic_s: float

    def translate(self, event: Event) -> Event:
        return replace(event, time_s=event.time_s + self.time_s, monotonic_s=event.monotonic_s + self.monotonic_s)


def _read_clocks(holder: RemoteProgram) -> _Clocks:
    """Wait until the lifeline is held, of which the clocks are the sign. Raises EngineError."""
    said = b""
    for part in holder.output():
        said += part
        if said.endswith(b"\n"):
            time_s, monotonic_s = map(float, said.split())
            return _Clocks(time_s=time.time() - time_s, monotonic_s=time.monotonic() - monotonic_s)
    reason = holder.errors.decode(errors="replace").strip().splitlines()
    raise EngineError(f"level 1 cannot be held from here: {reason[-1] if reason else 'it is gone'}")


class _Socket:
    """A socket at `path`; `lead` is given each connection to it, in a thread of its own."""

    def __init__(self, path: Path, lead: Callable[[socket.socket], None]) -> None:
        self._lead = lead
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        path.chmod(_OWNER_ONLY)
        self._listening.listen()
        self._keeper = threading.Thread(target=self._keep, name=f"mirror {path}", daemon=True)
        self._keeper.start()

    def _keep(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._lead, args=(connection,), name="mirror connection", daemon=True).start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)  # This wakes who waits in accept; closing would not.
        self._keeper.join()
        self._listening.close()


class _Presence:
    """The locks that the runners hold there, held here, for those who look which levels live."""

    def __init__(self, plan: ChainPlan) -> None:
        self._plan = plan
        self._alive: dict[int, int] = {}
        self._lifelines: dict[int, int] = {}

    def after(self, event: Event) -> None:
        """Hold and let go as the level of `event` has done."""
        number = event.level
        if (event.phase, event.state) == (Phase.READY, State.END):
            self._alive[number] = lifeline.hold(Path(self._plan.paths.alive(number)))
            lifeline.mark_ready(self._alive[number])
            self._lifelines[number] = lifeline.hold(Path(self._plan.paths.lifeline(number)))
        elif event.phase is Phase.UNWIND:
            _let_go(self._lifelines, number)
            if event.state is State.END:
                _let_go(self._alive, number)

    def end(self) -> None:
        """Let go of all."""
        for held in (self._lifelines, self._alive):
            for number in list(held):
                _let_go(held, number)


def _let_go(held: dict[int, int], number: int) -> None:
    if (descriptor := held.pop(number, None)) is not None:
        os.close(descriptor)
