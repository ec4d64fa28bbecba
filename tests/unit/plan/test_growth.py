from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from inception.plan.chain import ChainPlan
from inception.plan.engine.options import parse_dockerd_argument, parse_level_image
from inception.plan.engine.seeds import ImageFacts
from inception.plan.estimate import MEMORY_PER_LEVEL
from inception.plan.facts import Facts
from inception.plan.growth import grown, images_in, request_grown, shrunk
from inception.plan.pids import PidNamespace
from inception.plan.refusal import Refusal
from inception.plan.request import Storage, parse_level_store
from tests.factories.plans import FACTS, HOST, IMAGE, IMAGE_ID, plan

B = ImageFacts(name="level:b", image_id="sha256:" + "b" * 64, engine_version="28.5.2")


def _grown(before: ChainPlan, by: int, facts: Facts = FACTS, image: str | None = None) -> ChainPlan:
    return grown(before, request_grown(before, by, image), facts)


@pytest.mark.parametrize("by", [1, 2, 20])
def test_growing_keeps_the_existing_levels(by: int) -> None:
    before = plan(4)
    after = _grown(before, by, FACTS)
    assert after.depth == 4 + by
    assert after.levels[:4] == before.levels
    assert [level.number for level in after.levels] == list(range(1, 5 + by))
    assert ChainPlan.from_json(after.to_json()) == after


def test_new_levels_get_addresses_that_no_level_has() -> None:
    deeper = _grown(_grown(plan(4), 3, FACTS), 3, FACTS)
    blocks = [IPv4Network(level.subnet.block) for level in deeper.levels]
    assert not any(a.overlaps(b) for n, a in enumerate(blocks) for b in blocks[n + 1 :])


def test_new_levels_share_pid_namespaces_where_the_kernel_has_no_more() -> None:
    deeper = _grown(plan(30), 5, FACTS)
    assert [level.pid_namespace for level in deeper.levels[30:]] == [PidNamespace.PRIVATE] + [PidNamespace.SHARED] * 4


def test_new_images_fit_inside_the_existing_ones() -> None:
    deeper = _grown(plan(2, storage=Storage.LOOPBACK), 1, FACTS)
    sizes = [level.storage.size or 0 for level in deeper.levels]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[:2] == [level.storage.size for level in plan(2, storage=Storage.LOOPBACK).levels]


def test_growth_beyond_the_free_resources_is_refused() -> None:
    with pytest.raises(Refusal, match="needs"):
        _grown(plan(4), 2, replace(FACTS, host=replace(HOST, memory_available=1 << 20)))


def test_only_what_new_levels_take_has_to_be_free() -> None:
    host = replace(HOST, memory_available=2 * MEMORY_PER_LEVEL)
    deeper = _grown(plan(40), 2, replace(FACTS, host=host))
    assert deeper.estimate.memory == 42 * MEMORY_PER_LEVEL
    for before, deepest in ((plan(40), 42), (shrunk(plan(40), 36), 6)):
        with pytest.raises(Refusal, match="of memory are free") as refused:
            _grown(before, 3, replace(FACTS, host=host))
        assert (refused.value.remedy or "").startswith(f"go {deepest} deep at most")


def test_growth_by_force_need_not_fit() -> None:
    facts = replace(FACTS, host=replace(HOST, memory_available=1 << 20))
    before = plan(4)
    assert grown(before, request_grown(before, 2, force=True), facts).depth == 6


def test_shrunk_is_the_inverse_of_grown() -> None:
    before = plan(4)
    after = shrunk(_grown(before, 3, FACTS), 3)
    assert (after.levels, after.estimate) == (before.levels, before.estimate)


@pytest.mark.parametrize("by", [4, 5])
def test_shrinking_to_no_level_is_refused(by: int) -> None:
    with pytest.raises(Refusal, match="leave none") as refused:
        shrunk(plan(4), by)
    assert "inception down dream" in refused.value.remedy


@pytest.mark.parametrize("by", [0, -1])
def test_growing_and_shrinking_by_no_level_is_refused(by: int) -> None:
    with pytest.raises(Refusal):
        _grown(plan(4), by, FACTS)
    with pytest.raises(Refusal):
        shrunk(plan(4), by)


def test_a_chain_that_shrank_grows_without_the_options_of_levels_that_are_gone() -> None:
    smaller = shrunk(plan(4, dockerd=(parse_dockerd_argument("4:--debug"),)), 2)
    assert _grown(smaller, 1).depth == 3
    assert _grown(smaller, 2).request.dockerd == smaller.request.dockerd


def test_levels_that_grow_from_a_new_image_get_its_seed_from_the_engine_of_the_bottom() -> None:
    facts = replace(FACTS, images=(IMAGE, B))
    before = plan(2)
    after = _grown(before, 2, facts, image=B.name)
    assert [level.image for level in after.levels] == [IMAGE.name, IMAGE.name, B.name, B.name]
    assert after.levels[:2] == before.levels
    assert [(seed.image, seed.home) for seed in after.seeds] == [(IMAGE.name, 0), (B.name, 2)]
    assert {it.name: it.image_id for it in images_in(after)} == {IMAGE.name: IMAGE_ID, B.name: B.image_id}
    # It stays with that image.
    assert _grown(after, 1, facts).level(5).image == B.name
    assert _grown(after, 1, facts).seeds == after.seeds


def test_growing_by_an_engine_without_the_store_asked_for_is_refused_with_the_cause() -> None:
    old = ImageFacts(name="level:old", image_id="sha256:" + "c" * 64, engine_version="20.10.24+dfsg1")
    facts = replace(FACTS, images=(IMAGE, old))
    before = plan(2, image_store=(parse_level_store("containerd"),))
    with pytest.raises(Refusal, match=r"level 3 .* level:old has Docker 20\.10\.24\+dfsg1") as refused:
        _grown(before, 1, facts, image=old.name)
    assert "--image-store" in refused.value.remedy
    ours = plan(2, image_store=(parse_level_store("1-2=containerd"),))
    assert _grown(ours, 1, facts, image=old.name).level(3).image == old.name


def test_a_seed_goes_with_the_engine_that_has_it() -> None:
    after = _grown(plan(2), 2, replace(FACTS, images=(IMAGE, B)), image=B.name)
    assert shrunk(after, 2).seeds == after.seeds
    assert shrunk(after, 3).seeds == after.seeds[:1]


def test_a_chain_of_several_images_shrinks_and_grows_with_the_seeds_that_its_levels_see() -> None:
    facts = replace(FACTS, images=(IMAGE, B))
    before = plan(3, facts, level_images=(parse_level_image("2-=level:b"),))
    assert [(seed.image, seed.engine_image) for seed in before.seeds] == [(B.name, IMAGE.name), (B.name, B.name)]
    again = _grown(shrunk(before, 2), 2, facts)
    assert again.seeds == before.seeds
    assert [level.seed for level in again.levels] == [level.seed for level in before.levels]
