from __future__ import annotations

from dataclasses import replace

import pytest

from inception.plan.chain import ChainPlan
from inception.plan.engine.early import Early, early_steps
from inception.plan.engine.options import parse_dockerd_argument
from inception.plan.request import ImageStore, Storage
from tests.factories.plans import plan

ALL = (Early.DATABASES, Early.CONTAINERD, Early.DOCKERD)


def _plan(*, store: ImageStore = ImageStore.OVERLAY2, attached: bool = True, **fields: object) -> ChainPlan:
    made = plan(**fields)  # type: ignore[arg-type]
    return replace(made, attached=attached, seeds=tuple(replace(seed, store=store) for seed in made.seeds))


def test_both_daemons_start_early_and_the_databases_of_an_attached_chain_lie_in_memory() -> None:
    assert early_steps(_plan(depth=2), 2) == ALL
    assert early_steps(_plan(depth=2, attached=False), 2) == (Early.CONTAINERD, Early.DOCKERD)


@pytest.mark.parametrize("store", [ImageStore.CONTAINERD, ImageStore.AUTO])
def test_containerd_waits_for_what_it_reads_as_it_starts(store: ImageStore) -> None:
    assert early_steps(_plan(depth=2, store=store), 1) == (Early.DOCKERD,)


def test_containerd_waits_for_a_data_root_that_is_mounted_later() -> None:
    made = _plan(depth=2, storage=Storage.LOOPBACK)
    assert early_steps(made, 1) == (Early.DOCKERD,)


def test_dockerd_waits_for_its_arguments() -> None:
    made = _plan(depth=3, dockerd=(parse_dockerd_argument("2:--debug"),))
    assert [Early.DOCKERD in early_steps(made, number) for number in (1, 2, 3)] == [True, False, True]


def test_level_1_of_podman_takes_no_step_before_it_has_its_cgroup_namespace() -> None:
    made = replace(_plan(depth=2), podman=True)
    assert (early_steps(made, 1), early_steps(made, 2)) == ((), ALL)
