from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import pytest

from inception.plan.chain import ChainPlan
from inception.plan.facts import Facts
from inception.plan.formats.size import GIB, parse_size
from inception.plan.pids import PidNamespace
from inception.plan.planner import plan_chain
from inception.plan.privileges import NAMES, Privileges
from inception.plan.refusal import GREATEST_DEPTH, Refusal
from inception.plan.request import ImageTransfer, PidMode, Storage
from inception.plan.run_root import RunRootSource
from inception.plan.tree import Place
from tests.factories.plans import ENGINE, FACTS, HOST, IMAGE, plan, request
from tests.factories.trees import tree


def _with_host(**changes: Any) -> Facts:
    return replace(FACTS, host=replace(HOST, **changes))


def _refusal(facts: Facts = FACTS, depth: int = 4, **changes: Any) -> Refusal:
    with pytest.raises(Refusal) as refused:
        plan_chain(request(depth, **changes), facts)
    return refused.value


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"depth": -1}, "depth -1"),
        ({"depth": GREATEST_DEPTH + 1}, "depth 1001"),
        ({"depth": 100_000}, "depth 100000"),
        ({"name": "Dream"}, "'Dream'"),
        ({"name": "d" * 33}, "d" * 33),
        ({"name": "-dream"}, "'-dream'"),
        ({"name": ""}, "''"),
        ({"patience": 0.0}, "patience 0.0"),
        ({"patience": float("nan")}, "patience nan"),
        ({"patience": float("inf")}, "patience inf"),
        ({"headroom": -1}, "headroom -1"),
        ({"mtu": 67}, "67"),
        ({"mtu": 65_536}, "65536"),
        ({"dns": ("192.0.2.53", "resolver")}, "'resolver'"),
        ({"pool": "10.0.0.0/33"}, "'10.0.0.0/33'"),
        ({"pool": "10.0.0.1/8"}, "'10.0.0.1/8'"),
        ({"storage": Storage.VOLUME, "storage_size": GIB}, "volume"),
    ],
)
def test_a_wrong_request_is_a_usage_error_that_names_it(changes: dict[str, Any], said: str) -> None:
    refusal = _refusal(**changes)
    assert refusal.usage
    assert said in str(refusal)


def test_depth_0_is_planned_on_a_host_with_nothing_free() -> None:
    nothing = _with_host(pid_namespaces_free=0, memory_available=0, disk_free=0, inodes_free=0, tasks_free=0)
    made = plan(0, nothing)
    assert made.levels == ()
    assert made.estimate.memory == 0


def test_isolated_beyond_the_budget_is_refused_with_number_and_remedy() -> None:
    refusal = _refusal(depth=33, pid=PidMode.ISOLATED, headroom=0)
    assert "depth 33" in str(refusal)
    assert "32 are free" in str(refusal)
    assert "32 deep" in refusal.remedy
    assert "--pid auto" in refusal.remedy
    assert not refusal.usage
    assert plan(32, pid=PidMode.ISOLATED, headroom=0).depth == 32


def test_headroom_that_leaves_nothing_for_level_1_is_named() -> None:
    refusal = _refusal(_with_host(pid_namespaces_free=1), depth=1)
    assert refusal.remedy == "use --headroom 0"
    assert plan(1, _with_host(pid_namespaces_free=1), headroom=0).depth == 1


def test_without_a_free_pid_namespace_the_remedy_is_another_host() -> None:
    assert "nested less deep" in _refusal(_with_host(pid_namespaces_free=0), depth=1, headroom=0).remedy


def test_auto_shares_pid_namespaces_beyond_the_free_ones() -> None:
    levels = plan(40).levels
    assert [level.pid_namespace for level in levels] == [PidNamespace.PRIVATE] * 31 + [PidNamespace.SHARED] * 9


def test_a_pool_too_small_is_refused_with_one_that_suffices() -> None:
    refusal = _refusal(pool="192.0.2.0/28")
    assert "192.0.2.0/28" in str(refusal)
    assert "/25" in refusal.remedy
    assert plan(pool="192.0.2.0/25").depth == 4


def test_subnets_come_from_a_fallback_pool_where_10_0_0_0_is_routed() -> None:
    levels = plan(40, _with_host(routes=("10.0.0.0/8", "172.16.0.0/13"))).levels
    assert {level.subnet.block.split(".")[0] for level in levels} == {"172"}


def test_a_host_that_routes_every_pool_is_refused() -> None:
    everywhere = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "198.18.0.0/15")
    assert "--pool" in _refusal(_with_host(routes=everywhere)).remedy


def test_a_socket_path_too_long_is_refused() -> None:
    refusal = _refusal(replace(FACTS, run_root="/run/" + "x" * 100))
    assert "107 bytes" in str(refusal)
    assert PurePosixPath(plan(name="d" * 32).run_directory).parent == PurePosixPath(FACTS.run_root)


@pytest.mark.parametrize(
    ("free", "said", "greatest"),
    [
        ({"memory_available": 10 * 60_000_000}, "of memory", 10),
        ({"disk_free": 7 * 1_000_000 + 1}, "of disk", 7),
        ({"inodes_free": 119}, "inodes", 0),
        ({"tasks_free": 6 * 40}, "processes and threads", 6),
        # The tightest is named, whatever else is short.
        ({"memory_available": 10 * 60_000_000, "disk_free": 7 * 1_000_000, "inodes_free": 9 * 120}, "of disk", 7),
    ],
)
def test_a_depth_that_does_not_fit_is_refused_with_the_greatest_that_does(
    free: dict[str, int], said: str, greatest: int
) -> None:
    facts = _with_host(**free)
    refusal = _refusal(facts, depth=greatest + 5)
    assert said in str(refusal)
    assert f"go {greatest} deep" in refusal.remedy
    assert plan(greatest, facts).depth == greatest
    _refusal(facts, depth=greatest + 1)
    assert plan(greatest + 5, facts, force=True).depth == greatest + 5


def test_a_refusal_names_the_needed_and_the_free_amount() -> None:
    refusal = _refusal(_with_host(memory_available=500_000_000), depth=20)
    assert str(refusal) == "depth 20 needs 1.20 GB of memory, and 500 MB of memory are free"


def test_unknown_resources_do_not_limit_the_depth() -> None:
    unknown = _with_host(memory_available=None, disk_free=None, inodes_free=None, tasks_free=None)
    assert plan(900, unknown).depth == 900


def test_loading_takes_disk_and_time_at_each_level() -> None:
    facts = replace(FACTS, images=(replace(IMAGE, size=300_000_000),), host=replace(HOST, disk_free=3_100_000_000))
    assert "go 10 deep" in _refusal(facts, depth=20, image_transfer=ImageTransfer.LOAD).remedy
    graft, load = (plan(4, facts, image_transfer=how) for how in (ImageTransfer.GRAFT, ImageTransfer.LOAD))
    assert load.estimate.disk == graft.estimate.disk + 4 * 300_000_000
    assert load.estimate.seconds > graft.estimate.seconds + 4


def test_a_tmpfs_takes_memory_and_no_disk() -> None:
    made = plan(4, storage=Storage.TMPFS, storage_size=GIB)
    assert made.estimate.disk == 0
    assert made.estimate.memory > plan(4).estimate.memory
    assert {level.storage.size for level in made.levels} == {GIB}


def test_volumes_are_chosen_if_they_carry_overlays() -> None:
    assert {level.storage.kind for level in plan(4).levels} == {Storage.VOLUME}


def test_volumes_that_carry_no_overlay_are_refused() -> None:
    refusal = _refusal(_with_host(data_root_carries_overlay=False), storage=Storage.VOLUME)
    assert "overlay" in str(refusal)
    assert "--storage auto" in refusal.remedy


def test_a_loopback_size_too_small_is_refused_with_one_that_suffices() -> None:
    refusal = _refusal(depth=8, storage=Storage.LOOPBACK, storage_size=10**9)
    assert "1.00 GB" in str(refusal)
    size = refusal.remedy.split()[2]
    assert plan(8, storage=Storage.LOOPBACK, storage_size=parse_size(size)).depth == 8


def test_level_1_gets_the_requested_loopback_size() -> None:
    sizes = [level.storage.size for level in plan(4, storage=Storage.LOOPBACK, storage_size=5 * 10**9).levels]
    assert sizes[0] == 5 * 10**9
    assert sizes == sorted(sizes, key=lambda size: size or 0, reverse=True)


def test_privileges_follow_the_engine() -> None:
    assert plan().privileges == Privileges(privileged=False, capabilities=ENGINE.capabilities)
    able = replace(FACTS, engine=replace(ENGINE, privileged=True, capabilities=NAMES))
    assert plan(4, able).privileges == Privileges(privileged=True)
    # Docker 20.10 does not know the newest three.
    old = replace(FACTS, engine=replace(ENGINE, privileged=True, capabilities=NAMES[:38]))
    assert plan(4, old).privileges == Privileges(privileged=True)


def test_no_level_is_privileged_where_an_older_engine_below_could_not_start_it() -> None:
    """Docker 23 and later ask for what they hold themselves, 20.10 for all that it knows."""
    held = tuple(name for name in NAMES if name != "SYS_RESOURCE")
    newer = replace(FACTS, engine=replace(ENGINE, privileged=True, capabilities=held))
    assert plan(4, newer).privileges == Privileges(privileged=False, capabilities=held)


def test_a_plan_of_another_version_is_not_read() -> None:
    text = plan().to_json().replace('"version": 2', '"version": 99')
    with pytest.raises(ValueError, match="99"):
        ChainPlan.from_json(text)


def test_a_detached_chain_in_a_container_without_a_shared_run_root_is_refused() -> None:
    alone = replace(FACTS, engine=replace(ENGINE, local=False, runs_client=True))
    refusal = _refusal(alone, attached=False)
    assert (refusal.usage, refusal.remedy) == (
        False,
        "start the container with: docker run -v /run/inception:/run/inception",
    )
    assert plan_chain(request(), alone).remote
    assert plan_chain(request(attached=False), replace(FACTS, engine=replace(ENGINE, runs_client=True))).levels


def test_a_run_root_at_another_path_for_the_engine_is_planned() -> None:
    source = RunRootSource(path="ci", volume=True)
    made = plan_chain(request(), replace(FACTS, run_root_source=source))
    assert (made.run_root_source, made.run_directory) == (source, "/run/inception/dream")
    assert ChainPlan.from_json(made.to_json()) == made


@pytest.mark.parametrize("attached", [True, False])
def test_a_chain_on_a_remote_engine_knows_it(*, attached: bool) -> None:
    far = replace(FACTS, engine=replace(ENGINE, local=False, endpoint="tcp://192.0.2.7:2376"))
    assert plan_chain(request(attached=attached), far).remote


@pytest.mark.parametrize(("depth", "setting"), [(31, []), (40, [1, 17, 33])])
def test_one_level_in_16_of_a_deep_chain_sets_the_ttl(depth: int, setting: list[int]) -> None:
    made = plan(depth)
    assert [it.number for it in made.levels if made.sets_ttl(it.number)] == setting


def test_one_level_in_16_of_each_branch_of_a_deep_tree_sets_the_ttl() -> None:
    places = [*(Place(above=above) for above in range(33)), Place(above=1), *(Place(above=it) for it in range(34, 65))]
    made = tree(places=tuple(places))
    assert [it.number for it in made.levels if made.sets_ttl(it.number)] == [1, 17, 33, 49, 65]
