"""Turn ending signals into exceptions, so that every way out of the program unwinds."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from inception.errors import Interrupted

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""Signals that ask the program to end."""


def _raise_interrupted(number: int, frame: FrameType | None) -> None:
    del frame
    raise Interrupted(number)


@contextmanager
def raising_interrupted() -> Iterator[None]:
    """Raise Interrupted in the main thread at each of `ENDING_SIGNALS` inside; a second one ends a patient unwinding.

    Signals that our starter ignores (nohup does) stay ignored, here and in the sessions inside.
    """
    caught = [number for number in ENDING_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _raise_interrupted) for number in caught}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
