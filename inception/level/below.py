"""The level below, seen from its parent: made, started, watched, outlived and removed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import docker
from requests.exceptions import ReadTimeout, RequestException

from inception.level import lifeline
from inception.level.api import connect_level
from inception.level.containers import create_level, stop_timeout_s
from inception.level.ending import EXIT_FAILED, EXIT_UNWOUND, Ending
from inception.level.events import EventLog, tail
from inception.plan.chain import ChainPlan
from inception.plan.events import Phase, State


class LevelBelow:
    """Level `number`, in the engine of the level that we are."""

    def __init__(self, plan: ChainPlan, number: int, events: EventLog) -> None:
        self._plan = plan
        self._number = number
        self._events = events
        self._name = plan.level(number).container
        self._begun = False
        self._expected_to_end = False

    def start(self, image: str, ending: Ending, ended: Callable[[], None]) -> None:
        """Create it from `image` and start it. `ended` is called when it ends before it is expected to.

        Raises LevelFailure.
        """
        client = connect_level(self._plan, self._number - 1)
        self._begun = True
        with self._events.phase(Phase.CREATE, level=self._number, log="dockerd"):
            create_level(client, self._plan, self._number, image)
        with self._events.phase(Phase.START, level=self._number, log="dockerd"):
            client.start(self._name)
        threading.Thread(target=self._watch, args=(ending, ended), name="level below", daemon=True).start()

    def _watch(self, ending: Ending, ended: Callable[[], None]) -> None:
        try:
            status = connect_level(self._plan, self._number - 1).wait(self._name, timeout=None)["StatusCode"]
        except (docker.errors.DockerException, RequestException, OSError):
            return  # The engine itself went away; whoever watches it says so.
        if ending.begun or self._expected_to_end:
            return
        if status not in {EXIT_UNWOUND, EXIT_FAILED}:
            self._events.write(
                Phase.READY,
                State.FAIL,
                level=self._number,
                message=f"its runner ended unexpectedly, with status {status}",
                log_tail=tail(Path(self._plan.paths.log(self._number, "runner"))),
            )
        ended()

    def expect_end(self) -> None:
        """From now on its end is no news."""
        self._expected_to_end = True

    def outlive(self) -> None:
        """Wait until it has ended, as it does by itself once our lifeline is free; kill it when that takes too long."""
        if not self._begun:
            return
        client = connect_level(self._plan, self._number - 1)
        limit_s = stop_timeout_s(self._plan, self._number)
        try:
            client.wait(self._name, timeout=limit_s)
        except docker.errors.NotFound:
            return
        except (ReadTimeout, docker.errors.APIError):
            self._events.note(Phase.UNWIND, f"level {self._number} did not end in time and was killed")
            client.kill(self._name)
        except (RequestException, OSError):
            # Our engine is dead, and cannot tell: the level below can.
            lifeline.wait_until_free(Path(self._plan.paths.lifeline(self._number)), limit_s)

    def remove(self) -> None:
        """Remove its container and its volume, which nobody needs who lives on."""
        with suppress(docker.errors.NotFound):
            connect_level(self._plan, self._number - 1).remove_container(self._name, force=True, v=True)
