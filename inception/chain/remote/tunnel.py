"""Tunnel connections to a unix socket here through a program in level 1 of a chain on a remote engine."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from inception.chain.remote.program import RemoteProgram
from inception.chain.session.connection import ExecConnection

_HIGH_WATER_MARK = 256 * 1024
"""Bytes waiting to be sent one way at which no more are taken from the other."""
_OWNER_ONLY = 0o600


class Listener:
    """Listens on a unix socket at `path` and calls `serve` with each connection, in a thread of its own."""

    def __init__(self, path: Path, serve: Callable[[socket.socket], None]) -> None:
        self._path = path
        self._serve = serve
        self._listening = socket.socket(socket.AF_UNIX)
        path.unlink(missing_ok=True)  # Of a mirror process that was killed.
        self._listening.bind(str(path))
        path.chmod(_OWNER_ONLY)
        self._listening.listen()
        self._acceptor = threading.Thread(target=self._accept, name=f"listener {path}", daemon=True)
        self._acceptor.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(connection,), name="tunnel", daemon=True).start()

    def close(self) -> None:
        """Accept no more connections; those that are open go on."""
        self._listening.shutdown(socket.SHUT_RDWR)  # This ends a waiting accept(); close() would not.
        self._acceptor.join()
        self._listening.close()
        self._path.unlink(missing_ok=True)


def tunnel(connection: socket.socket, program: RemoteProgram) -> None:
    """Copy bytes both ways until the program has ended or one side is gone, then close both."""
    with closing(program), closing(ExecConnection(connection)) as near, suppress(OSError, ValueError):
        _Tunnel(near, program).run()


class _Tunnel:
    """Copies between `near`, a connection of a client here, and `program`."""

    def __init__(self, near: ExecConnection, program: RemoteProgram) -> None:
        self._near = near
        self._program = program
        self._far = program.connection
        self._near_sends = True
        self._far_sends = True

    def run(self) -> None:
        """Copy until the program has ended. Raises OSError, or BadFrame."""
        while self._far_sends or self._near.waiting:
            ready = self._poll()
            if ready.get(self._near.fileno(), 0) & (select.POLLERR | select.POLLHUP) and not self._reads_near():
                return  # It has closed, not only ended what it sends.
            self._copy_inward()
            self._copy_outward()

    def _reads_near(self) -> bool:
        return self._near_sends and self._far.waiting < _HIGH_WATER_MARK

    def _reads_far(self) -> bool:
        return self._far_sends and self._near.waiting < _HIGH_WATER_MARK

    def _poll(self) -> dict[int, int]:
        poll = select.poll()
        # With an empty mask, too: poll(2) then reports a hang-up alone.
        poll.register(self._near, _mask(self._near, reads=self._reads_near()))
        if mask := _mask(self._far, reads=self._reads_far()):
            poll.register(self._far, mask)
        at_once = self._reads_far() and self._far.readable
        return dict(poll.poll(0 if at_once else None))

    def _copy_inward(self) -> None:
        if self._reads_near() and (data := self._near.receive()) is not None:
            if data:
                self._far.put(data)
            else:
                self._near_sends = False
                self._far.end()
        if self._far.waiting:
            self._far.send_some()

    def _copy_outward(self) -> None:
        if self._reads_far() and (data := self._program.receive()) is not None:
            if data:
                self._near.put(data)
            else:
                self._far_sends = False
        if self._near.waiting:
            self._near.send_some()


def _mask(connection: ExecConnection, *, reads: bool) -> int:
    return (select.POLLIN if reads else 0) | (select.POLLOUT if connection.waiting else 0)
