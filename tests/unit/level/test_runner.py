from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from inception.level.event_log import EventLog
from inception.level.runner import Context, Outcome, clean_up, ends_with_its_pid_namespace, exit_status
from inception.linux import flock, lifeline
from inception.linux.lifeline import Lifeline
from inception.plan.chain import ChainPlan
from inception.plan.protocol import RunnerExit
from tests.factories.plans import FACTS, plan


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


@pytest.fixture
def chain(tmp_path: Path) -> ChainPlan:
    """A chain of 4 whose levels are in two PID namespaces: level 1 in its own, and the others in level 2's."""
    host = replace(FACTS.host, pid_namespaces_free=3)  # One stays free.
    made = plan(4, replace(FACTS, host=host, run_root=str(tmp_path)))
    for number in range(1, 5):
        Path(made.paths.level(number)).mkdir(parents=True)
    return made


@pytest.mark.parametrize("number", [1, 2])
def test_a_level_ends_with_a_pid_namespace_of_its_own(chain: ChainPlan, number: int) -> None:
    assert ends_with_its_pid_namespace(chain, chain.level(number))


@pytest.mark.parametrize("number", [3, 4])
def test_a_level_ends_with_the_pid_namespace_of_a_level_above_if_that_one_unwinds(
    chain: ChainPlan, number: int
) -> None:
    owner = Lifeline(Path(chain.paths.lifeline(2)))
    owner.take()
    assert not ends_with_its_pid_namespace(chain, chain.level(number))
    owner.release()  # Its child is to end, and it lives on.
    assert not ends_with_its_pid_namespace(chain, chain.level(number))
    owner.take()
    owner.mark_ending()
    owner.release()
    assert ends_with_its_pid_namespace(chain, chain.level(number))


def test_level_1_on_another_machine_ends_after_those_that_follow_its_events(chain: ChainPlan) -> None:
    remote = replace(chain, remote=True)
    events = EventLog(remote.paths, 1)
    context = cast(Context, SimpleNamespace(plan=remote, level=remote.level(1), events=events))
    with flock.held(Path(remote.paths.events), flock.Mode.SHARED):
        cleaning = threading.Thread(target=clean_up, args=(context, _outcome()))
        cleaning.start()
        cleaning.join(0.1)
        assert not Path(remote.run_directory).exists()
        assert cleaning.is_alive()
    cleaning.join(0.5)
    assert not cleaning.is_alive()


def test_run_directory_of_a_chain_that_broke_stays_until_its_client_has_looked(chain: ChainPlan) -> None:
    context = cast(Context, SimpleNamespace(plan=chain, level=chain.level(1)))
    Path(chain.paths.level(0)).mkdir()
    client = lifeline.hold(Path(chain.paths.lifeline(0)))
    cleaning = threading.Thread(target=clean_up, args=(context, _outcome(failed=True)))
    cleaning.start()
    cleaning.join(0.1)
    assert Path(chain.run_directory).exists()
    os.close(client)
    cleaning.join(60)
    assert not Path(chain.run_directory).exists()
