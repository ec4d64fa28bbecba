"""Standard input on its way to a command."""

from __future__ import annotations

import os
from contextlib import suppress

from inception.chain.session.connection import ExecConnection

_CHUNK = 64 * 1024


class Input:
    """Copies the file behind `descriptor` to `connection`, no more at a time than it takes.

    What the command will not take stays in the file, for the program that reads it after us.
    """

    def __init__(self, descriptor: int, connection: ExecConnection) -> None:
        self._descriptor: int | None = descriptor
        self._connection = connection

    @property
    def wanted(self) -> int | None:
        """Descriptor to read from when it polls as readable; None while bytes wait to be sent, and after the end."""
        return None if self._connection.waiting else self._descriptor

    def read(self, descriptor: int) -> bool:
        """Read some from `descriptor` and queue it; return whether more may come."""
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if data:
            self._connection.put(data)
            return True
        self._descriptor = None
        return False

    def send(self) -> None:
        """Send what the connection takes. If the command is gone, read no more."""
        try:
            self._connection.send_some()
        except OSError:
            self._descriptor = None
            self._connection.drop()

    def end(self) -> None:
        """End the command's input. If the command is gone, its output is still to be read."""
        with suppress(OSError):
            self._connection.end()
