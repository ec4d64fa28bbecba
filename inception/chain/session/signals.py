"""Catch signals to us and queue them behind a descriptor that a session can poll."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

from inception.chain.interrupts import ENDING_SIGNALS
from inception.errors import Interrupted

_SAME_SIGNAL_S = 0.25
"""Seconds within which two signals count as one: timeout(1) signals its child and then the child's group."""


class SignalQueue:
    """Signals that have come since the last `take`."""

    def __init__(self, descriptor: int, numbers: frozenset[signal.Signals]) -> None:
        self._descriptor = descriptor
        self._numbers = numbers
        self._first_s: float | None = None

    def fileno(self) -> int:
        """Return a descriptor that is readable when a signal has come."""
        return self._descriptor

    def take(self) -> list[signal.Signals]:
        """Remove and return the signals, oldest first; one that came many times may be there once."""
        try:
            come = os.read(self._descriptor, 4096)
        except BlockingIOError:
            return []
        return [signal.Signals(number) for number in come if number in self._numbers]

    def note(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal: raise Interrupted at the second one that asks us to end, whatever we are waiting for."""
        if number not in ENDING_SIGNALS:
            return
        now_s = time.monotonic()
        if self._first_s is None:
            self._first_s = now_s
        elif now_s - self._first_s > _SAME_SIGNAL_S:
            raise Interrupted(number)


@contextmanager
def catch_signals(numbers: Collection[signal.Signals]) -> Iterator[SignalQueue]:
    """Queue the signals `numbers` inside, except those that are ignored (as by nohup). Only in the main thread.

    The interpreter's own handler writes each signal's number to a pipe (signal.set_wakeup_fd). A handler in Python
    would not do: it runs between two instructions, and a signal that comes right before a poll would not end it.
    """
    with ExitStack() as stack:
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        stack.callback(os.close, reader)
        stack.callback(os.close, writer)
        stack.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(writer, warn_on_full_buffer=False))
        signals = SignalQueue(reader, frozenset(numbers))
        for number in numbers:
            if signal.getsignal(number) is not signal.SIG_IGN:
                stack.callback(signal.signal, number, signal.signal(number, signals.note))
        yield signals
