"""How often a daemon may be started again: one that dies over and over is broken."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

MAX_RESTARTS = 3
RESTART_WINDOW_S = 60.0


class Restarts:
    """Counts restarts: `MAX_RESTARTS` of them within `RESTART_WINDOW_S` seconds, on a clock that nobody sets."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._recent: deque[float] = deque(maxlen=MAX_RESTARTS)

    def take_one(self) -> bool:
        """Whether there may be one more now; if so, it counts."""
        now_s = self._clock()
        if len(self._recent) == MAX_RESTARTS and now_s - self._recent[0] < RESTART_WINDOW_S:
            return False
        self._recent.append(now_s)
        return True
