"""The child level: ChildLevel is its container, ChildSlot starts or stops it so that it matches the plan."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import docker
from requests.exceptions import ReadTimeout

from inception.level.containers import create_level, stop_timeout_s
from inception.level.engine_client import ENGINE_GONE, connect_level
from inception.level.event_log import EventLog, tail
from inception.level.mailbox import Mailbox, Message
from inception.level.shutdown import Shutdown
from inception.linux import lifeline
from inception.linux.lifeline import Lifeline
from inception.linux.retry import retry
from inception.plan.chain import ChainPlan
from inception.plan.events import Phase, State
from inception.plan.protocol import UNREPORTED, RunnerExit

_POLL_S = 0.25
_ENGINE_GRACE_S = 1.0
"""Seconds for an engine to notice that a container's process is gone: one without containerd never does."""


class ChildLevel:
    """The container of level `number`, in the engine of the level above, which is this one."""

    def __init__(self, plan: ChainPlan, number: int, events: EventLog) -> None:
        self._plan = plan
        self._number = number
        self._events = events
        self._name = plan.level(number).container
        self._may_exist = False
        self._started = False
        self._ended = threading.Event()

    def start(self, given_image: str, restore_image: Callable[[], str]) -> None:
        """Create the container and start it. Raises LevelFailure.

        `given_image` is the id of the image that this engine was given. If its users have removed it, it is given again
        by `restore_image`, which returns its id. A child level of a chain that grew may run from another image, which
        the client has loaded.
        """
        wanted = self._plan.level(self._number).image
        is_given = wanted == self._plan.seed_of(self._number - 1).image
        client = connect_level(self._plan, self._number - 1)
        self._may_exist = True
        with self._events.phase(Phase.CREATE, level=self._number, log="dockerd"):
            try:
                create_level(client, self._plan, self._number, given_image if is_given else wanted)
            except docker.errors.ImageNotFound:
                if not is_given:
                    raise
                create_level(client, self._plan, self._number, restore_image())
        with self._events.phase(Phase.START, level=self._number, log="dockerd"):
            client.start(self._name)
        self._started = True

    def wait(self) -> int:
        """Wait until the started container has ended; return its exit status.

        Raises docker.errors.APIError if the engine does not know it, one of ENGINE_GONE if the engine goes away.
        """
        status = int(connect_level(self._plan, self._number - 1).wait(self._name, timeout=None)["StatusCode"])
        self._ended.set()
        return status

    def outlive(self) -> None:
        """Wait until it has ended, as it does when the lifeline above it is released; kill it when its time is up."""
        if not self._may_exist:
            return
        limit_s = stop_timeout_s(self._plan, self._number)
        # A started container is waited for already: a second request would do no more.
        if not (self._wait_seen(limit_s) if self._started else self._wait_asked(limit_s)):
            self._events.note(Phase.UNWIND, f"level {self._number} did not end in time and was killed")
            with suppress(*ENGINE_GONE):  # Without an engine to kill it, it ends with this level.
                connect_level(self._plan, self._number - 1).kill(self._name)

    def _wait_asked(self, limit_s: int) -> bool:
        """Have the engine wait for a container that may not exist; return whether it ended within `limit_s` seconds."""
        try:
            connect_level(self._plan, self._number - 1).wait(self._name, timeout=limit_s)
        except docker.errors.NotFound:
            return True
        except (ReadTimeout, docker.errors.APIError):
            return False
        except ENGINE_GONE:
            return self._wait_seen(limit_s)
        return True

    def _wait_seen(self, limit_s: float) -> bool:
        """Wait until `wait` has returned, or the level's runner is gone; return whether that took `limit_s` at most."""
        alive = Path(self._plan.paths.alive(self._number))
        deadline_s = time.monotonic() + limit_s
        while not self._ended.wait(_POLL_S):
            if not lifeline.is_held(alive):
                self._ended.wait(_ENGINE_GRACE_S)
                return True
            if time.monotonic() > deadline_s:
                return False
        return True

    def remove(self) -> None:
        """Remove the container and its volume, also if it is not there; without an engine, leave them to its end.

        Raises docker.errors.APIError if the engine refuses.
        """
        client = connect_level(self._plan, self._number - 1)
        try:
            retry(
                lambda: client.remove_container(self._name, force=True, v=True),
                errors=ENGINE_GONE,
                unless=docker.errors.APIError,
                limit_s=self._plan.limits.dockerd_s if self._plan.restart_engines else 0.0,
                pause_s=_POLL_S,
            )
        except docker.errors.NotFound:
            return
        except docker.errors.APIError:
            raise
        except ENGINE_GONE:
            return


class ChildSlot:
    """The place below level `number`, empty or with a child level. `image` is the id of the image of this engine."""

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
        self._number = number
        self._image = image
        self._restore_image = restore_image
        self._own_lifeline = own_lifeline
        self._events = events
        self._shutdown = shutdown
        self._mailbox = mailbox
        self._child: ChildLevel | None = None
        self._stopping = threading.Event()
        """Set while the end of `_child` is expected. Each child has one of its own: its watcher may be late."""
        self.broken = False
        """Whether a child has ended unexpectedly."""

    def converge(self, plan: ChainPlan, *, fate_shared: bool) -> None:
        """Start or stop the child level so that it matches `plan`. Raises LevelFailure if it cannot be started.

        With `fate_shared` this level ends when its child does: an attached client has lost its bottom. Otherwise it
        lives on, as somebody may be at work in it.
        """
        if plan.depth > self._number and self._child is None:
            self._start(plan, fate_shared=fate_shared)
        elif plan.depth <= self._number and self._child is not None:
            self._stop(self._child)

    def clear(self) -> None:
        """Remove the remains of a child that ended by itself or could not be started."""
        if self._child is not None:
            self._remove(self._child)

    def outlive(self) -> None:
        """Wait until the child has ended, as it does once the lifeline of this level is released."""
        if self._child is not None:
            self._child.outlive()

    def _start(self, plan: ChainPlan, *, fate_shared: bool) -> None:
        child = self._child = ChildLevel(plan, self._number + 1, self._events)
        stopping = self._stopping = threading.Event()
        child.start(self._image, self._restore_image)
        threading.Thread(
            target=self._watch, args=(plan, child, stopping, fate_shared), name="child level", daemon=True
        ).start()

    def _stop(self, child: ChildLevel) -> None:
        self._stopping.set()
        self._own_lifeline.release()
        child.outlive()
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
            except docker.errors.APIError:
                return
            except ENGINE_GONE:
                # The engine itself went away: its own watcher reports that, or starts it again.
                if not plan.restart_engines or is_expected():
                    return
                time.sleep(_POLL_S)
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
            level=self._number + 1,
            message=UNREPORTED if status == RunnerExit.FAILED_UNREPORTED else unexpected,
            log_tail=tail(Path(plan.paths.log(self._number + 1, "runner"))),
        )

    def _act_on_end(self, *, fate_shared: bool) -> None:
        if fate_shared:
            self._shutdown.request(f"level {self._number + 1} ended")
        else:
            self.broken = True
            self._mailbox.put(Message.CHILD_ENDED)
