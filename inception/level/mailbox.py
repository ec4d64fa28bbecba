"""Mailbox of a runner's main thread: messages from signals and from other threads, one after the other."""

from __future__ import annotations

import signal
from enum import Enum, auto
from queue import Empty, SimpleQueue
from types import FrameType

from inception.plan.protocol import SIGNAL_PLAN_CHANGED


class Message(Enum):
    """Messages that a runner acts on while its level lives."""

    PLAN_CHANGED = auto()
    CHILD_ENDED = auto()


class Mailbox:
    """Queue of messages; it turns SIGNAL_PLAN_CHANGED into PLAN_CHANGED."""

    def __init__(self) -> None:
        # Its `put` may interrupt itself, as it does in a signal handler (queue.SimpleQueue, "reentrant").
        self._queue: SimpleQueue[Message] = SimpleQueue()
        signal.signal(SIGNAL_PLAN_CHANGED, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._queue.put(Message.PLAN_CHANGED)

    def put(self, message: Message) -> None:
        """Add `message`, from any thread."""
        self._queue.put(message)

    def wait(self, limit_s: float | None) -> Message | None:
        """Return the next message, or None if none comes within `limit_s` seconds. A signal handler may raise."""
        try:
            return self._queue.get(timeout=limit_s)
        except Empty:
            return None
