"""A program of the payload that runs in level 1 for us, and connections that lead through one."""

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
    """`inception.level.programs.relay`, running from the start of this object until it ends or `close` is called.

    Raises EngineError if it cannot be started.
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
        """What it says on standard output, as it comes, until it ends. Raises OSError, or BadFrame."""
        poll = select.poll()
        poll.register(self.connection, select.POLLIN)
        while (data := self.receive()) != b"":
            if data is not None:
                yield data
            elif not self.connection.readable:
                poll.poll()

    def receive(self) -> bytes | None:
        """What has come of its standard output: None if nothing has, empty at the end. Raises OSError, or BadFrame."""
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
        """Break the connection to it, at which its standard input ends."""
        self.connection.close()


def tunnel(connection: socket.socket, program: RemoteProgram) -> None:
    """Pass on what comes, both ways, until both have ended or one of them is gone; both are closed then."""
    with closing(program), closing(ExecConnection(connection)) as near, suppress(OSError, ValueError):
        _Tunnel(near, program).run()


class _Tunnel:
    """Between `near`, a connection of somebody here, and the far end of `program`."""

    def __init__(self, near: ExecConnection, program: RemoteProgram) -> None:
        self._near = near
        self._program = program
        self._far = program.connection
        self._near_speaks = True
        self._far_speaks = True

    def run(self) -> None:
        while self._far_speaks or self._near.waiting:
            ready = self._poll()
            if ready.get(self._near.fileno(), 0) & (select.POLLERR | select.POLLHUP) and not self._takes_near():
                return  # Not only has it said all, it does not listen either.
            self._pass_inward()
            self._pass_outward()

    def _takes_near(self) -> bool:
        return self._near_speaks and self._far.waiting < _HIGH_WATER_MARK

    def _takes_far(self) -> bool:
        return self._far_speaks and self._near.waiting < _HIGH_WATER_MARK

    def _poll(self) -> dict[int, int]:
        poll = select.poll()
        # With an empty mask, too: then it is only said whether the near one hung up.
        poll.register(self._near, _mask(self._near, takes=self._takes_near()))
        if mask := _mask(self._far, takes=self._takes_far()):
            poll.register(self._far, mask)
        at_once = self._takes_far() and self._far.readable
        return dict(poll.poll(0 if at_once else None))

    def _pass_inward(self) -> None:
        if self._takes_near() and (data := self._near.receive()) is not None:
            if data:
                self._far.put(data)
            else:
                self._near_speaks = False
                self._far.end()
        if self._far.waiting:
            self._far.send_some()

    def _pass_outward(self) -> None:
        if self._takes_far() and (data := self._program.receive()) is not None:
            if data:
                self._near.put(data)
            else:
                self._far_speaks = False
        if self._near.waiting:
            self._near.send_some()


def _mask(connection: ExecConnection, *, takes: bool) -> int:
    return (select.POLLIN if takes else 0) | (select.POLLOUT if connection.waiting else 0)
