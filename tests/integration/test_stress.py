"""Campaigns on real engines, by the command. Each wall by itself is in test_walls.py."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from inception.stress.chaos import kill_for
from inception.stress.report.files import read_report
from inception.stress.report.record import Ending, Report, Status
from inception.stress.wall.model import Cause
from tests.factories.trace_format import check_trace
from tests.integration.conftest import INCEPTION, RunInception

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("level_image", "unchanged_host")]


def _stress(run_inception: RunInception, directory: Path, *arguments: str, status: int = 0) -> Report:
    done = run_inception("stress", "--output", str(directory), *arguments, timeout_s=250)
    assert done.returncode == status, done.stderr.decode()
    return read_report(directory)


def test_campaign_measures_every_level(run_inception: RunInception, tmp_path: Path) -> None:
    report = _stress(
        run_inception,
        tmp_path,
        *("--max-depth", "3", "--churn", "4", "--soak", "1s", "--trace", str(tmp_path / "trace")),
        *("--fail-under", "4"),
        status=1,  # A requirement that is not met.
    )
    assert (report.verdict.status, report.verdict.depth, report.ending) == (Status.REACHED, 3, Ending.COMPLETE)
    assert report.wall is None
    (chain,) = report.chains
    assert [level.pid_namespaces for level in chain.levels] == [1, 2, 3]
    for level in chain.levels:
        assert level.measure
        assert {"dockerd", "containerd", "runner", "tini"} <= {process.name for process in level.measure.processes}
        assert level.measure.inherited == ()
        assert 20e6 < level.measure.pss < 400e6
        assert 0 < level.measure.disk < 5e6
        assert level.measure.links >= 2
        assert level.ready_s
        assert level.unwound_s
        assert level.run_s
        assert level.api_s
    # Every level but the last carries one more: by one shim each, not by those of all that lie deeper.
    shims = [
        sum(it.name == "containerd-shim" for it in level.measure.processes) for level in chain.levels if level.measure
    ]
    assert shims == [1, 1, 0]
    assert chain.churn
    assert (chain.churn.containers, len(chain.churn.run_s), chain.churn.errors) == (4, 4, ())
    assert {sample.level for sample in chain.soak} == {1, 2, 3}
    assert report.cycles[0].leaks == ()
    lives = [it["name"] for it in check_trace((tmp_path / "trace").read_text()) if it["cat"] == "level"]
    assert lives == ["level 1", "level 2", "level 3"]


def test_cycles_of_two_chains_at_once_leave_nothing_behind(run_inception: RunInception, tmp_path: Path) -> None:
    report = _stress(
        run_inception, tmp_path, "-d", "2", "--cycles", "2", "--chains", "2", "--no-measure", "--fail-on-leak"
    )
    assert report.verdict.headline == "depth 2 reached, 2 times, 2 chains at once"
    assert len({chain.name for chain in report.chains}) == 4
    assert all(chain.ascent_s and not chain.kicked for chain in report.chains)


def test_chaos_kills_by_its_seed_and_every_chain_unwinds(run_inception: RunInception, tmp_path: Path) -> None:
    report = _stress(
        run_inception,
        tmp_path,
        *("-d", "2", "--chaos", "--seed", "3", "--cycles", "3", "--fail-on-leak"),
        *("--trace", str(tmp_path / "trace")),
    )
    expected = [kill_for(3, number, 1, 2) for number in (1, 2, 3)]
    kills = [chain.kill for chain in report.chains]
    assert [(kill.level, kill.target, kill.trigger) for kill in kills if kill] == [
        (kill.level, kill.target, kill.trigger) for kill in expected
    ]
    assert all(kill and kill.pid and kill.ended_s for kill in kills)
    check_trace((tmp_path / "trace").read_text())


def test_time_limit_ends_a_campaign(run_inception: RunInception, tmp_path: Path) -> None:
    report = _stress(run_inception, tmp_path, "-d", "4", "--time-limit", "1s", "--soak", "1m")
    assert (report.ending, report.verdict.status) == (Ending.TIME_LIMIT, Status.STOPPED)
    assert report.seconds < 20


def test_ctrl_c_ends_a_campaign_with_the_report_so_far(tmp_path: Path) -> None:
    campaign = subprocess.Popen(
        [INCEPTION, "stress", "-d", "1", "--cycles", "50", "--no-measure", "--output", str(tmp_path)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert campaign.stderr
    for line in campaign.stderr:
        if "cycle 1 of 50" in line:
            break
    time.sleep(0.5)
    campaign.send_signal(signal.SIGINT)
    campaign.communicate(timeout=60)
    assert campaign.returncode == 128 + signal.SIGINT
    report = read_report(tmp_path)
    assert report.ending is Ending.INTERRUPTED
    assert 1 <= len(report.cycles) < 50


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (("-d", "9", "--pool", "10.99.0.0/27"), Cause.SUBNETS),
        (("-d", "40", "--pid", "isolated"), Cause.PID_NAMESPACES),
        (("-d", "1000"), Cause.MEMORY),
    ],
)
def test_refused_plan_is_not_begun_and_its_cause_named(
    run_inception: RunInception, tmp_path: Path, arguments: tuple[str, ...], cause: Cause
) -> None:
    report = _stress(run_inception, tmp_path, *arguments, status=2)
    assert (report.ending, report.cycles) == (Ending.REFUSED, ())
    assert report.wall
    assert report.wall.cause == cause


def test_run_root_that_is_too_long_is_named(run_inception: RunInception, tmp_path: Path) -> None:
    done = run_inception(
        "stress", "-d", "1", "--output", str(tmp_path / "r"), environment={"INCEPTION_RUN_ROOT": f"/run/{'x' * 90}"}
    )
    assert done.returncode == 2
    wall = read_report(tmp_path / "r").wall
    assert wall
    assert wall.cause == Cause.PATH_LENGTH
