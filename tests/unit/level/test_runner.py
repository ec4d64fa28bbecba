from __future__ import annotations

import pytest

from inception.level.runner import Outcome, exit_status
from inception.plan.protocol import RunnerExit


def _outcome(**fields: bool) -> Outcome:
    usual = {"failed": False, "unwinding_failed": False, "unreported": False, "child_broken": False}
    return Outcome(**(usual | fields))


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (_outcome(), RunnerExit.UNWOUND),
        (_outcome(child_broken=True), RunnerExit.UNWOUND),
        (_outcome(failed=True), RunnerExit.FAILED),
        (_outcome(unwinding_failed=True), RunnerExit.FAILED),
        (_outcome(unreported=True), RunnerExit.FAILED_UNREPORTED),
        (_outcome(failed=True, unwinding_failed=True, unreported=True), RunnerExit.FAILED_UNREPORTED),
    ],
)
def test_exit_status_follows_from_the_outcome(outcome: Outcome, status: RunnerExit) -> None:
    assert exit_status(outcome) is status
