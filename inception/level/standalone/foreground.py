"""Runs one command in the foreground: it gets the terminal and the signals of this process."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType

from inception.level.mailbox import Mailbox, Message

EXIT_NOT_EXECUTABLE = 126
EXIT_NOT_FOUND = 127
_SIGNAL_BASE = 128
_FORWARDED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


class CannotRun(Exception):
    """The command is missing, or is no program; `status` is the exit status of a shell in this case."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def run_in_foreground(command: Sequence[str], *, grace_s: float) -> int:
    """Run `command` to its end; return its status as a shell does. Raises CannotRun.

    SIGTERM is passed on like other signals, and `grace_s` seconds later the command is killed.
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
    """The process of the command, and the signals that came before it was started."""

    def __init__(self, grace_s: float) -> None:
        self._grace_s = grace_s
        self._process: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []

    def run(self, command: Sequence[str]) -> int:
        """Run `command` to its end; return the status of `Popen.poll`. Raises OSError if it cannot start."""
        # Popen.wait takes no notice of a signal that comes right before it waits.
        mailbox = Mailbox()
        signal.signal(signal.SIGCHLD, lambda *_: mailbox.put(Message.CHILD_ENDED))
        for number in _FORWARDED:
            signal.signal(number, self._on_signal)
        # A process group of its own: Ctrl-C at a terminal then reaches it alone.
        self._process = subprocess.Popen(command, process_group=0)
        if os.isatty(0):
            self._hand_over_terminal(self._process.pid)
        for early in self._early:
            self._forward(early)
        while (status := self._process.poll()) is None:
            mailbox.wait(None)
        return status

    @staticmethod
    def _hand_over_terminal(group: int) -> None:
        with suppress(OSError):  # The terminal may have gone.
            os.tcsetpgrp(0, group)
        with suppress(ProcessLookupError):
            # It may have read from the terminal too early, and have been stopped for that (SIGTTIN).
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
                # An interactive shell ignores SIGTERM. SIGHUP tells it that its terminal goes away, as it does.
                self._send(signal.SIGHUP)
            killer = threading.Timer(self._grace_s, self._send, (signal.SIGKILL,))
            killer.daemon = True
            killer.start()

    def _send(self, number: int) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
