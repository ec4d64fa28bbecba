"""Control socket on which `descend` and `kick`, run inside a level, send requests to the client.

The client alone holds the terminal. The socket is a unix socket in the run directory, which every level sees at the
same path; each connection carries one line each way (`plan/protocol.py`).
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from inception.errors import InceptionError, Interrupted
from inception.plan.chain import ChainPlan
from inception.plan.protocol import ControlReply, ControlRequest

_REQUEST_TIMEOUT_S = 5.0
"""Seconds for a caller to send its request: it does so at once, or never."""
_LINE_LIMIT = 4096
"""Greatest length of a request in bytes."""
_NAME_BYTES = 4


class ControlSocket:
    """Listening socket, open while it is entered. `serve` carries out a request and returns an exit status.

    An InceptionError that `serve` raises becomes the reply. Interrupted and all others pass through `answer`.
    """

    def __init__(self, plan: ChainPlan, serve: Callable[[ControlRequest], int]) -> None:
        # No process id: clients in several containers have the same ones.
        self.path = Path(plan.paths.level(0)) / f"c{secrets.token_hex(_NAME_BYTES)}"
        self._serve = serve
        self._socket = socket.socket(socket.AF_UNIX)

    def __enter__(self) -> Self:
        """Bind the socket, for its owner alone, and listen. Raises OSError."""
        self._socket.bind(str(self.path))
        self.path.chmod(0o600)
        self._socket.listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the socket and remove its path."""
        self._socket.close()
        self.path.unlink(missing_ok=True)

    def fileno(self) -> int:
        """Return the listening socket's descriptor, for poll(2)."""
        return self._socket.fileno()

    def answer(self) -> None:
        """Accept one connection, carry out its request and send the reply; hang up on what is no request."""
        caller, _ = self._socket.accept()
        with caller:
            caller.settimeout(_REQUEST_TIMEOUT_S)
            try:
                with caller.makefile("rb") as stream:
                    request = ControlRequest.from_line(stream.readline(_LINE_LIMIT))
            except (OSError, ValueError):
                return
            reply = self._reply(request)
            with suppress(OSError):
                caller.sendall(reply.to_line())

    def _reply(self, request: ControlRequest) -> ControlReply:
        try:
            return ControlReply(status=self._serve(request))
        except Interrupted:
            raise
        except InceptionError as error:
            return ControlReply(error=str(error))
