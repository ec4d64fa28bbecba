"""A running chain, seen from outside: started, watched until its bottom answers, reached, unwound."""

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

from inception.chain.event_follower import as_error, follow
from inception.chain.remote.mirror import Mirror
from inception.chain.run_directory import make_run_directory
from inception.chain.teardown import kick, take_down
from inception.errors import Interrupted, PlanError
from inception.level.containers import create_level, stop_timeout_s
from inception.level.engine_client import connect_level
from inception.level.event_log import EventLog, tail
from inception.level.failure import LevelFailure
from inception.plan.chain import ChainPlan
from inception.plan.events import Event, Phase, State
from inception.plan.protocol import UNREPORTED, RunnerExit

_LAST_EVENTS_LIMIT_S = 2.0


class RunningChain:
    """One chain of `plan` in the engine of `client`. `on_event` is given every event, from a thread of its own.

    Without a `mirror`, that engine sees the run directory.
    """

    def __init__(
        self, client: docker.APIClient, plan: ChainPlan, on_event: Callable[[Event], None], mirror: Mirror | None = None
    ) -> None:
        self._client = client
        self._mirror = mirror
        self._on_event = on_event
        self._gone = threading.Event()
        self._settled = threading.Event()
        self._failure: Event | None = None
        self._status: int | None = None
        self._unshown: Exception | None = None
        self._follower = threading.Thread(target=self._follow, name="follow events", daemon=True)
        self._waiter = threading.Thread(target=self._wait_until_gone, name="wait for level 1", daemon=True)
        self._container = plan.level(1).container
        self.plan = plan

    def client_of(self, level: int) -> docker.APIClient:
        """A client of the engine at `level`; 0 is the one that the chain stands on."""
        return self._client if level == 0 else connect_level(self.plan, level)

    def start(self) -> None:
        """Create and start level 1; it does the rest. `wait_until_ready` tells how it went."""
        events = EventLog(self.plan.paths, 0)
        self._follower.start()
        with suppress(LevelFailure):
            with events.phase(Phase.CREATE, level=1):
                create_level(self._client, self.plan, 1, self.plan.image)
                if self._mirror:
                    self._mirror.fill()
            self._waiter.start()
            with events.phase(Phase.START, level=1):
                self._client.start(self._container)
                if self._mirror:
                    self._mirror.open()
        if events.unreported is not None:
            self._take_in(events.unreported)

    def _wait_until_gone(self) -> None:
        # An error says that it was gone before we asked, or that its engine is.
        with suppress(docker.errors.DockerException, RequestException, OSError):
            self._status = self._client.wait(self._container, condition="removed", timeout=None)["StatusCode"]
        self._gone.set()

    def _follow(self) -> None:
        try:
            for event in follow(Path(self.plan.paths.events), stop=self._gone.is_set):
                self._take_in(event)
            if not self._settled.is_set():
                self._take_in(self._silent_end())
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised in the main thread
            self._unshown = error
        self._settled.set()

    def _take_in(self, event: Event) -> None:
        self._on_event(event)
        if event.state is State.FAIL and self._failure is None and event.level <= self.plan.depth:
            self._failure = event
            self._settled.set()
        if event.phase is Phase.READY and event.state is State.END and event.level == self.plan.depth:
            self._settled.set()

    def adopt(self, plan: ChainPlan) -> None:
        """From now on the chain is that of `plan`, which has grown or shrunk."""
        self.plan = plan
        if self._failure is not None and self._failure.level > plan.depth:
            self._failure = None

    def wait_until_ready(self) -> None:
        """Wait until the bottom answers. Raises LevelError."""
        self._settled.wait()
        self.check()

    def check(self) -> None:
        """Raise LevelError if a level failed, level 1 too if it is gone without a word, and what `on_event` raised."""
        if self._unshown is not None:
            raise self._unshown
        if (failure := self._failure) is not None:
            raise as_error(failure)
        if self._gone.is_set():
            raise as_error(self._silent_end())

    def _silent_end(self) -> Event:
        """What level 1 should have said when it ended."""
        return Event(
            time_s=time.time(),
            monotonic_s=time.monotonic(),
            level=1,
            phase=Phase.READY,
            state=State.FAIL,
            message=UNREPORTED if self._status == RunnerExit.FAILED_UNREPORTED else "its runner ended unexpectedly",
            log_tail=tail(Path(self.plan.paths.log(1, "runner"))),
        )

    def unwind(self) -> None:
        """Wait until all levels have ended, as they do once the client's lifeline is free; kick them if they do not.

        An ending signal while waiting kicks the chain at once.
        """
        self._settled.set()  # From here on its end is no news.
        if self._waiter.is_alive():
            with suppress(Interrupted):
                self._gone.wait(stop_timeout_s(self.plan, 1))
        if not self._gone.is_set():
            self.kick()
        self._follower.join(_LAST_EVENTS_LIMIT_S)

    def kick(self) -> None:
        """End the chain at once."""
        self._settled.set()
        kick(self._client, self.plan)
        self._gone.set()


@contextmanager
def running(client: docker.APIClient, plan: ChainPlan, on_event: Callable[[Event], None]) -> Iterator[RunningChain]:
    """The chain of `plan`, its bottom answering; it is unwound in the end, whatever happens in between.

    Raises ChainError if its name is taken, LevelError if a level fails on the way down.
    """
    with ExitStack() as stack:
        held = make_run_directory(plan)
        stack.callback(shutil.rmtree, plan.run_directory, ignore_errors=True)
        mirror = Mirror(client, plan) if plan.remote else None
        chain = RunningChain(client, plan, on_event, mirror)
        stack.callback(chain.unwind)
        if mirror:
            stack.callback(mirror.close)
        stack.callback(os.close, held)
        chain.start()
        chain.wait_until_ready()
        yield chain


def start_detached(client: docker.APIClient, plan: ChainPlan, on_event: Callable[[Event], None]) -> None:
    """Start the chain of `plan`, which lives on when we are gone; returns when its bottom answers.

    Raises PlanError on a remote engine, ChainError if its name is taken, LevelError if a level fails on the way down:
    then nothing is left.
    """
    if plan.remote:
        raise PlanError(
            f"a chain on {plan.endpoint} needs its client, which is its way to this machine",
            remedy="attach to it with --depth, or run `inception up` on the engine's machine",
        )
    held = make_run_directory(plan)
    try:
        chain = RunningChain(client, plan, on_event)
        try:
            chain.start()
            chain.wait_until_ready()
        except BaseException:
            take_down(client, plan)
            raise
    finally:
        os.close(held)
