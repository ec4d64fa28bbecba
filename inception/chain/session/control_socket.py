"""Where programs in the levels ask the client for what only it can do: it holds the terminal.

A unix socket in the run directory, which every level sees at the same path, for one line each way.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

from inception.errors import InceptionError, Interrupted
from inception.plan.chain import ChainPlan

_PATIENCE_S = 5.0
"""Seconds for a caller to say what it wants: it does so at once, or never."""
_LINE_LIMIT = 4096


class Action(StrEnum):
    """What can be asked for."""

    DESCEND = "descend"
    KICK = "kick"


@dataclass(frozen=True, kw_only=True)
class ControlRequest:
    """What a program in level `level` asks for; `by` is how many levels deeper."""

    action: Action
    level: int
    by: int

    @classmethod
    def from_line(cls, line: bytes) -> ControlRequest:
        """Read one line. Raises ValueError if it is no question."""
        try:
            fields = json.loads(line)
            request = cls(action=Action(fields["ask"]), level=int(fields["level"]), by=int(fields["by"]))
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"not a question: {line!r}") from error
        if request.level < 1 or request.by < 1:
            raise ValueError(f"no such level: {line!r}")
        return request


class ControlSocket:
    """The socket, open while this is entered. `serve` does what is asked for and returns an exit status.

    What it raises is the answer too, but for Interrupted, and for what is no error: they are for our own caller.
    """

    def __init__(self, plan: ChainPlan, serve: Callable[[ControlRequest], int]) -> None:
        self.path = Path(plan.paths.level(0)) / f"c{os.getpid()}"
        self._serve = serve
        self._socket = socket.socket(socket.AF_UNIX)

    def __enter__(self) -> Self:
        self._socket.bind(str(self.path))
        self.path.chmod(0o600)
        self._socket.listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._socket.close()
        self.path.unlink(missing_ok=True)

    def fileno(self) -> int:
        return self._socket.fileno()

    def answer(self) -> None:
        """Let the next one in who waits at the door, and do what it asks for."""
        caller, _ = self._socket.accept()
        with caller:
            caller.settimeout(_PATIENCE_S)
            try:
                with caller.makefile("rb") as words:
                    request = ControlRequest.from_line(words.readline(_LINE_LIMIT))
            except (OSError, ValueError):
                return
            answer = self._answer(request)
            with suppress(OSError):
                caller.sendall(answer)

    def _answer(self, request: ControlRequest) -> bytes:
        try:
            answer: dict[str, object] = {"status": self._serve(request)}
        except Interrupted:
            raise
        except InceptionError as error:
            answer = {"error": str(error)}
        return json.dumps(answer).encode() + b"\n"
