"""Termination of a command: why it was asked to end, and how long it may take."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

from inception.errors import Interrupted

GRACE_S = 2.0
"""Seconds that the command has to end after a signal, before we leave it behind."""


class Termination:
    """The reason for which a command was last asked to end, and its deadline, which the first request sets.

    `deadline_s` is in seconds of `clock`. Both are None before the first request.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.reason: signal.Signals | None = None
        self.deadline_s: float | None = None

    def request(self, reason: signal.Signals) -> None:
        """Note that the command has been asked to end: SIGPIPE if nobody reads its output, else a signal to us."""
        self.reason = reason
        if self.deadline_s is None:
            self.deadline_s = self._clock() + GRACE_S

    def overdue_status(self) -> int | None:
        """Return 128 + SIGPIPE once nobody reads the output and the deadline is over, None before.

        Raises Interrupted at the deadline if the reason is a signal to us.
        """
        if self.reason is None or self.deadline_s is None or self._clock() < self.deadline_s:
            return None
        if self.reason != signal.SIGPIPE:
            raise Interrupted(self.reason)
        return 128 + signal.SIGPIPE
