"""A running chain made deeper or less deep: its plan is written anew, and the runner that has to act is told."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import docker

from inception.callbacks import ignore
from inception.chain.connect import level_0_engine, level_client
from inception.chain.event_follower import as_error, follow
from inception.chain.prepare import facts_on, refusing
from inception.chain.run_directory import make_level_directory
from inception.chain.status import save_plan
from inception.engine.translate import translated
from inception.errors import ChainError, LevelError
from inception.level.containers import stop_timeout_s
from inception.level.mailbox import SIGNAL_PLAN_CHANGED
from inception.linux import lifeline
from inception.plan.chain import ChainPlan
from inception.plan.events import Event, Phase, State
from inception.plan.growth import grown, shrunk


def grow(plan: ChainPlan, by: int, on_event: Callable[[Event], None]) -> ChainPlan:
    """Let the chain of `plan` grow by that many levels at its bottom; returns its plan once the new bottom answers.

    Raises UsageError, PlanError, EngineError, or LevelError where a new level fails: then the chain is as before.
    """
    with _alone(plan) as current:
        with level_0_engine(current, ignore) as engine:
            facts = facts_on(engine, current.image_id)
        with refusing():
            deeper = grown(current, by, facts)
        for number in range(current.depth + 1, deeper.depth + 1):
            make_level_directory(deeper, number)
        events = Path(deeper.paths.events)
        offset = events.stat().st_size if events.exists() else 0
        save_plan(deeper)
        try:
            _tell(deeper, current.depth)
            _wait_until_ready(deeper, current.depth, offset, on_event)
        except BaseException:
            _shed(deeper, current)
            raise
        return deeper


def shrink(plan: ChainPlan, by: int) -> ChainPlan:
    """Unwind the deepest levels of the chain of `plan`, that many; returns its plan once they are gone.

    Raises UsageError or EngineError.
    """
    with _alone(plan) as current:
        with refusing():
            smaller = shrunk(current, by)
        _shed(current, smaller)
        return smaller


def refuse_far(plan: ChainPlan) -> None:
    """Raise ChainError if the chain's runners read a plan that lies on another machine."""
    if plan.remote:
        raise ChainError(
            f"chain {plan.name} on {plan.endpoint} cannot grow or shrink: its plan lies on the engine's machine",
            remedy="start one of the depth that you want, or run inception on that machine",
        )


@contextmanager
def _alone(plan: ChainPlan) -> Iterator[ChainPlan]:
    """The plan as it is now, and as only we may change it inside. Raises ChainError for a chain gone or far away."""
    try:
        descriptor = os.open(Path(plan.paths.level(0)) / "change.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            current = ChainPlan.from_json(Path(plan.paths.plan).read_text())
            refuse_far(current)
            yield current
        finally:
            os.close(descriptor)
    except FileNotFoundError as error:
        raise ChainError(f"chain {plan.name} is gone", remedy="see: inception ls") from error


def _tell(plan: ChainPlan, number: int) -> None:
    """Have the runner of level `number` read its plan again."""
    with level_client(plan, number - 1) as client, translated(f"telling level {number}"):
        client.kill(plan.level(number).container, SIGNAL_PLAN_CHANGED.name)


def _wait_until_ready(plan: ChainPlan, above: int, offset: int, on_event: Callable[[Event], None]) -> None:
    """Wait until the bottom answers that level `above` is making. Raises LevelError."""
    bottom, maker = Path(plan.paths.alive(plan.depth)), Path(plan.paths.alive(above))

    def settled() -> bool:
        return (lifeline.is_held(bottom) and lifeline.is_ready(bottom)) or not lifeline.is_held(maker)

    for event in follow(Path(plan.paths.events), stop=settled, offset=offset):
        on_event(event)
        if event.state is State.FAIL and event.level > above:
            raise as_error(event)
    if not lifeline.is_held(maker):
        raise LevelError(level=above, phase=Phase.READY, reason="it ended while it was growing")


def _shed(plan: ChainPlan, smaller: ChainPlan) -> None:
    """Have the levels ended that `plan` has and `smaller` has not, and wait until they are gone."""
    save_plan(smaller)
    _tell(smaller, smaller.depth)
    first = plan.level(smaller.depth + 1)
    with (
        level_client(plan, smaller.depth) as client,
        translated(f"waiting for the end of level {first.number}"),
        suppress(docker.errors.NotFound),
    ):
        client.wait(first.container, condition="removed", timeout=stop_timeout_s(plan, first.number))
    for number in range(smaller.depth + 1, plan.depth + 1):
        shutil.rmtree(plan.paths.level(number), ignore_errors=True)
