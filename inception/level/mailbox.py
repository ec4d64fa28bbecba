"""Mailbox of a runner's main thread: messages from signals and from other threads, one after the other."""

from __future__ import annotations

import os
import select
import signal
import time
from collections import deque
from contextlib import suppress
from enum import Enum, auto
from types import FrameType

from inception.plan.protocol import SIGNAL_PLAN_CHANGED

_MOST_SIGNALS = 4096


class Message(Enum):
    """Messages that a runner acts on while its level lives."""

    PLAN_CHANGED = auto()
    CHILD_ENDED = auto()


class Mailbox:
    """Queue of messages; it turns SIGNAL_PLAN_CHANGED into PLAN_CHANGED. A process has one at a time.

    The interpreter writes each signal to a pipe as it comes (signal.set_wakeup_fd): one that comes right before a
    thread waits for a lock would not end that wait.
    """

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        signal.signal(SIGNAL_PLAN_CHANGED, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._messages.append(Message.PLAN_CHANGED)

    def put(self, message: Message) -> None:
        """Add `message`, from any thread."""
        self._messages.append(message)
        with suppress(BlockingIOError):  # A full pipe ends the wait, too.
            os.write(self._writer, b"\0")

    def wait(self, limit_s: float | None) -> Message | None:
        """Return the next message, or None if none comes within `limit_s` seconds. A signal handler may raise."""
        deadline_s = None if limit_s is None else time.monotonic() + limit_s
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        while not self._messages:
            left_s = None if deadline_s is None else max(0.0, deadline_s - time.monotonic())
            if not poll.poll(None if left_s is None else 1000 * left_s):
                return None
            with suppress(BlockingIOError):
                os.read(self._reader, _MOST_SIGNALS)
        return self._messages.popleft()
