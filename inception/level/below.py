"""The level below, seen from its parent: made, started, watched, and outlived."""

from __future__ import annotations

import threading
from pathlib import Path

import docker
from requests.exceptions import ReadTimeout, RequestException

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

    def start(self, image: str, ending: Ending) -> None:
        """Create it from `image` and start it; from then on, its end is ours too."""
        client = connect_level(self._plan, self._number - 1)
        self._begun = True
        with self._events.phase(Phase.CREATE, level=self._number, log="dockerd"):
            create_level(client, self._plan, self._number, image)
        with self._events.phase(Phase.START, level=self._number, log="dockerd"):
            client.start(self._name)
        threading.Thread(target=self._watch, args=(ending,), name="level below", daemon=True).start()

    def _watch(self, ending: Ending) -> None:
        try:
            status = connect_level(self._plan, self._number - 1).wait(self._name)["StatusCode"]
        except (docker.errors.DockerException, RequestException, OSError):
            return  # The engine itself went away; whoever watches it says so.
        if ending.begun:
            return
        if status not in {EXIT_UNWOUND, EXIT_FAILED}:
            self._events.write(
                Phase.READY,
                State.FAIL,
                level=self._number,
                message=f"its runner ended unexpectedly, with status {status}",
                log_tail=tail(Path(self._plan.paths.log(self._number, "runner"))),
            )
        ending.because(f"level {self._number} ended")

    def outlive(self) -> None:
        """Wait until it has ended, as it does by itself once our lifeline is free; kill it when that takes too long."""
        if not self._begun:
            return
        client = connect_level(self._plan, self._number - 1)
        try:
            client.wait(self._name, timeout=stop_timeout_s(self._plan, self._number))
        except docker.errors.NotFound:
            return
        except (ReadTimeout, docker.errors.APIError):
            self._events.note(Phase.UNWIND, f"level {self._number} did not end in time and was killed")
            client.kill(self._name)
