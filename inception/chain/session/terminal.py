"""The user's terminal: handed over to the far end byte by byte, and given back as it was."""

from __future__ import annotations

import os
import termios
import tty
from dataclasses import dataclass
from types import TracebackType
from typing import Self


@dataclass(frozen=True, kw_only=True)
class Size:
    """The size of a terminal's window, in characters."""

    rows: int
    columns: int


class RawTerminal:
    """The terminal behind `descriptor`, raw while this is entered: each key goes to the far end, Ctrl-C too.

    Raises termios.error on entering if it is no terminal.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._before = termios.tcgetattr(descriptor)

    def __enter__(self) -> Self:
        self.make_raw()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.restore()

    def make_raw(self) -> None:
        """Make it raw (again). Not TCSAFLUSH: what was typed ahead is meant for the far end."""
        tty.setraw(self._descriptor, termios.TCSANOW)

    def restore(self) -> None:
        """Give it back as it was. Does nothing to one that has hung up."""
        try:
            termios.tcsetattr(self._descriptor, termios.TCSANOW, self._before)
        except termios.error:
            return

    @property
    def size(self) -> Size | None:
        """The window's size, or None where nobody has set it (a serial line says 0 by 0)."""
        try:
            columns, rows = os.get_terminal_size(self._descriptor)
        except OSError:
            return None
        return Size(rows=rows, columns=columns) if rows and columns else None
