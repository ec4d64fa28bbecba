"""The user's terminal: raw while a session has it, and afterwards as it was."""

from __future__ import annotations

import os
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from inception.plan.light_dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Size:
    """The size of a terminal's window, in characters."""

    rows: int
    columns: int


class RawTerminal:
    """The terminal behind `descriptor`, raw while this is entered: each key goes to the command, Ctrl-C too.

    The constructor raises termios.error if it is no terminal.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._before = termios.tcgetattr(descriptor)

    def __enter__(self) -> Self:
        """Make the terminal raw."""
        self.make_raw()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Restore the terminal."""
        self.restore()

    def make_raw(self) -> None:
        """Make the terminal raw, again after `restore`."""
        # Not TCSAFLUSH: what was typed ahead is meant for the command.
        tty.setraw(self._descriptor, termios.TCSANOW)

    def restore(self) -> None:
        """Restore the settings of before. Does nothing to a terminal that has hung up."""
        try:
            termios.tcsetattr(self._descriptor, termios.TCSANOW, self._before)
        except termios.error:
            return

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Give the terminal back inside, and make it raw again afterwards."""
        self.restore()
        try:
            yield
        finally:
            self.make_raw()

    @property
    def size(self) -> Size | None:
        """Size of the window, or None if nobody has set it (a serial line says 0 by 0)."""
        try:
            columns, rows = os.get_terminal_size(self._descriptor)
        except OSError:
            return None
        return Size(rows=rows, columns=columns) if rows and columns else None
