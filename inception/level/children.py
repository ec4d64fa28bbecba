"""The child levels of a runner: each has a slot, which starts it or stops it so that it matches the plan."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from inception.level.api.client import ENGINE_GONE, ApiError
from inception.level.child import POLL_S, ChildLevel
from inception.level.event_log import EventLog, tail
from inception.level.failure import LevelFailure
from inception.level.mailbox import Mailbox, Message
from inception.level.shutdown import Shutdown
from inception.linux.lifeline import Lifeline
from inception.plan.chain import ChainPlan
from inception.plan.events import Phase, State
from inception.plan.protocol import UNREPORTED, RunnerExit


class Children:
    """All levels directly below level `number`; `make_slot` makes the slot of each.

    A line has one slot, which is empty below its bottom; a tree's level has one for each child.
    """

    def __init__(self, plan: ChainPlan, number: int, make_slot: Callable[[int], ChildSlot]) -> None:
        numbers = plan.shape.children(number) if not plan.shape.is_line else (number + 1,)
        self._slots = tuple(map(make_slot, numbers))
        self._starts: tuple[threading.Thread, ...] = ()

    @property
    def broken(self) -> bool:
        """Whether a child has ended unexpectedly."""
        return any(slot.broken for slot in self._slots)

    @property
    def started(self) -> bool:
        """Whether the runner of each child has begun to run."""
        return all(slot.started for slot in self._slots)

    def converge(self, plan: ChainPlan, *, fate_shared: bool) -> None:
        """Start or stop child levels, several at once, to match `plan`. Raises LevelFailure if one cannot start.

        With `fate_shared` this level ends when its child does: an attached client has lost its bottom. Otherwise it
        lives on, as somebody may be at work in it.
        """
        if len(self._slots) == 1:
            self._slots[0].converge(plan, fate_shared=fate_shared)
            return
        self._starts = tuple(
            threading.Thread(target=slot.start_beside_others, args=(plan,), name="start of a child level", daemon=True)
            for slot in self._slots
        )
        for start in self._starts:
            start.start()
        for start in self._starts:
            start.join()
        if any(slot.failed for slot in self._slots):
            raise LevelFailure("a child level could not be started")

    def take_over(self, plan: ChainPlan, living: Mapping[int, bool]) -> None:
        """Take over the children that this level has started before, by number, with whether their fate is shared."""
        for slot in self._slots:
            if slot.number in living:
                slot.take_over(plan, fate_shared=living[slot.number])

    @property
    def quiet(self) -> bool:
        """Whether each child there is lives, as far as this level has seen; asked while `Shutdown.acting` is held."""
        return all(slot.quiet for slot in self._slots)

    @property
    def living(self) -> dict[int, bool]:
        """The children that there are, by number, with whether this level's fate is shared with theirs."""
        return {slot.number: slot.fate_shared for slot in self._slots if slot.occupied}

    def clear(self) -> None:
        """Remove the remains of children that ended by themselves or could not be started."""
        for slot in self._slots:
            slot.clear()

    def outlive(self, *, container_too: bool) -> None:
        """Wait until all children have ended, as they do side by side once the lifeline of this level is released.

        Without `container_too` the end of their runners is enough.
        """
        for start in self._starts:
            start.join()  # One that has begun is not left behind; the lifeline ends it at once.
        for slot in self._slots:
            slot.outlive(container_too=container_too)


class ChildSlot:
    """The place of level `number` below its parent: empty, or with that level.

    `image` is the id of the image that the parent's engine was given.
    """

    def __init__(
        self,
        number: int,
        *,
        image: str,
        restore_image: Callable[[], str],
        own_lifeline: Lifeline,
        events: EventLog,
        shutdown: Shutdown,
        mailbox: Mailbox,
    ) -> None:
        self.number = number
        self._image = image
        self._restore_image = restore_image
        self._own_lifeline = own_lifeline
        self._events = events
        self._shutdown = shutdown
        self._mailbox = mailbox
        self._child: ChildLevel | None = None
        self._ended = False
        """Whether what is left of the child is to be removed."""
        self._stopping = threading.Event()
        """Set while the end of `_child` is expected. Each child has one of its own: its watcher may be late."""
        self._quiet = True
        """Whether the watcher of `_child` still waits."""
        self.fate_shared = False
        """Whether this level ends when its child does."""
        self.broken = False
        """Whether the child has ended unexpectedly."""
        self.failed = False
        """Whether the child could not be started beside others."""

    @property
    def occupied(self) -> bool:
        """Whether there is a child, or what is left of one."""
        return self._child is not None

    @property
    def quiet(self) -> bool:
        """Whether there is no child, or one whose runner lives; asked while `Shutdown.acting` is held."""
        return self._child is None or (self._quiet and not self._ended and self._child.started)

    @property
    def started(self) -> bool:
        """Whether the runner of the child has begun to run, if there is a child."""
        return self._child is None or self._child.started

    def converge(self, plan: ChainPlan, *, fate_shared: bool) -> None:
        """Start or stop the child level so that it matches `plan`. Raises LevelFailure if it cannot be started."""
        if plan.depth >= self.number and self._child is None:
            self._start(plan, fate_shared=fate_shared)
        elif plan.depth < self.number and self._child is not None:
            self._stop(self._child)

    def start_beside_others(self, plan: ChainPlan) -> None:
        """Start the child level in a thread of its own, unless this level unwinds; keep whether it failed."""
        if self._child is not None or self._shutdown.begun:
            return
        try:
            self._start(plan, fate_shared=False)
        except Exception:  # noqa: BLE001 - whatever it is, the child is not there
            self.failed = True

    def clear(self) -> None:
        """Remove the remains of a child that ended by itself or could not be started."""
        if self._child is not None and self._ended:
            self._remove(self._child)

    def outlive(self, *, container_too: bool) -> None:
        """Wait until the child, or its runner, has ended, as it does once the lifeline of this level is released."""
        if self._child is not None:
            self._child.outlive(container_too=container_too)

    def _start(self, plan: ChainPlan, *, fate_shared: bool) -> None:
        child = self._child = ChildLevel(plan, self.number, self._events)
        self._ended = True  # Until it lives.
        child.start(self._image, self._restore_image)
        self._ended = False
        self._start_watching(plan, child, fate_shared=fate_shared)

    def take_over(self, plan: ChainPlan, *, fate_shared: bool) -> None:
        """Take over the child that this level has started before."""
        child = self._child = ChildLevel(plan, self.number, self._events)
        child.take_over()
        self._start_watching(plan, child, fate_shared=fate_shared)

    def _start_watching(self, plan: ChainPlan, child: ChildLevel, *, fate_shared: bool) -> None:
        self.fate_shared, self._quiet = fate_shared, True
        stopping = self._stopping = threading.Event()
        threading.Thread(
            target=self._watch, args=(plan, child, stopping, fate_shared), name="child level", daemon=True
        ).start()

    def _stop(self, child: ChildLevel) -> None:
        self._stopping.set()
        self._own_lifeline.release()
        child.outlive(container_too=True)
        self._own_lifeline.take()
        self._remove(child)

    def _remove(self, child: ChildLevel) -> None:
        child.remove()
        self._child = None

    def _watch(self, plan: ChainPlan, child: ChildLevel, stopping: threading.Event, fate_shared: bool) -> None:
        """Wait for the end of `child`; act on it unless it is expected, or nothing is known of it."""

        def is_expected() -> bool:
            return stopping.is_set() or self._shutdown.begun

        status = None
        while status is None:
            try:
                status = child.wait()
            except ApiError:
                return
            except ENGINE_GONE:
                # The engine itself went away: its own watcher reports that, or starts it again.
                if not plan.restart_engines or is_expected():
                    return
                time.sleep(POLL_S)
        with self._shutdown.acting:
            self._quiet = self._child is not child  # Another one has a watcher of its own.
        if not is_expected():
            self._report_end(plan, status)
            self._act_on_end(fate_shared=fate_shared)

    def _report_end(self, plan: ChainPlan, status: int) -> None:
        """Write an event in place of a child that could not report its own failure."""
        if status in {RunnerExit.UNWOUND, RunnerExit.FAILED}:
            return
        unexpected = f"its runner ended unexpectedly, with status {status}"
        self._events.write(
            Phase.READY,
            State.FAIL,
            level=self.number,
            message=UNREPORTED if status == RunnerExit.FAILED_UNREPORTED else unexpected,
            log_tail=tail(Path(plan.paths.log(self.number, "runner"))),
        )

    def _act_on_end(self, *, fate_shared: bool) -> None:
        if fate_shared:
            self._shutdown.request(f"level {self.number} ended")
        else:
            self.broken = self._ended = True
            self._mailbox.put(Message.CHILD_ENDED)
