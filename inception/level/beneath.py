"""What is below a level, made to be what the plan says: nothing, or the next level, which sees to all further ones."""

from __future__ import annotations

from inception.level.below import LevelBelow
from inception.level.ending import Ending
from inception.level.events import EventLog
from inception.level.lifeline import Lifeline
from inception.level.mailbox import Mailbox, News
from inception.plan.chain import ChainPlan


class Beneath:
    """The place below level `number`; `image` is what its engine calls the chain's image."""

    def __init__(
        self, number: int, *, image: str, own_lifeline: Lifeline, events: EventLog, ending: Ending, mailbox: Mailbox
    ) -> None:
        self._number = number
        self._image = image
        self._own_lifeline = own_lifeline
        self._events = events
        self._ending = ending
        self._mailbox = mailbox
        self._below: LevelBelow | None = None
        self.broken = False
        """Whether a level has ended here that should not have."""

    def converge(self, plan: ChainPlan, *, fate_shared: bool) -> None:
        """Start the level below, or end it, as `plan` wants it. Raises LevelFailure if it cannot be started.

        With `fate_shared` its end, one day, is ours too: a client that is attached has lost its bottom. Otherwise this
        level is a place of its own, and stays.
        """
        if plan.depth > self._number and self._below is None:
            self._start(plan, fate_shared=fate_shared)
        elif plan.depth <= self._number and self._below is not None:
            self._end(self._below)

    def _start(self, plan: ChainPlan, *, fate_shared: bool) -> None:
        self._below = LevelBelow(plan, self._number + 1, self._events)
        self._below.start(self._image, self._ending, lambda: self._on_end(fate_shared=fate_shared))

    def _on_end(self, *, fate_shared: bool) -> None:
        if fate_shared:
            self._ending.because(f"level {self._number + 1} ended")
        else:
            self.broken = True
            self._mailbox.tell(News.BELOW_ENDED)

    def _end(self, below: LevelBelow) -> None:
        below.expect_end()
        self._own_lifeline.let_go()
        below.outlive()
        self._own_lifeline.take()
        self._forget(below)

    def clear(self) -> None:
        """Remove what is left of a level that ended by itself, or that could not be started."""
        if self._below is not None:
            self._forget(self._below)

    def _forget(self, below: LevelBelow) -> None:
        below.remove()
        self._below = None

    def outlive(self) -> None:
        """Wait until nothing is below, as it comes to be once our lifeline is free."""
        if self._below is not None:
            self._below.outlive()
