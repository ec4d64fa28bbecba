"""Laws of the loopback images: each holds the next and its own data, and a refusal names the least size that does."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inception.plan.formats.size import GIB, MIB
from inception.plan.request import Storage
from inception.plan.storage import (
    WORKSPACE,
    LevelStorage,
    StorageTooSmall,
    assign_storage,
    holding,
    least_size,
    shrinking_sizes,
    usable,
)

sizes = st.integers(0, 4 << 40)
nestings = st.integers(1, 130)
own_datas = st.integers(0, 4 * GIB)


def _sizes(kind: Storage, depth: int, outermost: int | None, own: int, disk_free: int | None) -> tuple[int, ...]:
    storage = assign_storage(kind, depth, carries_overlay=False, outermost=outermost, own=own, disk_free=disk_free)
    return tuple(level.size for level in storage if level.size is not None)


@given(sizes)
def test_size_holding_is_the_smallest_image_that_holds_the_data(data: int) -> None:
    size = holding(data)
    assert size % MIB == 0
    assert usable(size) >= data
    assert usable(size - MIB) < data or size == 0


@given(sizes, sizes)
def test_larger_image_holds_at_least_as_much(one: int, other: int) -> None:
    smaller, larger = sorted((one, other))
    assert usable(smaller) <= usable(larger) <= larger


@given(nestings, own_datas, st.integers(0, 1 << 40))
def test_each_image_holds_its_own_data_and_all_of_the_next(nested: int, own: int, surplus: int) -> None:
    sizes = shrinking_sizes(least_size(nested, own) + surplus, nested, own)
    assert len(sizes) == nested
    assert all(inner < outer for outer, inner in pairwise(sizes))
    assert all(usable(outer) >= own + inner for outer, inner in pairwise(sizes))
    assert usable(sizes[-1]) >= own + WORKSPACE


@given(nestings, own_datas, st.integers(1, 1 << 40))
def test_refusal_of_a_small_size_names_a_size_that_fits(nested: int, own: int, lack: int) -> None:
    outermost = max(least_size(nested, own) - lack, 0)
    with pytest.raises(StorageTooSmall) as refused:
        shrinking_sizes(outermost, nested, own)
    named = refused.value.least_size
    assert len(shrinking_sizes(named, nested, own)) == nested
    with pytest.raises(StorageTooSmall):
        shrinking_sizes(named - 1, nested, own)


@given(nestings, own_datas, st.none() | st.integers(0, 4 << 40))
def test_default_size_always_fits(depth: int, own: int, disk_free: int | None) -> None:
    sizes = _sizes(Storage.LOOPBACK, depth, None, own, disk_free)
    assert len(sizes) == depth
    if disk_free is not None and disk_free >= least_size(depth, own):
        assert sizes[0] <= disk_free


@given(nestings, own_datas)
def test_auto_without_overlay_on_volumes_nests_all_levels_in_one_image(depth: int, own: int) -> None:
    storage = assign_storage(Storage.AUTO, depth, carries_overlay=False, outermost=None, own=own, disk_free=None)
    assert storage[1:] == (LevelStorage(kind=Storage.VOLUME),) * (depth - 1)
    assert storage[0].kind is Storage.LOOPBACK
    assert storage[0].size is not None
    assert usable(storage[0].size) >= own * depth + WORKSPACE


@given(st.sampled_from(Storage), st.integers(0, 130), st.booleans(), own_datas)
def test_no_level_is_left_with_auto_storage(kind: Storage, depth: int, carries: bool, own: int) -> None:
    if kind is Storage.VOLUME and not carries:
        return
    storage = assign_storage(kind, depth, carries_overlay=carries, outermost=None, own=own, disk_free=None)
    assert len(storage) == depth
    assert all(level.kind is not Storage.AUTO for level in storage)
    assert all((level.size is not None) == (level.kind is Storage.LOOPBACK) for level in storage)
