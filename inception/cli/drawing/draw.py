"""Draw a descent on standard error: live on a terminal, plain lines elsewhere, nothing with --quiet."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from inception.chain.watching.progress import LevelProgressState, Progress
from inception.cli.drawing.canvas import Canvas, NoCanvas, PlainCanvas
from inception.plan.events import Event, Phase


class Drawing:
    """Draws a descent and its unwinding from events, which may come from another thread than the other calls."""

    def __init__(self, canvas: Canvas, clock: Callable[[], float] = time.monotonic) -> None:
        self._canvas = canvas
        self._clock = clock
        self._progress = Progress()
        self._drawing = False
        self._missed: list[Event] = []
        self._ascent_begun_s: float | None = None
        self._gone_before = 0
        self._lock = threading.RLock()

    def start(self) -> None:
        """Begin to draw, with the events that came before."""
        with self._lock, suppress(OSError):  # A terminal that is gone must not end the chain.
            self._drawing = True
            self._canvas.start()
            while self._missed:
                self._canvas.draw(self._progress, self._missed.pop(0))

    def stop(self, last_line: str | None = None) -> None:
        """Stop drawing; `last_line` stays on the screen."""
        with self._lock, suppress(OSError):
            if self._drawing:
                self._canvas.stop()
                if last_line is not None:
                    self._canvas.say(last_line)
            self._drawing = False

    def progress(self, line: str) -> None:
        """Write a line about a step that takes long."""
        with self._lock, suppress(OSError):
            if self._drawing:
                self._canvas.say(line)

    def show(self, event: Event) -> None:
        """Take in an event, and draw it."""
        with self._lock, suppress(OSError):
            self._progress = self._progress.after(event)
            if event.phase is Phase.UNWIND and self._drawing:
                self._ascend()
            if self._drawing:
                self._canvas.draw(self._progress, event)
            else:
                self._missed.append(event)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Sum up the descent, and write nothing inside, where a session has the terminal."""
        self.stop(descent_line(self._progress))
        try:
            yield
        finally:
            with self._lock:
                # Shells that ended took their levels with them, while the chain lives.
                if any(it.number == 1 for it in self._progress.in_state(LevelProgressState.READY)):
                    self._gone_before = self._unwound()
                self._ascend()
            self.start()

    def finish(self) -> None:
        """Sum up the unwinding, and stop drawing."""
        unwound = self._unwound() - self._gone_before
        if unwound and self._ascent_begun_s is not None:
            self.stop(f"{_levels(unwound)} unwound in {self._clock() - self._ascent_begun_s:.1f} s")
        else:
            self.stop()

    def _unwound(self) -> int:
        return len(self._progress.in_state(LevelProgressState.UNWOUND))

    def _ascend(self) -> None:
        if self._ascent_begun_s is None:
            self._ascent_begun_s = self._clock()


@contextmanager
def descent(depth: int, *, quiet: bool) -> Iterator[Drawing]:
    """Draw the descent to `depth` inside, and its unwinding."""
    drawing = Drawing(_canvas(depth, quiet=quiet))
    drawing.start()
    try:
        yield drawing
    finally:
        drawing.finish()


def _canvas(depth: int, *, quiet: bool) -> Canvas:
    if quiet:
        return NoCanvas()
    from inception.log import is_shown

    # The lines of a log would go through what is drawn live.
    if sys.stderr.isatty() and not is_shown() and os.environ.get("TERM", "dumb") != "dumb":
        from inception.cli.drawing.live import LiveCanvas  # It imports rich.

        return LiveCanvas(depth)
    return PlainCanvas(depth, sys.stderr)


def descent_line(progress: Progress) -> str | None:
    """Return the descent in one line, or None if no level became ready."""
    if progress.descent_s is None:
        return None
    ready = len(progress.in_state(LevelProgressState.READY))
    return f"{_levels(ready)} in {progress.descent_s:.1f} s"


def _levels(count: int) -> str:
    return "1 level" if count == 1 else f"{count} levels"
