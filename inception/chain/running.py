"""A running chain, seen from outside: started, watched until its bottom answers, reached, unwound."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import docker
from requests.exceptions import RequestException

from inception.chain.payload import copy_payload
from inception.chain.watch import follow
from inception.engine.translate import translated
from inception.errors import ChainError, LevelError
from inception.level import lifeline
from inception.level.containers import create_level, stop_timeout_s
from inception.level.engine import connect_level
from inception.plan.chain import ChainPlan
from inception.plan.events import Event, Phase, State

_PRIVATE = 0o700
_KICK_LIMIT_S = 30.0


class RunningChain:
    """One chain of `plan`, in the engine of `client`."""

    def __init__(self, client: docker.APIClient, plan: ChainPlan) -> None:
        self._client = client
        self.plan = plan
        self._events_path = Path(plan.paths.events)
        self._gone = threading.Event()

    def client_of(self, level: int) -> docker.APIClient:
        """A client of the engine at `level`; 0 is the one that the chain stands on."""
        if level == 0:
            return self._client
        return connect_level(self.plan, level)

    def start_level_1(self) -> None:
        """Create and start level 1; it does the rest."""
        level = self.plan.level(1)
        try:
            with translated("creating level 1"):
                create_level(self._client, self.plan, 1, self.plan.image)
        except BaseException:
            self._gone.set()
            raise
        threading.Thread(target=self._wait_until_gone, args=(level.container,), daemon=True).start()
        with translated("starting level 1"):
            self._client.start(level.container)

    def _wait_until_gone(self, container: str) -> None:
        # An error says that it was gone before we asked, or that its engine is.
        with suppress(docker.errors.DockerException, RequestException, OSError):
            self._client.wait(container, condition="removed", timeout=None)
        self._gone.set()

    def wait_until_ready(self, show: Callable[[Event], None]) -> None:
        """Show every event until the bottom answers.

        Raises LevelError, or ChainError if the chain is gone without a word.
        """
        for event in follow(self._events_path, stop=self._gone.is_set):
            show(event)
            if event.state is State.FAIL:
                raise LevelError(
                    level=event.level,
                    phase=event.phase,
                    reason=event.message or "no reason given",
                    remedy=event.remedy,
                    log_tail=event.log_tail,
                )
            if event.phase is Phase.READY and event.level == self.plan.depth:
                return
        raise ChainError(f"chain {self.plan.name} ended before its bottom was reached", remedy="see the engine's log")

    def wait_until_gone(self, timeout_s: float) -> bool:
        """Whether level 1, and with it everything below, is gone within `timeout_s` seconds."""
        return self._gone.wait(timeout_s)

    def kick(self) -> None:
        """End the chain at once: killing level 1's PID namespace kills every process below."""
        try:
            self._client.remove_container(self.plan.level(1).container, force=True, v=True)
        except docker.errors.NotFound:
            self._gone.set()
        except docker.errors.APIError as error:
            if error.status_code != 409:  # noqa: PLR2004 - HTTP: its removal is already in progress
                raise
        self._gone.wait(_KICK_LIMIT_S)


@contextmanager
def running(client: docker.APIClient, plan: ChainPlan) -> Iterator[RunningChain]:
    """Start the chain of `plan` and unwind it in the end, whatever happens in between.

    Raises ChainError if its name is taken.
    """
    run_directory = Path(plan.run_directory)
    _make_run_directory(run_directory, plan)
    try:
        client_lifeline = lifeline.hold(Path(plan.paths.lifeline(0)))
        chain = RunningChain(client, plan)
        try:
            chain.start_level_1()
            yield chain
        finally:
            os.close(client_lifeline)
            with translated("unwinding"):
                if not chain.wait_until_gone(stop_timeout_s(plan, 1)):
                    chain.kick()
    finally:
        shutil.rmtree(run_directory, ignore_errors=True)


def _make_run_directory(run_directory: Path, plan: ChainPlan) -> None:
    run_directory.parent.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    try:
        run_directory.mkdir(mode=_PRIVATE)
    except FileExistsError as error:
        raise ChainError(
            f"a chain named {plan.name} is already there", remedy="choose another --name, or end it first"
        ) from error
    for number in range(plan.depth + 1):
        Path(plan.paths.level(number)).mkdir(mode=_PRIVATE)
    copy_payload(Path(plan.paths.payload))
    Path(plan.paths.plan).write_text(plan.to_json())
