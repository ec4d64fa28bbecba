"""One command in the foreground: it has the terminal, gets the signals that we get, and gives its exit status."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType

EXIT_NOT_EXECUTABLE = 126
EXIT_NOT_FOUND = 127
_SIGNAL_BASE = 128
_FORWARDED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


class CannotRun(Exception):
    """The command is not there, or is no program; `status` is what a shell would give."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def run_in_foreground(command: Sequence[str], *, grace_s: float) -> int:
    """Run `command` to its end; returns its status as a shell does. Raises CannotRun.

    SIGTERM ends it: `grace_s` seconds later it is killed.
    """
    foreground = _Foreground(grace_s)
    try:
        status = foreground.run(command)
    except FileNotFoundError as error:
        raise CannotRun(f"{command[0]}: not found", EXIT_NOT_FOUND) from error
    except OSError as error:
        raise CannotRun(f"{command[0]}: {error.strerror}", EXIT_NOT_EXECUTABLE) from error
    return status if status >= 0 else _SIGNAL_BASE - status


class _Foreground:
    """The command's process, if it runs, and the signals on their way to it."""

    def __init__(self, grace_s: float) -> None:
        self._grace_s = grace_s
        self._process: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []

    def run(self, command: Sequence[str]) -> int:
        """Run it to its end; returns what `Popen.wait` does. Raises OSError where it cannot start."""
        for number in _FORWARDED:
            signal.signal(number, self._on_signal)
        # A process group of its own: what is typed at a terminal then reaches it alone.
        self._process = subprocess.Popen(command, process_group=0)
        if os.isatty(0):
            self._hand_over_terminal(self._process.pid)
        for early in self._early:
            self._forward(early)
        return self._process.wait()

    @staticmethod
    def _hand_over_terminal(group: int) -> None:
        with suppress(OSError):  # The terminal may have gone.
            os.tcsetpgrp(0, group)
        with suppress(ProcessLookupError):
            # It may have read from the terminal before that was its own, and was stopped for it (SIGTTIN).
            os.killpg(group, signal.SIGCONT)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._process is None:
            self._early.append(number)
        else:
            self._forward(number)

    def _forward(self, number: int) -> None:
        self._send(number)
        if number == signal.SIGTERM:
            if os.isatty(0):
                # An interactive shell passes over SIGTERM. This is what it gets when its terminal goes, as this one
                # does.
                self._send(signal.SIGHUP)
            killer = threading.Timer(self._grace_s, self._send, (signal.SIGKILL,))
            killer.daemon = True
            killer.start()

    def _send(self, number: int) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
