"""A child level, as the runner above it sees it: its container."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from inception.level.api.client import ENGINE_GONE, ApiError, EngineApi, NotFoundError, level_api
from inception.level.containers import create_level, data_volume_of, recreate_level, stop_timeout_s
from inception.level.event_log import EventLog
from inception.linux import lifeline
from inception.linux.retry import retry
from inception.plan.chain import ChainPlan
from inception.plan.events import Phase

_NO_IMAGE = "No such image"
POLL_S = 0.25
_ENGINE_GRACE_S = 1.0
"""Seconds for an engine to notice that a container's process is gone: one without containerd never does."""


class ChildLevel:
    """The container of level `number`, in the engine of the level above, which is this one."""

    def __init__(self, plan: ChainPlan, number: int, events: EventLog) -> None:
        self._plan = plan
        self._number = number
        self._events = events
        self._above = plan.level(number).above
        self._name = plan.level(number).container
        self._alive = Path(plan.paths.alive(number))
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
        is_given = wanted == self._plan.seed_of(self._above).image
        client = level_api(self._plan, self._above)
        create = recreate_level if self._plan.restored else create_level
        self._may_exist = True
        with self._events.phase(Phase.CREATE, level=self._number, log="dockerd"):
            try:
                create(client, self._plan, self._number, given_image if is_given else wanted)
            except NotFoundError as error:
                if not (is_given and _NO_IMAGE in str(error)):
                    raise
                create(client, self._plan, self._number, restore_image())
        with self._events.phase(Phase.START, level=self._number, log="dockerd"):
            client.start(self._name)
        self._started = True

    def take_over(self) -> None:
        """Take over a container that this level has started before."""
        self._may_exist = self._started = True

    @property
    def started(self) -> bool:
        """Whether its runner has begun to run, and holds the lock that says so, or held it until it ended."""
        return self._started and lifeline.was_held(self._alive)

    def wait(self) -> int:
        """Wait until the started container has ended; return its exit status.

        Raises ApiError if the engine does not know it, another of ENGINE_GONE if the engine goes away.
        """
        status = level_api(self._plan, self._above).wait(self._name, timeout_s=None)
        self._ended.set()
        return status

    def outlive(self, *, container_too: bool) -> None:
        """Wait until it has ended, as it does when the lifeline above it is released; kill it when its time is up.

        Without `container_too` the end of its runner, which has `started`, is enough: its container is about to end
        with this level.
        """
        if not self._may_exist:
            return
        limit_s = stop_timeout_s(self._plan, self._number)
        if not self._started:
            ended = self._wait_asked(limit_s)
        elif not container_too:
            ended = self._wait_for_runner(limit_s)
        else:  # It is waited for already: a second request would do no more.
            ended = self._wait_seen(limit_s)
        if not ended:
            self._events.note(Phase.UNWIND, f"level {self._number} did not end in time and was killed")
            with suppress(*ENGINE_GONE):  # Without an engine to kill it, it ends with this level.
                level_api(self._plan, self._above).kill(self._name)

    def _wait_for_runner(self, limit_s: float) -> bool:
        """Wait until the process of the child's runner has ended; return whether that took `limit_s` at most."""
        gone = threading.Event()
        lifeline.call_when_free(self._alive, gone.set)
        return gone.wait(limit_s)

    def _wait_asked(self, limit_s: int) -> bool:
        """Have the engine wait for a container that may not exist; return whether it ended within `limit_s` seconds."""
        try:
            level_api(self._plan, self._above).wait(self._name, timeout_s=limit_s)
        except NotFoundError:
            return True
        except (TimeoutError, ApiError):
            return False
        except ENGINE_GONE:
            return self._wait_seen(limit_s)
        return True

    def _wait_seen(self, limit_s: float) -> bool:
        """Wait until `wait` has returned, or the level's runner is gone; return whether that took `limit_s` at most."""
        deadline_s = time.monotonic() + limit_s
        while not self._ended.wait(POLL_S):
            if not lifeline.is_held(self._alive):
                self._ended.wait(_ENGINE_GRACE_S)
                return True
            if time.monotonic() > deadline_s:
                return False
        return True

    def remove(self) -> None:
        """Remove the container and its volume, also if it is not there; without an engine, leave them to its end.

        Raises ApiError if the engine refuses.
        """
        client = level_api(self._plan, self._above)
        try:
            retry(
                lambda: self._remove_from(client),
                errors=ENGINE_GONE,
                unless=ApiError,
                limit_s=self._plan.limits.dockerd_s if self._plan.restart_engines else 0.0,
                pause_s=POLL_S,
            )
        except NotFoundError:
            return
        except ApiError:
            raise
        except ENGINE_GONE:
            return

    def _remove_from(self, client: EngineApi) -> None:
        # One that it had before a stop has a name, and is not removed with the container.
        volume = data_volume_of(client, self._name) if self._plan.restored else None
        client.remove(self._name)
        if volume is not None:
            with suppress(NotFoundError):
                client.remove_volume(volume)
