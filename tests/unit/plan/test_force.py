"""`--force` with isolated PID namespaces plans past the kernel's limit, so that a campaign can run into it."""

from __future__ import annotations

import pytest

from inception.plan.pids import PidNamespace
from inception.plan.refusal import Refusal
from inception.plan.request import PidMode
from tests.factories import plans


def test_isolated_beyond_the_kernel_s_limit_is_refused() -> None:
    with pytest.raises(Refusal, match="PID namespaces"):
        plans.plan(40, pid=PidMode.ISOLATED)


def test_force_plans_more_than_the_limit() -> None:
    plan = plans.plan(40, pid=PidMode.ISOLATED, force=True)
    assert {level.pid_namespace for level in plan.levels} == {PidNamespace.PRIVATE}
