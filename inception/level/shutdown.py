"""Why this level ends: a signal, a lifeline that fell free, a daemon or a level below that is gone.

Each of them ends in one place: as EndOfLevel, raised once in the main thread, wherever it is.
"""

from __future__ import annotations

import os
import signal
from types import FrameType

SIGNAL_UNWIND = signal.SIGUSR2
"""Sent by whoever ends a chain on purpose: SIGTERM is what an engine sends to all that it has when it stops itself."""
EXIT_UNWOUND = 0
EXIT_FAILED = 70
"""A runner that failed, said so in the event file and unwound (EX_SOFTWARE of sysexits.h; python's own is 1)."""
EXIT_UNTOLD = 74
"""A runner that failed and unwound, but could not write so (EX_IOERR)."""
UNTOLD = "it failed, and nothing could be written to the run directory to say how"


class EndOfLevel(BaseException):
    """It is time to unwind. Not an Exception: no phase may take it for its own failure."""


class Shutdown:
    """Turns signals and `request` into one EndOfLevel in the main thread. Later ones are noted and change nothing."""

    _SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, SIGNAL_UNWIND)

    def __init__(self) -> None:
        self._begun = False
        self._told = False
        self.reason = "it was told to"
        self.broken = False
        """Whether it ends because something broke."""
        self.stopped = False
        """Whether it ends because its container is stopped: to a level that is a break, which nobody has told yet."""
        for number in self._SIGNALS:
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._begun:
            return
        self._begun = True
        if not self._told and number != SIGNAL_UNWIND:
            self.reason = f"the engine above stopped it ({signal.Signals(number).name})"
            self.stopped = True
        raise EndOfLevel(self.reason)

    @property
    def begun(self) -> bool:
        return self._begun

    def request(self, reason: str, *, broken: bool = False) -> None:
        """End the level, from any thread."""
        if not self._begun:
            self._told = True
            self.reason = reason
            self.broken = broken
            os.kill(os.getpid(), signal.SIGTERM)

    def unwind_now(self) -> None:
        """From here on nothing interrupts the main thread."""
        self._begun = True
