"""Grow or shrink a running chain: write its new plan and signal the runner that has to act."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import docker

from inception.callbacks import ignore
from inception.chain.level_engines import level_0_engine, level_client
from inception.chain.plan_file import read_plan, save_plan
from inception.chain.prepare import facts_on, images_on, refusals_as_errors
from inception.chain.remote.program import run_remotely
from inception.chain.run_directory import make_level_directory
from inception.chain.status import refuse_paused
from inception.chain.watching.event_follower import follow, level_error
from inception.engine.connect import Engine
from inception.engine.translate import translated
from inception.errors import ChainError, ImageError, LevelError
from inception.image.runtimes import check_runtimes
from inception.image.supply import supply
from inception.level.containers import stop_timeout_s
from inception.linux import flock, lifeline
from inception.plan.chain import ChainPlan
from inception.plan.events import Event, Phase, State
from inception.plan.growth import grown, images_in, request_grown, shrunk
from inception.plan.protocol import SIGNAL_PLAN_CHANGED, Program
from inception.plan.request import Request


def grow(
    plan: ChainPlan,
    by: int,
    on_event: Callable[[Event], None],
    *,
    image: str | None = None,
    force: bool = False,
    on_message: Callable[[str], None] = ignore,
) -> ChainPlan:
    """Add `by` levels at the bottom of the chain and return its new plan once the new bottom is ready.

    They run from `image` if it is given; with `force` they need not fit by the estimates. `on_message` takes lines
    about steps that take long. Raises UsageError, PlanError, ImageError, ChainError, EngineError, or LevelError if a
    new level fails. On an error the chain keeps its depth.
    """
    with _exclusive(plan) as current:
        with level_0_engine(current, on_message) as engine:
            with refusals_as_errors():
                request = request_grown(current, by, image, force=force)
            deeper = _plan_and_supply(engine, current, request, on_message)
        for number in range(current.depth + 1, deeper.depth + 1):
            make_level_directory(deeper, number)
        events = Path(deeper.paths.events)
        offset = events.stat().st_size if events.exists() else 0
        _give_plan(deeper)
        try:
            _signal_runner(deeper, current.depth)
            _wait_until_ready(deeper, current.depth, offset, on_event)
        except BaseException:
            _end_levels(deeper, current)
            raise
        return deeper


def _plan_and_supply(engine: Engine, plan: ChainPlan, request: Request, on_message: Callable[[str], None]) -> ChainPlan:
    """Plan what `request` asks for, and give the engine of the bottom the images and seeds that it lacks for that."""
    own = {it.name: it for it in images_in(plan)}
    new = images_on(engine, [name for name in request.images if name not in own])
    if any(not it.image_id for it in new):
        raise ImageError(f"image {request.image} is not on this engine", remedy="make it with: inception image build")
    check_runtimes(engine.client, request)
    with refusals_as_errors():
        deeper = grown(plan, request, facts_on(engine, [*own.values(), *new]))
    with level_client(plan, plan.depth) as client:
        return supply(engine.client, client, deeper, plan.depth, on_message)


def shrink(plan: ChainPlan, by: int) -> ChainPlan:
    """Unwind the `by` deepest levels of the chain and return its new plan once they are gone.

    Raises UsageError, ChainError or EngineError.
    """
    with _exclusive(plan) as current:
        with refusals_as_errors():
            smaller = shrunk(current, by)
        _end_levels(current, smaller)
        return smaller


@contextmanager
def _exclusive(plan: ChainPlan) -> Iterator[ChainPlan]:
    """Lock the plan against other clients and give its present value. Raises ChainError if it is gone."""
    try:
        with flock.held(Path(plan.paths.level(0)) / "change.lock"):
            current = read_plan(Path(plan.paths.plan))
            if (current.name, current.run_directory) != (plan.name, plan.run_directory):
                raise ChainError(f"the plan of chain {plan.name} is of another chain", remedy="see: inception ls")
            refuse_paused(current)
            yield current
    except FileNotFoundError as error:
        raise ChainError(f"chain {plan.name} is gone", remedy="see: inception ls") from error


def _give_plan(plan: ChainPlan) -> None:
    """Put a new plan in place, here and on a remote engine's machine. Raises OSError, EngineError."""
    save_plan(plan)
    if plan.remote:
        with level_client(plan, 0) as client:
            run_remotely(client, plan, Program.ADOPT, str(plan.paths.plan), given=plan.to_json().encode())


def _signal_runner(plan: ChainPlan, number: int) -> None:
    """Make the runner of level `number` read its plan again."""
    with level_client(plan, plan.level(number).above) as client, translated(f"signalling level {number}"):
        client.kill(plan.level(number).container, SIGNAL_PLAN_CHANGED.name)


def _wait_until_ready(plan: ChainPlan, parent: int, offset: int, on_event: Callable[[Event], None]) -> None:
    """Wait until the bottom is ready, and all levels between level `parent` and it. Raises LevelError."""
    bottom_alive, parent_alive = Path(plan.paths.alive(plan.depth)), Path(plan.paths.alive(parent))

    def settled() -> bool:
        if not lifeline.is_held(parent_alive):
            return True
        return lifeline.is_held(bottom_alive) and lifeline.is_ready(bottom_alive)

    for event in follow(Path(plan.paths.events), stop=settled, offset=offset):
        on_event(event)
        if event.state is State.FAIL and event.level > parent:
            raise level_error(event)
    if not lifeline.is_held(parent_alive):
        raise LevelError(level=parent, phase=Phase.READY, reason="it ended while it was growing")


def _end_levels(plan: ChainPlan, smaller: ChainPlan) -> None:
    """End the levels that `plan` has and `smaller` has not, and wait until they are gone."""
    _give_plan(smaller)
    _signal_runner(smaller, smaller.depth)
    first = plan.level(smaller.depth + 1)
    with (
        level_client(plan, smaller.depth) as client,
        translated(f"waiting for the end of level {first.number}"),
        suppress(docker.errors.NotFound),
    ):
        client.wait(first.container, condition="removed", timeout=stop_timeout_s(plan, first.number))
    for number in range(smaller.depth + 1, plan.depth + 1):
        shutil.rmtree(plan.paths.level(number), ignore_errors=True)
    if plan.remote:
        _give_plan(smaller)  # Once more, for their directories there.
