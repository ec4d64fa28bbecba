"""The cycles and kills of a campaign are known before anything is touched."""

from __future__ import annotations

from itertools import islice

import pytest

from inception.errors import UsageError
from inception.plan.request import Request
from inception.stress.campaign import Campaign, cycles
from inception.stress.chaos import GREATEST_DELAY_S, Target, kill_for
from inception.stress.eta import Eta

REQUEST = Request(depth=4, name="dream", image="inception-level:test")


def test_campaign_is_one_cycle_of_one_chain_by_default() -> None:
    (only,) = cycles(Campaign(request=REQUEST))
    assert [(task.request.name, task.request.depth, task.kill) for task in only.tasks] == [("dream-1", 4, None)]


def test_every_chain_of_every_cycle_has_its_own_name() -> None:
    names = [
        task.request.name for cycle in cycles(Campaign(request=REQUEST, cycles=3, chains=2)) for task in cycle.tasks
    ]
    assert names == ["dream-1-1", "dream-1-2", "dream-2-1", "dream-2-2", "dream-3-1", "dream-3-2"]


def test_cycles_without_a_number_are_endless() -> None:
    endless = cycles(Campaign(request=REQUEST, cycles=None, time_limit_s=1))
    assert [cycle.number for cycle in islice(endless, 1000)][-1] == 1000


def test_seed_repeats_the_kills_in_order() -> None:
    campaign = Campaign(request=REQUEST, cycles=50, chaos_seed=7)
    first, again = ([task.kill for cycle in cycles(campaign) for task in cycle.tasks] for _ in range(2))
    assert first == again
    other = [task.kill for cycle in cycles(Campaign(request=REQUEST, cycles=50, chaos_seed=8)) for task in cycle.tasks]
    assert first != other


def test_longer_campaign_begins_with_the_kills_of_a_shorter_one() -> None:
    short, long = (
        [task.kill for cycle in cycles(Campaign(request=REQUEST, cycles=count, chaos_seed=7)) for task in cycle.tasks]
        for count in (5, 50)
    )
    assert long[:5] == short


def test_kills_hit_every_target_at_every_level_that_has_it() -> None:
    kills = [kill_for(7, cycle, 1, 4) for cycle in range(1, 400)]
    assert {kill.target for kill in kills} == set(Target)
    assert {kill.level for kill in kills} == {1, 2, 3, 4}
    for kill in kills:
        assert kill.level <= kill.trigger <= 4
        assert 0 <= kill.delay_s <= GREATEST_DELAY_S
        # The bottom has no level below it, and so no shim.
        assert kill.target is not Target.SHIM or kill.level < kill.trigger


@pytest.mark.parametrize(
    ("campaign", "complaint"),
    [
        (Campaign(request=Request(depth=0, name="dream", image="x")), "nests nothing"),
        (Campaign(request=Request(depth=1, name="d" * 25, image="x")), "too long"),
        (Campaign(request=REQUEST, cycles=None), "without an end"),
    ],
)
def test_contradictory_options_are_refused(campaign: Campaign, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        campaign.check()


def test_soak_counts_as_left_when_the_bottom_is_ready() -> None:
    eta = Eta(campaign=Campaign(request=REQUEST, soak_s=300.0))
    left_s = eta.left_s(0, REQUEST.depth, 5.0)
    assert left_s is not None
    assert 300.0 < left_s < 310.0


def test_time_left_shrinks_as_levels_and_cycles_are_done() -> None:
    eta = Eta(campaign=Campaign(request=REQUEST, cycles=3)).after_level(1, 10.0).after_level(3, 14.0)
    assert eta.level_s == 2.0
    left = [eta.left_s(0, level, 0.0) or 0.0 for level in range(5)]
    assert left == sorted(left, reverse=True)
    assert eta.after_cycle(20.0).left_s(1, 0, 20.0) == 40.0
    assert eta.after_cycle(20.0).left_s(3, 0, 60.0) == 0.0


def test_time_left_when_all_levels_are_measured_is_that_of_the_unwinding() -> None:
    eta = Eta(campaign=Campaign(request=REQUEST)).after_level(1, 10.0).after_level(3, 14.0)
    left = [eta.left_s(0, REQUEST.depth, 0.0, measured=number) or 0.0 for number in range(REQUEST.depth + 1)]
    assert left == sorted(left, reverse=True)
    assert left[-1] == pytest.approx(0.15 * 2.0 * REQUEST.depth)


def test_time_limit_bounds_the_time_left() -> None:
    bounded = Eta(campaign=Campaign(request=REQUEST, cycles=100, time_limit_s=60))
    assert bounded.left_s(0, 0, 50.0) == 10.0
    endless = Eta(campaign=Campaign(request=REQUEST, cycles=None, time_limit_s=60, chaos_seed=1))
    assert endless.left_s(7, 0, 45.0) == 15.0
