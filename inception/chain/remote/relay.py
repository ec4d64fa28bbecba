"""Run a helper program of the payload in level 1 of a remote chain, and tunnel connections through one."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import PurePosixPath
from typing import Literal

import docker

from inception.chain.session.connection import ExecConnection, open_exec_connection
from inception.chain.session.streams import STDOUT, Demultiplexer
from inception.engine.translate import translated
from inception.plan.chain import ChainPlan
from inception.plan.protocol import Program

_HIGH_WATER_MARK = 256 * 1024
"""Bytes waiting to be sent one way at which no more are taken from the other."""


class RemoteProgram:
    """`inception.level.programs.relay WHAT PATH`, which runs until it ends or `close` is called.

    `errors` is what it has written to standard error. The constructor raises EngineError if it cannot be started.
    """

    def __init__(
        self,
        client: docker.APIClient,
        plan: ChainPlan,
        what: Literal["hold", "follow", "connect"],
        path: PurePosixPath,
    ) -> None:
        with translated(f"the relay in level 1 of chain {plan.name}"):
            exec_id = client.exec_create(
                plan.level(1).container,
                ["python3", "-m", Program.RELAY, what, str(path)],
                stdin=True,
                environment={"PYTHONPATH": str(plan.paths.payload)},
            )["Id"]
            self.connection = open_exec_connection(client, exec_id, terminal=False)
        self._demultiplexer = Demultiplexer()
        self.errors = b""

    def output(self) -> Iterator[bytes]:
        """Yield its standard output as it comes, until it ends. Raises OSError, or BadFrame."""
        poll = select.poll()
        poll.register(self.connection, select.POLLIN)
        while (data := self.receive()) != b"":
            if data is not None:
                yield data
            elif not self.connection.readable:
                poll.poll()

    def receive(self) -> bytes | None:
        """Return its next standard output: None if nothing has come, empty at the end. Raises OSError, or BadFrame."""
        output = b""
        while not output:
            data = self.connection.receive()
            if not data:
                return data
            for stream, part in self._demultiplexer.feed(data):
                if stream == STDOUT:
                    output += part
                else:
                    self.errors += part
        return output

    def close(self) -> None:
        """Close the connection, at which the program's standard input ends."""
        self.connection.close()


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
