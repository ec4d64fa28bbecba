from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from inception.plan.chain import ChainPlan
from inception.plan.growth import grown, shrunk
from inception.plan.pids import PidNamespace
from inception.plan.refusal import Refusal
from inception.plan.request import Storage
from tests.factories.plans import FACTS, HOST, plan


@pytest.mark.parametrize("by", [1, 2, 20])
def test_growing_keeps_the_existing_levels(by: int) -> None:
    before = plan(4)
    after = grown(before, by, FACTS)
    assert after.depth == 4 + by
    assert after.levels[:4] == before.levels
    assert [level.number for level in after.levels] == list(range(1, 5 + by))
    assert ChainPlan.from_json(after.to_json()) == after


def test_new_levels_get_addresses_that_no_level_has() -> None:
    deeper = grown(grown(plan(4), 3, FACTS), 3, FACTS)
    blocks = [IPv4Network(level.subnet.block) for level in deeper.levels]
    assert not any(a.overlaps(b) for n, a in enumerate(blocks) for b in blocks[n + 1 :])


def test_new_levels_share_pid_namespaces_where_the_kernel_has_no_more() -> None:
    deeper = grown(plan(30), 5, FACTS)
    assert [level.pid_namespace for level in deeper.levels[30:]] == [PidNamespace.PRIVATE] + [PidNamespace.SHARED] * 4


def test_new_images_fit_inside_the_existing_ones() -> None:
    deeper = grown(plan(2, storage=Storage.LOOPBACK), 1, FACTS)
    sizes = [level.storage.size or 0 for level in deeper.levels]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[:2] == [level.storage.size for level in plan(2, storage=Storage.LOOPBACK).levels]


def test_growth_beyond_the_free_resources_is_refused() -> None:
    with pytest.raises(Refusal, match="needs"):
        grown(plan(4), 2, replace(FACTS, host=replace(HOST, memory_available=1 << 20)))


def test_shrunk_is_the_inverse_of_grown() -> None:
    before = plan(4)
    assert shrunk(grown(before, 3, FACTS), 3).levels == before.levels


@pytest.mark.parametrize("by", [4, 5])
def test_shrinking_to_no_level_is_refused(by: int) -> None:
    with pytest.raises(Refusal, match="leave none") as refused:
        shrunk(plan(4), by)
    assert "inception down dream" in refused.value.remedy


@pytest.mark.parametrize("by", [0, -1])
def test_growing_and_shrinking_by_no_level_is_refused(by: int) -> None:
    with pytest.raises(Refusal):
        grown(plan(4), by, FACTS)
    with pytest.raises(Refusal):
        shrunk(plan(4), by)
