"""Draw a descent live on a terminal: a line a level, with a spinning top beside levels that boot or unwind."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from inception.chain.watching.progress import LevelProgress, LevelProgressState, Progress, Step
from inception.cli.drawing.canvas import note_line
from inception.plan.events import Event, Phase, State
from inception.plan.formats.text import printable

TOP = ("◥◤", "◥◸", "◹◸", "◹◤")
"""A top on its point, the dark half of its body going round."""
ASCII_TOP = (r"\/", r"|/", r"\/", r"\|")
_TURN_S = 0.5
_FRAMES_A_SECOND = 12
_SPARE_LINES = 2
"""Lines of the window that are left to what was said before."""


class LiveCanvas:
    """The canvas for a terminal on standard error. Lines stay above the animation, which is erased in the end."""

    def __init__(self, depth: int, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console or Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._clock = clock
        self._depth = depth
        self._number_width = len(str(depth))
        self._top = TOP if self._console.encoding.startswith("utf") else ASCII_TOP
        self._progress = Progress()
        self._begun_s = clock()
        self._behind_s: float | None = None
        self._live: Live | None = None

    def start(self) -> None:
        """Start the animation."""
        self._begun_s = self._clock()
        self._live = Live(
            console=self._console,
            get_renderable=self.render,
            refresh_per_second=_FRAMES_A_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def stop(self) -> None:
        """Stop the animation, and erase it."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def say(self, line: str) -> None:
        """Write a line above the animation."""
        self._console.print(Text(printable(line), style="dim"), soft_wrap=True)

    def draw(self, progress: Progress, event: Event) -> None:
        """Have the animation show `progress`; write a line above it if `event` is a note."""
        # The levels' clock is that of their kernel, which for a remote engine is not ours.
        behind_s = self._clock() - event.monotonic_s
        self._behind_s = behind_s if self._behind_s is None else min(behind_s, self._behind_s)
        self._progress = progress
        if event.state is State.NOTE:
            self._console.print(Text(note_line(event), style="yellow"), soft_wrap=True)

    def render(self) -> Group:
        """Return the animation as it is now."""
        now_s = self._clock() - (self._behind_s or 0.0)
        shown = [level for level in self._progress.levels if level.state is not LevelProgressState.UNWOUND]
        if not shown:
            return Group(self._row("", self._clock() - self._begun_s, moving=True))
        room = max(2, self._console.height - _SPARE_LINES)
        condensed = shown[: len(shown) - room + 1] if len(shown) > room else []
        rows = [self._level(level, now_s) for level in shown[len(condensed) :]]
        return Group(*([self._condensed(condensed, shown)] if condensed else []), *rows)

    def _condensed(self, levels: Sequence[LevelProgress], shown: Sequence[LevelProgress]) -> Text:
        """Return one line for `levels`, with how many of all levels `shown` are in which state."""
        counts = Counter(level.state for level in shown if level.state is not LevelProgressState.BOOTING)
        states = [f"{count} of {self._depth} {state}" for state, count in counts.most_common()]
        row = self._row(str(levels[-1].number), levels[-1].ready_s)
        # On a narrow terminal the rarest state goes first: levels that fail or unwind have lines of their own below.
        texts = [f"  and {len(levels) - 1} above: {', '.join(states)}"]
        texts += [f"  {', '.join(states[:kept])}" for kept in range(len(states), 0, -1)]
        room = self._console.width - row.cell_len
        row.append(next((text for text in texts if len(text) <= room), texts[-1]), style="dim")
        return row

    def _level(self, level: LevelProgress, now_s: float) -> Text:
        match level.state:
            case LevelProgressState.BOOTING:
                row = self._row(str(level.number), now_s - level.begun_s, moving=True)
                steps = [self._step(step, now_s) for step in level.steps if step.phase is not Phase.READY]
                # On a narrow terminal the earliest go: the last one is that which a user waits for.
                while len(steps) > 1 and row.cell_len + sum(it.cell_len for it in steps) > self._console.width:
                    del steps[0]
                row.append_text(Text.assemble(*steps))
            case LevelProgressState.UNWINDING:
                begun_s = next(step.begun_s for step in reversed(level.steps) if step.phase is Phase.UNWIND)
                row = self._row(str(level.number), now_s - begun_s, moving=True)
                row.append("  unwinding", style="cyan")
            case LevelProgressState.FAILED if level.failure is not None:
                row = self._row(str(level.number), level.failure.monotonic_s - level.begun_s)
                row.append(f"  failed at {level.failure.phase}", style="red")
            case _:
                row = self._row(str(level.number), level.ready_s)
                row.append(f"  {level.state}", style="green")
        return row

    @staticmethod
    def _step(step: Step, now_s: float) -> Text:
        going_on = step.seconds is None
        seconds = now_s - step.begun_s if step.seconds is None else step.seconds
        return Text(f"  {step.phase} {max(seconds, 0):.2f}", style="bold" if going_on else "dim")

    def _row(self, number: str, seconds: float | None, *, moving: bool = False) -> Text:
        frame = self._top[int(self._clock() / _TURN_S * len(self._top)) % len(self._top)]
        row = Text(no_wrap=True, overflow="ellipsis")
        row.append(frame if moving else " " * len(frame), style="bold yellow")
        row.append(f" {number:>{self._number_width}}")
        row.append(" " * 9 if seconds is None else f" {max(seconds, 0):6.2f} s")
        return row
