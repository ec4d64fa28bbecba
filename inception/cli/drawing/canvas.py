"""Canvases that a descent is drawn on: plain lines, or nothing. `live.py` has the one for terminals."""

from __future__ import annotations

from typing import Protocol, TextIO

from inception.chain.watching.progress import Progress
from inception.plan.events import Event, Phase, State
from inception.plan.formats.text import printable


class Canvas(Protocol):
    """An output that a descent is drawn on."""

    def start(self) -> None:
        """Start the animation, if this canvas has one."""

    def stop(self) -> None:
        """Stop the animation, and erase it."""

    def say(self, line: str) -> None:
        """Write a line that stays."""

    def draw(self, progress: Progress, event: Event) -> None:
        """Draw the progress after `event`, the latest one."""


class NoCanvas:
    """The canvas of --quiet, which shows nothing. Errors are reported elsewhere."""

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""

    def say(self, line: str) -> None:
        """Do nothing."""

    def draw(self, progress: Progress, event: Event) -> None:
        """Do nothing."""


class PlainCanvas:
    """The canvas for pipes, files and dumb terminals: a line for each level that is ready, and for each note."""

    def __init__(self, depth: int, stream: TextIO) -> None:
        self._depth = depth
        self._stream = stream

    def start(self) -> None:
        """Do nothing: there is no animation."""

    def stop(self) -> None:
        """Do nothing: there is no animation."""

    def say(self, line: str) -> None:
        """Write a line."""
        self._stream.write(f"inception: {printable(line)}\n")
        self._stream.flush()

    def draw(self, progress: Progress, event: Event) -> None:
        """Write a line if `event` is a note, or the end of a level's boot."""
        if event.state is State.NOTE:
            self.say(note_line(event))
        elif event.state is State.END and event.phase is Phase.READY:
            (level,) = (level for level in progress.levels if level.number == event.level)
            self.say(f"level {level.number} of {self._depth} is ready after {level.ready_s:.2f} s")


def note_line(event: Event) -> str:
    """Return the text of an event of state NOTE, with its level."""
    return printable(f"level {event.level}: {event.message}" if event.level else str(event.message))
