"""Run a program of the payload in level 1 of a chain on a remote engine."""

from __future__ import annotations

import select
from collections.abc import Iterator
from contextlib import closing

import docker

from inception.chain.session.connection import open_exec_connection
from inception.chain.session.streams import STDOUT, Demultiplexer
from inception.engine.translate import translated
from inception.errors import EngineError
from inception.plan.chain import ChainPlan
from inception.plan.protocol import Program


class RemoteProgram:
    """`python3 -m MODULE ARGUMENTS` in level 1, which runs until it ends or `close` is called.

    `errors` is what it has written to standard error. The constructor raises EngineError if it cannot be started.
    """

    def __init__(self, client: docker.APIClient, plan: ChainPlan, module: Program, *arguments: str) -> None:
        with translated(f"a program in level 1 of chain {plan.name}"):
            exec_id = client.exec_create(
                plan.level(1).container,
                ["python3", "-m", module, *arguments],
                stdin=True,
                environment={"PYTHONPATH": str(plan.paths.payload)},
            )["Id"]
            self.connection = open_exec_connection(client, exec_id, terminal=False)
        self._demultiplexer = Demultiplexer()
        self.errors = b""

    def output(self) -> Iterator[bytes]:
        """Yield its standard output as it comes, until it ends; send meanwhile what waits. Raises OSError, BadFrame."""
        while (data := self.receive()) != b"":
            if data is None:
                self.wait()
            else:
                yield data

    def wait(self, *others: int) -> tuple[int, ...]:
        """Wait until output has come, or descriptors of `others` are readable, which are returned; send what waits.

        Raises OSError.
        """
        while not self.connection.readable:
            poll = select.poll()
            poll.register(self.connection, select.POLLIN | (select.POLLOUT if self.connection.waiting else 0))
            for descriptor in others:
                poll.register(descriptor, select.POLLIN)
            ready = dict(poll.poll())
            ours = ready.pop(self.connection.fileno(), 0)
            if ours & select.POLLOUT:
                self.connection.send_some()
            if ready or ours & ~select.POLLOUT:
                return tuple(ready)
        return ()

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

    def failure(self) -> str:
        """Return why it has ended early: the last line on its standard error."""
        lines = self.errors.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "the level is gone"

    def close(self) -> None:
        """Close the connection, at which the program's standard input ends."""
        self.connection.close()


def run_remotely(client: docker.APIClient, plan: ChainPlan, module: Program, *arguments: str, given: bytes) -> bytes:
    """Run a program with `given` as its standard input; return its output.

    Raises EngineError if it writes to its standard error.
    """
    with closing(RemoteProgram(client, plan, module, *arguments)) as program:
        with translated(f"a program in level 1 of chain {plan.name}"):
            program.connection.put(given)
            program.connection.end()
            output = b"".join(program.output())
        if program.errors:
            raise EngineError(f"a program in level 1 of chain {plan.name}: {program.failure()}")
        return output
