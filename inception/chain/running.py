"""Start a chain, wait until its bottom is ready, watch it, and unwind it."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import docker
from requests.exceptions import RequestException

from inception.chain.freezer import thaw
from inception.chain.remote.start import await_mirror_end, client_lock, fill, start_mirror
from inception.chain.run_directory import make_run_directory
from inception.chain.stopped.stopping import create_restored
from inception.chain.teardown import kick, take_down
from inception.chain.watching.event_follower import follow, level_error
from inception.errors import Interrupted
from inception.level.containers import create_level, stop_timeout_s
from inception.level.engine.client import connect_level
from inception.level.event_log import EventLog, tail
from inception.level.failure import LevelFailure
from inception.linux import lifeline
from inception.plan.chain import ChainPlan
from inception.plan.events import Event, Phase, State
from inception.plan.protocol import UNREPORTED, RunnerExit

_LAST_EVENTS_LIMIT_S = 2.0
"""Seconds to wait for the last events of a chain that has ended."""


class RunningChain:
    """The client's side of one chain, in the engine of `client`.

    `on_event` is called with every event, in a thread of its own.
    """

    def __init__(self, client: docker.APIClient, plan: ChainPlan, on_event: Callable[[Event], None]) -> None:
        self._client = client
        self._on_event = on_event
        self._start_over = threading.Event()
        self._gone = threading.Event()
        self._settled = threading.Event()
        self._failure: Event | None = None
        self._ready: set[int] = set()
        self._status: int | None = None
        self._follower_error: Exception | None = None
        self._follower = threading.Thread(target=self._follow, name="follow events", daemon=True)
        self._waiter = threading.Thread(target=self._wait_until_gone, name="wait for level 1", daemon=True)
        self._container = plan.level(1).container
        self.plan = plan

    def client_of(self, level: int) -> docker.APIClient:
        """Return a client of the engine at `level`, which may be 0."""
        return self._client if level == 0 else connect_level(self.plan, level)

    def start(self) -> None:
        """Create and start level 1, whose runner starts the next level. Failures are raised by `wait_until_ready`."""
        events = EventLog(self.plan.paths, 0)
        self._follower.start()
        try:
            self._create_and_start(events)
        finally:
            self._start_over.set()
        if events.unreported is not None:
            self._handle(events.unreported)

    def _create_and_start(self, events: EventLog) -> None:
        with suppress(LevelFailure):
            with events.phase(Phase.CREATE, level=1):
                if self.plan.restored:
                    create_restored(self._client, self.plan)
                else:
                    create_level(self._client, self.plan, 1, self.plan.level(1).image)
                if self.plan.remote:
                    fill(self._client, self.plan)
            self._waiter.start()
            with events.phase(Phase.START, level=1):
                self._client.start(self._container)
                if self.plan.remote:
                    start_mirror(self.plan)

    def _wait_until_gone(self) -> None:
        # An error means that the container or its engine was already gone.
        with suppress(docker.errors.DockerException, RequestException, OSError):
            self._status = self._client.wait(self._container, condition="removed", timeout=None)["StatusCode"]
        # A container that cannot be started is removed before the engine answers: that says why it is gone.
        self._start_over.wait()
        self._gone.set()

    def _follow(self) -> None:
        try:
            for event in follow(Path(self.plan.paths.events), stop=self._gone.is_set):
                self._handle(event)
            if not self._settled.is_set():
                self._handle(self._unreported_failure())
        except Exception as error:  # noqa: BLE001 - `check` raises it in the main thread
            self._follower_error = error
        self._settled.set()

    def _handle(self, event: Event) -> None:
        self._on_event(event)
        if event.state is State.FAIL and self._failure is None and event.level <= self.plan.depth:
            self._failure = event
            self._settled.set()
        if event.phase is Phase.READY and event.state is State.END:
            self._ready.add(event.level)
            if self._ready.issuperset(self.plan.shape.bottoms):
                self._settled.set()

    def adopt(self, plan: ChainPlan) -> None:
        """Replace the plan of a chain that was resized, and forget a failure of a level that is no longer in it."""
        self.plan = plan
        if self._failure is not None and self._failure.level > plan.depth:
            self._failure = None

    def wait_until_ready(self) -> None:
        """Wait until the bottom is ready. Raises LevelError, or an error of `on_event`."""
        self._settled.wait()
        self.check()

    def check(self) -> None:
        """Raise LevelError if a level failed or level 1 ended without reporting why; raise an error of `on_event`."""
        if self._follower_error is not None:
            raise self._follower_error
        if (failure := self._failure) is not None:
            raise level_error(failure)
        if self._gone.is_set():
            raise level_error(self._unreported_failure())

    def _unreported_failure(self) -> Event:
        """Return the failure event that level 1 did not write before it ended."""
        return Event(
            time_s=time.time(),
            monotonic_s=time.monotonic(),
            level=1,
            phase=Phase.READY,
            state=State.FAIL,
            message=unreported_end(self._status, self.plan.ttl_s),
            log_tail=tail(Path(self.plan.paths.log(1, "runner"))),
        )

    def unwind(self) -> None:
        """Wait until all levels have ended, as they do once the client's lifeline is free.

        A chain that takes too long is kicked; an ending signal kicks it at once. Raises EngineError.
        """
        self._settled.set()  # From here on the end of level 1 is no failure.
        thaw(self._client, self.plan)
        if self._waiter.is_alive():
            with suppress(Interrupted):
                self._gone.wait(stop_timeout_s(self.plan, 1))
        if not self._gone.is_set():
            self.kick()
        self._follower.join(_LAST_EVENTS_LIMIT_S)

    def kick(self) -> None:
        """Kill all levels at once and wait until level 1 is removed. Raises EngineError."""
        self._settled.set()
        kick(self._client, self.plan)
        self._gone.set()


def unreported_end(status: int | None, ttl_s: float | None) -> str:
    """Return why level 1 ended with `status` before its chain was ready, without a report of its own."""
    if status == RunnerExit.FAILED_UNREPORTED:
        return UNREPORTED
    if status != RunnerExit.UNWOUND:
        return "its runner ended unexpectedly"
    ended = "it was ended on purpose before the chain was ready"
    return ended if ttl_s is None else f"{ended}, or its time to live of {ttl_s:g} s was over"


@contextmanager
def running(client: docker.APIClient, plan: ChainPlan, on_event: Callable[[Event], None]) -> Iterator[RunningChain]:
    """Start the chain of `plan`, give it once its bottom is ready, and unwind it at the end, also after an error.

    Raises ChainError if its name is taken, LevelError if a level fails to start.
    """
    with ExitStack() as stack:
        client_lifeline = make_run_directory(plan)
        if plan.remote:
            stack.callback(os.close, lifeline.hold(client_lock(plan)))
        stack.callback(shutil.rmtree, plan.run_directory, ignore_errors=True)
        stack.callback(await_mirror_end, plan)
        chain = RunningChain(client, plan, on_event)
        stack.callback(chain.unwind)
        stack.callback(os.close, client_lifeline)
        chain.start()
        chain.wait_until_ready()
        yield chain


def start_detached(client: docker.APIClient, plan: ChainPlan, on_event: Callable[[Event], None]) -> None:
    """Start the chain of `plan` and return once its bottom is ready; it stays when this program ends.

    Raises ChainError if its name is taken, LevelError if a level fails to start. On an error nothing is left of the
    chain.
    """
    client_lifeline = make_run_directory(plan)
    try:
        chain = RunningChain(client, plan, on_event)
        try:
            chain.start()
            chain.wait_until_ready()
        except BaseException:
            take_down(client, plan)
            raise
    finally:
        os.close(client_lifeline)
