"""The window of the command's terminal, kept as large as that of the user's."""

from __future__ import annotations

import time
from typing import Protocol

from inception.chain.session.terminal import RawTerminal, Size
from inception.errors import EngineError

_RESIZE_RETRY_S = 0.05


class Resizable(Protocol):
    """A command whose terminal can be resized."""

    def resize(self, size: Size) -> None:
        """Set the size of the command's terminal. Raises EngineError."""


class WindowFollower:
    """Resizes the window of a command from `start` to `stop`; `size` is the one that it begins with.

    `retry_at_s` is when to call `follow` again, in seconds of time.monotonic(), or None.
    """

    def __init__(self, command: Resizable, terminal: RawTerminal | None, size: Size | None) -> None:
        self._command = command
        self._terminal = terminal
        self._size = size
        self._started = False
        self.retry_at_s: float | None = None

    def start(self) -> None:
        """Follow the size from now on: the command runs."""
        self._started = True
        self.follow()

    def stop(self) -> None:
        """Leave the size as it is from now on: the command's output has ended."""
        self._started = False
        self.retry_at_s = None

    def follow(self) -> None:
        """Give the command's window the size of the user's if that has changed."""
        self.retry_at_s = None
        size = self._terminal.size if self._terminal and self._started else None
        if size is None or size == self._size:
            return
        try:
            self._command.resize(size)
        except EngineError:
            self.retry_at_s = time.monotonic() + _RESIZE_RETRY_S
        else:
            self._size = size

    def follow_when_due(self) -> None:
        """Try again if the last try failed and its pause is over."""
        if self.retry_at_s is not None and time.monotonic() >= self.retry_at_s:
            self.follow()
