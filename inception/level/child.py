"""The level below, seen from its parent: made, started, watched, outlived and removed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import docker
from requests.exceptions import ReadTimeout
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from inception.level.containers import create_level, stop_timeout_s
from inception.level.engine_client import ENGINE_GONE, connect_level
from inception.level.event_log import EventLog, tail
from inception.level.mailbox import Mailbox, Message
from inception.level.shutdown import EXIT_FAILED, EXIT_UNTOLD, EXIT_UNWOUND, UNTOLD, Shutdown
from inception.linux import lifeline
from inception.linux.lifeline import Lifeline
from inception.plan.chain import ChainPlan
from inception.plan.events import Phase, State

_POLL_S = 0.25
_ENGINE_GRACE_S = 1.0
"""Seconds that an engine may take to notice that a container's process is gone: one without containerd never does."""


class ChildLevel:
    """Level `number`, in the engine of the level that we are."""

    def __init__(self, plan: ChainPlan, number: int, events: EventLog) -> None:
        self._plan = plan
        self._number = number
        self._events = events
        self._name = plan.level(number).container
        self._begun = False
        self._expected_to_end = False
        self._told_end: threading.Event | None = None

    def start(self, image: str, shutdown: Shutdown, ended: Callable[[], None]) -> None:
        """Create it from `image` and start it. `ended` is called when it ends before it is expected to.

        Raises LevelFailure.
        """
        client = connect_level(self._plan, self._number - 1)
        self._begun = True
        with self._events.phase(Phase.CREATE, level=self._number, log="dockerd"):
            create_level(client, self._plan, self._number, image)
        with self._events.phase(Phase.START, level=self._number, log="dockerd"):
            client.start(self._name)
        told_end = self._told_end = threading.Event()
        threading.Thread(target=self._watch, args=(shutdown, ended, told_end), name="level below", daemon=True).start()

    def _watch(self, shutdown: Shutdown, ended: Callable[[], None], told_end: threading.Event) -> None:
        status = self._status_at_end(shutdown)
        if status is None:
            return
        told_end.set()
        if shutdown.begun or self._expected_to_end:
            return
        if status not in {EXIT_UNWOUND, EXIT_FAILED}:
            unexpected = f"its runner ended unexpectedly, with status {status}"
            self._events.write(
                Phase.READY,
                State.FAIL,
                level=self._number,
                message=UNTOLD if status == EXIT_UNTOLD else unexpected,
                log_tail=tail(Path(self._plan.paths.log(self._number, "runner"))),
            )
        ended()

    def _status_at_end(self, shutdown: Shutdown) -> int | None:
        """Wait until it has ended, and give its status; None if nobody is left to tell."""
        while True:
            try:
                return int(connect_level(self._plan, self._number - 1).wait(self._name, timeout=None)["StatusCode"])
            except docker.errors.APIError:
                return None
            except ENGINE_GONE:
                # The engine itself went away. Whoever watches it says so, or starts it again.
                if not self._plan.restart_engines or self._expected_to_end or shutdown.begun:
                    return None
            time.sleep(_POLL_S)

    def expect_end(self) -> None:
        """From now on its end is no news."""
        self._expected_to_end = True

    def outlive(self) -> None:
        """Wait until it has ended, as it does by itself once our lifeline is free; kill it when that takes too long."""
        if not self._begun:
            return
        limit_s = stop_timeout_s(self._plan, self._number)
        ended = self._ended(limit_s) if self._told_end is None else self._seen_to_end(self._told_end, limit_s)
        if not ended:
            self._events.note(Phase.UNWIND, f"level {self._number} did not end in time and was killed")
            with suppress(*ENGINE_GONE):  # Without an engine to kill it, it ends with us.
                connect_level(self._plan, self._number - 1).kill(self._name)

    def _ended(self, limit_s: int) -> bool:
        """Wait for a level that may not even have begun; returns whether it has ended within `limit_s` seconds."""
        try:
            connect_level(self._plan, self._number - 1).wait(self._name, timeout=limit_s)
        except docker.errors.NotFound:
            return True
        except (ReadTimeout, docker.errors.APIError):
            return False
        except ENGINE_GONE:  # The engine is gone, as we are here to tell.
            return self._seen_to_end(threading.Event(), limit_s)
        return True

    def _seen_to_end(self, told_end: threading.Event, limit_s: float) -> bool:
        """Wait until our engine tells that the level has ended, or can be seen to be unable to."""
        alive = Path(self._plan.paths.alive(self._number))
        deadline_s = time.monotonic() + limit_s
        while not told_end.wait(_POLL_S):
            if not lifeline.is_held(alive):
                told_end.wait(_ENGINE_GRACE_S)
                return True
            if time.monotonic() > deadline_s:
                return False
        return True

    def remove(self) -> None:
        """Remove its container and its volume, which nobody needs who lives on."""
        engine_is_back = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, ENGINE_GONE) and not _is_answer(error)),
            stop=stop_after_delay(self._plan.limits.dockerd_s if self._plan.restart_engines else 0.0),
            wait=wait_fixed(_POLL_S),
            reraise=True,
        )
        try:
            engine_is_back(connect_level(self._plan, self._number - 1).remove_container, self._name, force=True, v=True)
        except docker.errors.NotFound:
            return
        except ENGINE_GONE as error:
            if _is_answer(error):
                raise  # Without an engine there is nobody to remove it, and soon no level either.


def _is_answer(error: BaseException) -> bool:
    return isinstance(error, docker.errors.APIError)


class ChildSlot:
    """The place below level `number`; `image` is what its engine calls the chain's image."""

    def __init__(
        self, number: int, *, image: str, own_lifeline: Lifeline, events: EventLog, shutdown: Shutdown, mailbox: Mailbox
    ) -> None:
        self._number = number
        self._image = image
        self._own_lifeline = own_lifeline
        self._events = events
        self._shutdown = shutdown
        self._mailbox = mailbox
        self._child: ChildLevel | None = None
        self.broken = False
        """Whether a level has ended here that should not have."""

    def converge(self, plan: ChainPlan, *, fate_shared: bool) -> None:
        """Start the level below, or end it, as `plan` wants it. Raises LevelFailure if it cannot be started.

        With `fate_shared` its end, one day, is ours too: a client that is attached has lost its bottom. Otherwise this
        level is a place of its own, and stays.
        """
        if plan.depth > self._number and self._child is None:
            self._start(plan, fate_shared=fate_shared)
        elif plan.depth <= self._number and self._child is not None:
            self._end(self._child)

    def _start(self, plan: ChainPlan, *, fate_shared: bool) -> None:
        self._child = ChildLevel(plan, self._number + 1, self._events)
        self._child.start(self._image, self._shutdown, lambda: self._on_end(fate_shared=fate_shared))

    def _on_end(self, *, fate_shared: bool) -> None:
        if fate_shared:
            self._shutdown.request(f"level {self._number + 1} ended")
        else:
            self.broken = True
            self._mailbox.tell(Message.CHILD_ENDED)

    def _end(self, child: ChildLevel) -> None:
        child.expect_end()
        self._own_lifeline.let_go()
        child.outlive()
        self._own_lifeline.take()
        self._forget(child)

    def clear(self) -> None:
        """Remove what is left of a level that ended by itself, or that could not be started."""
        if self._child is not None:
            self._forget(self._child)

    def _forget(self, child: ChildLevel) -> None:
        child.remove()
        self._child = None

    def outlive(self) -> None:
        """Wait until nothing is below, as it comes to be once our lifeline is free."""
        if self._child is not None:
            self._child.outlive()
