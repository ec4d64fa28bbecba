from __future__ import annotations

import pytest

from inception.plan.chain import CgroupNamespace
from inception.plan.refusal import Refusal
from inception.plan.resources import LevelResources, Resource, parse_limit, resources_of
from tests.factories.plans import plan


def limits(*texts: str, resource: Resource = Resource.MEMORY) -> tuple[LevelResources, ...]:
    parsed = tuple(parse_limit(resource, text) for text in texts)
    return tuple(resources_of(level, parsed) for level in (1, 2, 3))


def test_limit_without_levels_holds_for_the_whole_chain_through_level_1() -> None:
    assert [it.memory for it in limits("2GB")] == [2 * 10**9, None, None]


def test_size_of_shm_without_levels_holds_in_each_level() -> None:
    assert [it.shm_size for it in limits("100MB", resource=Resource.SHM_SIZE)] == [10**8] * 3


def test_last_limit_of_a_level_counts() -> None:
    assert [it.memory for it in limits("1-:2GB", "3:1GB")] == [2 * 10**9, 2 * 10**9, 10**9]


def test_each_resource_has_its_own_amount() -> None:
    parsed = (
        parse_limit(Resource.CPUS, "1.5"),
        parse_limit(Resource.PIDS, "900"),
        parse_limit(Resource.SHM_SIZE, "1GB"),
    )
    assert resources_of(1, parsed) == LevelResources(cpus=1.5, pids=900, shm_size=10**9)
    assert str(resources_of(1, parsed)) == "1.5 CPUs, 900 tasks, shared memory 1.00 GB"
    assert str(resources_of(2, ())) == ""


@pytest.mark.parametrize(
    ("resource", "text", "named"),
    [
        (Resource.MEMORY, "much", "'much' is not a size"),
        (Resource.MEMORY, "0", "nothing to limit to"),
        (Resource.CPUS, "two", "'two' is not a number"),
        (Resource.CPUS, "nan", "nothing to limit to"),
        (Resource.CPUS, "0.001", "less than 0.01"),
        (Resource.PIDS, "1.5", "'1.5' is not a number"),
        (Resource.PIDS, "-3", "nothing to limit to"),
        (Resource.MEMORY, "3-2:1GB", "are no levels"),
    ],
)
def test_amount_that_cannot_be_is_refused(resource: Resource, text: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        parse_limit(resource, text)


def test_levels_below_a_limited_one_count_in_its_control_group() -> None:
    made = plan(4, resources=(parse_limit(Resource.MEMORY, "3:1GB"), parse_limit(Resource.SHM_SIZE, "2:1GB")))
    assert [it.cgroup_namespace for it in made.levels] == [
        *(CgroupNamespace.PRIVATE, CgroupNamespace.SHARED),
        *(CgroupNamespace.PRIVATE, CgroupNamespace.SHARED),
    ]


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        (parse_limit(Resource.MEMORY, "200MB"), "--memory of 200 MB is less than the 240 MB that levels 1 to 4 need"),
        (parse_limit(Resource.MEMORY, "4:50MB"), "--memory of 50.0 MB is less than the 60.0 MB that level 4 need"),
        (parse_limit(Resource.PIDS, "2-3:100"), "--pids of 100 is less than the 120 tasks that levels 2 to 4 need"),
    ],
)
def test_limit_below_what_levels_need_is_refused_unless_forced(limit: object, message: str) -> None:
    with pytest.raises(Refusal, match=message) as refused:
        plan(4, resources=(limit,))
    assert "or more" in refused.value.remedy
    assert plan(4, resources=(limit,), force=True).depth == 4
