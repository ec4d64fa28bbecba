"""The places to draw a descent on: plain lines, or nothing at all. The live one has a module of its own."""

from __future__ import annotations

from typing import Protocol, TextIO

from inception.chain.progress import Progress
from inception.plan.events import Event, Phase, State


class Canvas(Protocol):
    """Where a descent is drawn."""

    def start(self) -> None:
        """Begin to move, if this is a canvas where something moves."""

    def stop(self) -> None:
        """Stop moving, and take away what moved."""

    def say(self, line: str) -> None:
        """Write a line that stays."""

    def draw(self, progress: Progress, event: Event) -> None:
        """Draw how far it has come by `event`, the last one."""


class NoCanvas:
    """For --quiet: errors are reported elsewhere, and there is nothing else to say."""

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def say(self, line: str) -> None:
        pass

    def draw(self, progress: Progress, event: Event) -> None:
        pass


class PlainCanvas:
    """For pipes, files and dumb terminals: a line for each level that is ready, and for each note."""

    def __init__(self, depth: int, stream: TextIO) -> None:
        self._depth = depth
        self._stream = stream

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def say(self, line: str) -> None:
        self._stream.write(f"inception: {line}\n")
        self._stream.flush()

    def draw(self, progress: Progress, event: Event) -> None:
        if event.state is State.NOTE:
            self.say(note_line(event))
        elif event.state is State.END and event.phase is Phase.READY:
            (level,) = (level for level in progress.levels if level.number == event.level)
            self.say(f"level {level.number} of {self._depth} is ready after {level.ready_s:.2f} s")


def note_line(event: Event) -> str:
    """What an event of state NOTE says."""
    return f"level {event.level}: {event.message}" if event.level else str(event.message)
