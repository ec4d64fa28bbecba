"""What a level is told while it lives, one thing after the other: its plan has changed, the level below has ended."""

from __future__ import annotations

import signal
from enum import Enum, auto
from queue import SimpleQueue
from types import FrameType

SIGNAL_PLAN_CHANGED = signal.SIGUSR1
"""Sent to the runner that has to act on a new plan: the one right above what comes or goes."""


class Message(Enum):
    """What a level can be told."""

    PLAN_CHANGED = auto()
    CHILD_ENDED = auto()


class Mailbox:
    """News from signals and from other threads, for the main thread."""

    def __init__(self) -> None:
        # Its `put` may interrupt itself, as it does in a signal handler (queue.SimpleQueue, "reentrant").
        self._queue: SimpleQueue[Message] = SimpleQueue()
        signal.signal(SIGNAL_PLAN_CHANGED, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._queue.put(Message.PLAN_CHANGED)

    def tell(self, message: Message) -> None:
        """Leave `message`, from any thread."""
        self._queue.put(message)

    def wait(self) -> Message:
        """The next news; sleeps until there is one, or until a signal handler raises."""
        return self._queue.get()
