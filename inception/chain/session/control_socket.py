"""Control socket on which `descend` and `kick`, run inside a level, send requests to the client.

The client alone holds the terminal. The socket is a unix socket in the run directory, which every level sees at the
same path; each connection carries one line each way (`plan/protocol.py`).
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from inception.errors import InceptionError, Interrupted
from inception.plan.chain import ChainPlan
from inception.plan.protocol import ControlReply, ControlRequest

_REQUEST_TIMEOUT_S = 5.0
"""Seconds for a caller to send its whole request: it does so at once, or never."""
_REPLY_TIMEOUT_S = 5.0
"""Seconds for a caller to take the reply."""
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
        # The file gets the socket's mode (unix(7)). Changed by its path, it could be another file by then.
        os.fchmod(self._socket.fileno(), 0o600)
        self._socket.bind(str(self.path))
        self._socket.listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the socket and remove its path."""
        self._socket.close()
        with suppress(OSError):  # A level sees it, too, and may have removed it.
            self.path.unlink()

    def fileno(self) -> int:
        """Return the listening socket's descriptor, for poll(2)."""
        return self._socket.fileno()

    def answer(self) -> None:
        """Accept one connection, carry out its request and send the reply; hang up on what is no request."""
        caller, _ = self._socket.accept()
        with caller:
            try:
                request = ControlRequest.from_line(_read_line(caller))
            except (OSError, ValueError):
                return
            reply = self._reply(request)
            caller.settimeout(_REPLY_TIMEOUT_S)
            with suppress(OSError):
                caller.sendall(reply.to_line())

    def _reply(self, request: ControlRequest) -> ControlReply:
        try:
            return ControlReply(status=self._serve(request))
        except Interrupted:
            raise
        except InceptionError as error:
            return ControlReply(error=str(error))


def _read_line(caller: socket.socket) -> bytes:
    """Return the line that `caller` sends, without what follows. Raises OSError, TimeoutError if it is not whole soon.

    The session waits meanwhile: so the limit is one for the line, not for each of its bytes.
    """
    deadline_s = time.monotonic() + _REQUEST_TIMEOUT_S
    received = b""
    while b"\n" not in received and len(received) < _LINE_LIMIT:
        caller.settimeout(max(0.001, deadline_s - time.monotonic()))
        part = caller.recv(_LINE_LIMIT)
        if not part or time.monotonic() > deadline_s:
            break
        received += part
    return received[:_LINE_LIMIT].partition(b"\n")[0]
