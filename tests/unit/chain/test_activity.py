from __future__ import annotations

from dataclasses import replace

from inception.chain.status import ChainState, ChainStatus, LevelState, LevelStatus
from inception.chain.watching.activity import Reading, activities, own_use
from inception.plan.engine.options import LevelRange
from inception.plan.resources import Resource, ResourceLimit
from tests.factories.plans import plan

READING = Reading(time_s=10.0, cpu_s=4.0, memory=300, tasks=30, containers=("web",))


def status(*states: LevelState) -> ChainStatus:
    levels = tuple(LevelStatus(number=number, state=state) for number, state in enumerate(states, 1))
    return ChainStatus(plan=plan(len(states)), state=ChainState.RUNNING, levels=levels)


def test_the_use_of_level_1_is_without_that_of_the_levels_below_it() -> None:
    deeper = replace(READING, cpu_s=1.0, memory=100, tasks=10, containers=())
    assert own_use(plan(3), (READING, deeper, deeper)) == (
        replace(READING, cpu_s=2.0, memory=100, tasks=10),
        deeper,
        deeper,
    )


def test_the_use_of_a_level_with_limits_is_without_that_of_the_levels_below_it() -> None:
    limit = ResourceLimit(resource=Resource.PIDS, levels=LevelRange(first=2, last=2), amount=500)
    second = replace(READING, cpu_s=3.0, memory=250, tasks=22)
    third = replace(READING, cpu_s=1.0, memory=100, tasks=10)
    own = own_use(plan(3, resources=(limit,)), (READING, second, third))
    assert [it and (it.cpu_s, it.memory, it.tasks) for it in own] == [(1.0, 50, 8), (2.0, 150, 12), (1.0, 100, 10)]


def test_the_use_of_level_1_is_whole_where_a_level_below_is_silent() -> None:
    assert own_use(plan(2), (READING, None)) == (READING, None)
    assert own_use(plan(2), (None, READING)) == (None, READING)


def test_processors_are_counted_between_two_readings() -> None:
    chain = status(LevelState.READY, LevelState.READY, LevelState.BOOTING)
    before = (READING, None, None)
    now = (replace(READING, time_s=12.0, cpu_s=5.0), READING, None)
    first, second, third = activities(chain, before, now)
    assert (first.cpu, first.memory, first.containers) == (0.5, 300, ("web",))
    assert (second.cpu, second.tasks) == (None, 30)
    assert (third.state, third.cpu, third.memory) == (LevelState.BOOTING, None, None)


def test_a_level_that_came_between_two_readings_has_no_use_of_processors_yet() -> None:
    chain = status(LevelState.READY, LevelState.READY)
    assert [it.cpu for it in activities(chain, (READING,), (replace(READING, time_s=11.0), READING))] == [0.0, None]
