"""Laws of the PID namespaces: level 1 always has its own, nobody takes more than there are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inception.plan.pids import PidNamespace, TooFewPidNamespaces, assign_pid_namespaces
from inception.plan.request import PidMode
from inception.plan.tree import line

modes = st.sampled_from(PidMode)
depths = st.integers(0, 200)
budgets = st.integers(0, 32)
headrooms = st.integers(0, 40)


def _needed(mode: PidMode, depth: int) -> int:
    return depth if mode is PidMode.ISOLATED else min(depth, 1)


@given(modes, depths, budgets, headrooms)
def test_private_levels_come_first_and_leave_the_headroom_free(
    mode: PidMode, depth: int, free: int, headroom: int
) -> None:
    try:
        namespaces = assign_pid_namespaces(mode, line(depth), free, headroom)
    except TooFewPidNamespaces:
        assert _needed(mode, depth) > free - headroom
        return
    private = namespaces.count(PidNamespace.PRIVATE)
    assert len(namespaces) == depth
    assert namespaces == (PidNamespace.PRIVATE,) * private + (PidNamespace.SHARED,) * (depth - private)
    assert private == 0 or private <= free - headroom
    assert (private == 0) == (depth == 0)


def _refusal(mode: PidMode, depth: int, free: int, headroom: int) -> TooFewPidNamespaces | None:
    try:
        assign_pid_namespaces(mode, line(depth), free, headroom)
    except TooFewPidNamespaces as refusal:
        return refusal
    return None


@given(modes, depths, budgets, headrooms)
def test_refusal_names_the_greatest_depth_that_is_accepted(mode: PidMode, depth: int, free: int, headroom: int) -> None:
    refusal = _refusal(mode, depth, free, headroom)
    if refusal is None:
        assert _needed(mode, depth) <= max(free - headroom, 0)
        return
    assert 0 <= refusal.greatest_depth < depth
    assert _refusal(mode, refusal.greatest_depth, free, headroom) is None
    assert _refusal(mode, refusal.greatest_depth + 1, free, headroom)


@given(depths, budgets, headrooms)
def test_auto_isolates_as_many_levels_as_fit(depth: int, free: int, headroom: int) -> None:
    if depth and free <= headroom:
        with pytest.raises(TooFewPidNamespaces):
            assign_pid_namespaces(PidMode.AUTO, line(depth), free, headroom)
        return
    namespaces = assign_pid_namespaces(PidMode.AUTO, line(depth), free, headroom)
    assert namespaces.count(PidNamespace.PRIVATE) == min(depth, max(free - headroom, 0))


@given(depths, headrooms)
def test_isolated_isolates_all_levels_and_shared_only_the_first(depth: int, headroom: int) -> None:
    enough = depth + headroom + 1
    assert set(assign_pid_namespaces(PidMode.ISOLATED, line(depth), enough, headroom)) <= {PidNamespace.PRIVATE}
    assert assign_pid_namespaces(PidMode.SHARED, line(depth), enough, headroom).count(PidNamespace.PRIVATE) == min(
        depth, 1
    )
