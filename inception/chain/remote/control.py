"""Take the requests of `descend` and `kick` on a remote engine's machine, and pass them to the control socket here."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from inception.chain.level_engines import level_client
from inception.chain.remote.program import RemoteProgram
from inception.errors import EngineError
from inception.plan.chain import ChainPlan
from inception.plan.protocol import LISTENING, Program

_END_LIMIT_S = 5.0


@contextmanager
def control_socket_in_level_1(plan: ChainPlan, path: Path) -> Iterator[None]:
    """Inside, pass requests that come at `path` in level 1 to the socket at `path` here. Raises EngineError."""
    ours, theirs = socket.socketpair()
    with (
        ours,
        theirs,
        level_client(plan, 0) as client,
        closing(RemoteProgram(client, plan, Program.LISTEN, str(path))) as program,
    ):
        if next(program.output(), b"") != LISTENING:
            raise EngineError(f"level 1 of chain {plan.name} cannot take requests: {program.failure()}")
        forwarder = threading.Thread(target=_Forwarder(program, path, theirs).run, name="requests", daemon=True)
        forwarder.start()
        try:
            yield
        finally:
            ours.close()
            forwarder.join(_END_LIMIT_S)


class _Forwarder:
    """Passes on the requests that `program` prints, until the other end of `stop` is closed."""

    def __init__(self, program: RemoteProgram, path: Path, stop: socket.socket) -> None:
        self._program = program
        self._path = path
        self._stop = stop
        self._asked: dict[int, tuple[bytes, socket.socket]] = {}
        """By descriptor: connections to the control socket here, with the number of the request."""

    def run(self) -> None:
        """Pass on requests and replies. The level may be gone before we are told to stop."""
        rest = b""
        others = {self._stop.fileno()}
        with suppress(OSError, ValueError):
            while (data := self._program.receive()) != b"":
                if data is not None:
                    *lines, rest = (rest + data).split(b"\n")
                    for line in lines:
                        self._ask(line)
                    continue
                for descriptor in self._program.wait(*others, *self._asked):
                    if descriptor in others:
                        others.clear()
                        self._program.connection.end()
                    else:
                        self._answer(descriptor)

    def _ask(self, line: bytes) -> None:
        number, _, request = line.partition(b" ")
        here = socket.socket(socket.AF_UNIX)
        try:
            here.connect(str(self._path))
            here.sendall(request + b"\n")
        except OSError:
            here.close()
            self._reply(number, b"")
        else:
            self._asked[here.fileno()] = number, here

    def _answer(self, descriptor: int) -> None:
        number, here = self._asked.pop(descriptor)
        with here, here.makefile("rb") as stream:
            self._reply(number, stream.readline())

    def _reply(self, number: bytes, reply: bytes) -> None:
        self._program.connection.put(number + b" " + reply.rstrip(b"\n") + b"\n")
        self._program.connection.send_some()
