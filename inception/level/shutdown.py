"""Shutdown of a level: signals, a lifeline that is released, a daemon or a child level that is gone.

All of them become one EndOfLevel, raised once in the main thread, wherever that is.
"""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

from inception.plan.protocol import SIGNAL_UNWIND


class EndOfLevel(BaseException):
    """The level shall unwind. Not an Exception: no phase may take it for its own failure."""


class Shutdown:
    """Turns signals and `request` into one EndOfLevel in the main thread. Later ones change nothing."""

    SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, SIGNAL_UNWIND)

    def __init__(self) -> None:
        self._begun = False
        self._requested = False
        self.reason = "the chain is ended on purpose"
        self.broken = False
        """Whether the level ends because something broke."""
        self.stopped = False
        """Whether its container is stopped: for a level that is a break, which nobody has reported yet."""
        self.acting = threading.RLock()
        """Held by a thread that acts on something: the runner does not stand by meanwhile."""
        for number in self.SIGNALS:
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._begun:
            return
        self._begun = True
        if not self._requested and number != SIGNAL_UNWIND:
            self.reason = f"the engine above stopped it ({signal.Signals(number).name})"
            self.stopped = True
        raise EndOfLevel(self.reason)

    @property
    def begun(self) -> bool:
        """Whether the level unwinds."""
        return self._begun

    def request(self, reason: str, *, broken: bool = False) -> None:
        """End the level, from any thread. `broken` says that something broke, which is reported already."""
        with self.acting:
            if not self._begun:
                self._requested = True
                self.reason = reason
                self.broken = broken
                os.kill(os.getpid(), signal.SIGTERM)

    def unwind_now(self) -> None:
        """Begin the shutdown without EndOfLevel: from here on nothing interrupts the main thread."""
        self._begun = True
