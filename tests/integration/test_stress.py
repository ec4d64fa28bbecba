"""Campaigns on real engines; and every wall that can be put up here is, by a low limit, and named by its cause."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from inception.chain.prepare import prepare
from inception.engine.connect import Engine
from inception.engine.private import kernel
from inception.plan.chain import ChainPlan
from inception.plan.events import Event, Phase, State
from inception.plan.request import PidMode, Request, Storage
from inception.stress.campaign import Campaign, ChainTask
from inception.stress.chaos import kill_for
from inception.stress.descent import Descent, Stage
from inception.stress.output import read_report
from inception.stress.record import ChainRecord, Ending, Report, Status
from inception.stress.wall import Cause
from tests.integration.conftest import INCEPTION, RunInception

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("level_image", "unchanged_host")]

_MOUNTS = Path("/proc/sys/fs/mount-max")
_KEYS = Path("/proc/sys/kernel/keys/root_maxkeys")
_PTYS = Path("/proc/sys/kernel/pty/max")


def _stress(run_inception: RunInception, directory: Path, *arguments: str, status: int = 0) -> Report:
    done = run_inception("stress", "--output", str(directory), *arguments, timeout_s=250)
    assert done.returncode == status, done.stderr.decode()
    return read_report(directory)


def test_a_campaign_measures_every_level(run_inception: RunInception, tmp_path: Path) -> None:
    report = _stress(
        run_inception, tmp_path, "--max-depth", "3", "--churn", "4", "--soak", "1s", "--trace", str(tmp_path / "trace")
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
    assert json.loads((tmp_path / "trace").read_text())["traceEvents"]


def test_chains_at_once_in_cycles(run_inception: RunInception, tmp_path: Path) -> None:
    report = _stress(
        run_inception, tmp_path, "-d", "2", "--cycles", "2", "--chains", "2", "--no-measure", "--fail-on-leak"
    )
    assert report.verdict.headline == "depth 2 reached, 2 times, 2 chains at once"
    assert len({chain.name for chain in report.chains}) == 4
    assert all(chain.ascent_s and not chain.kicked for chain in report.chains)


def test_chaos_kills_what_the_seed_says_and_everything_is_unwound(run_inception: RunInception, tmp_path: Path) -> None:
    report = _stress(run_inception, tmp_path, "-d", "2", "--chaos", "--seed", "3", "--cycles", "3", "--fail-on-leak")
    expected = [kill_for(3, number, 1, 2) for number in (1, 2, 3)]
    kills = [chain.kill for chain in report.chains]
    assert [(kill.level, kill.target, kill.trigger) for kill in kills if kill] == [
        (kill.level, kill.target, kill.trigger) for kill in expected
    ]
    assert all(kill and kill.pid and kill.ended_s for kill in kills)


def test_a_demand_that_is_not_met_is_the_exit_status(run_inception: RunInception, tmp_path: Path) -> None:
    report = _stress(run_inception, tmp_path, "-d", "1", "--no-measure", "--fail-under", "2", status=1)
    assert report.verdict.depth == 1


def test_the_time_limit_ends_a_campaign_and_is_its_wall_s_name(run_inception: RunInception, tmp_path: Path) -> None:
    report = _stress(run_inception, tmp_path, "-d", "4", "--time-limit", "2s", "--soak", "1m")
    assert (report.ending, report.verdict.status) == (Ending.TIME_LIMIT, Status.STOPPED)
    assert report.seconds < 20


def test_ctrl_c_ends_cleanly_with_the_report_so_far(tmp_path: Path) -> None:
    campaign = subprocess.Popen(
        [INCEPTION, "stress", "-d", "2", "--cycles", "50", "--no-measure", "--output", str(tmp_path)],
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
def test_what_the_plan_refuses_is_not_begun_and_its_cause_named(
    run_inception: RunInception, tmp_path: Path, arguments: tuple[str, ...], cause: Cause
) -> None:
    report = _stress(run_inception, tmp_path, *arguments, status=2)
    assert (report.ending, report.cycles) == (Ending.REFUSED, ())
    assert report.wall
    assert report.wall.cause == cause


def test_a_path_that_is_too_long_is_named(run_inception: RunInception, tmp_path: Path) -> None:
    done = run_inception(
        "stress", "-d", "1", "--output", str(tmp_path / "r"), environment={"INCEPTION_RUN_ROOT": f"/run/{'x' * 90}"}
    )
    assert done.returncode == 2
    wall = read_report(tmp_path / "r").wall
    assert wall
    assert wall.cause == Cause.PATH_LENGTH


def _descend(
    engine: Engine,
    plan: ChainPlan,
    *,
    limit: Callable[[], object] = lambda: None,
    undo: Callable[[], object] = lambda: None,
    churn: int = 0,
    places: tuple[Path, ...] = (),
) -> ChainRecord:
    """Descend; `limit` puts up the wall once level 1 is ready, `undo` takes it away as soon as a level fails."""

    def told(_plan: ChainPlan, event: Event) -> None:
        if event.phase is Phase.READY and event.state is State.END and event.level == 1:
            limit()
        if event.state is State.FAIL:
            undo()

    request = Request(depth=plan.depth, name=plan.name, image=plan.image)
    stage = Stage(
        host=engine.client,
        campaign=Campaign(request=request, churn=churn, measure=False),
        begun_s=time.monotonic(),
        places=places,
        pid_namespaces_free=32,
        told=told,
    )
    try:
        return Descent(stage, plan, ChainTask(request=request)).run()
    finally:
        undo()


@pytest.fixture
def plan(engine: Engine, level_image: str) -> ChainPlan:
    return prepare(engine, Request(depth=3, name="walled", image=level_image), print)


def _assert_wall(chain: ChainRecord, cause: Cause, *levels: int) -> None:
    assert chain.wall, chain
    assert (chain.wall.cause, chain.wall.level in levels) == (cause, True), chain.wall
    assert chain.wall.evidence
    assert not chain.kicked


def test_a_low_limit_of_open_files(engine: Engine, plan: ChainPlan) -> None:
    _assert_wall(_descend(engine, replace(plan, open_files_limit=20)), Cause.OPEN_FILES, 1)


def test_a_deadline(engine: Engine, plan: ChainPlan) -> None:
    short = replace(plan, limits=replace(plan.limits, containerd_s=0.001))
    _assert_wall(_descend(engine, short), Cause.TIME_LIMIT, 1)


def _with_sysctl(
    engine: Engine, plan: ChainPlan, setting: Path, value: Callable[[], int], churn: int = 0
) -> ChainRecord:
    before = setting.read_text()
    return _descend(
        engine,
        plan,
        limit=lambda: setting.write_text(str(value())),
        undo=lambda: setting.write_text(before),
        churn=churn,
    )


def _keys_held() -> int:
    root = next(line for line in Path("/proc/key-users").read_text().splitlines() if line.split()[0] == "0:")
    return int(root.split()[3].partition("/")[0])


def test_no_key_left(engine: Engine, plan: ChainPlan) -> None:
    _assert_wall(_with_sysctl(engine, plan, _KEYS, _keys_held), Cause.KEYS, 2)


def test_no_mount_left(engine: Engine, plan: ChainPlan) -> None:
    _assert_wall(_with_sysctl(engine, plan, _MOUNTS, lambda: 30), Cause.MOUNTS, 2)


def test_no_pty_left(engine: Engine, plan: ChainPlan) -> None:
    taken = Path("/proc/sys/kernel/pty/nr")
    one = replace(plan, levels=plan.levels[:1])
    chain = _with_sysctl(engine, one, _PTYS, lambda: int(taken.read_text()), churn=2)
    _assert_wall(chain, Cause.PTYS, 1)


def _update(engine: Engine, plan: ChainPlan, *limits: str) -> Callable[[], object]:
    command = ["docker", "--host", engine.endpoint, "update", *limits, plan.level(1).container]
    return lambda: subprocess.run(command, check=True, capture_output=True)


def test_a_limit_of_tasks(engine: Engine, plan: ChainPlan) -> None:
    _assert_wall(_descend(engine, plan, limit=_update(engine, plan, "--pids-limit", "50")), Cause.CGROUP_LIMIT, 2, 3)


def test_a_limit_of_memory(engine: Engine, plan: ChainPlan) -> None:
    limit = _update(engine, plan, "--memory", "70m", "--memory-swap", "70m")
    _assert_wall(_descend(engine, plan, limit=limit), Cause.MEMORY, 1, 2, 3)


def test_an_image_that_is_too_small(engine: Engine, level_image: str) -> None:
    request = Request(depth=3, name="walled", image=level_image, storage=Storage.LOOPBACK, storage_size=4 << 30)
    roomy = prepare(engine, request, print)
    levels = [replace(it, storage=replace(it.storage, size=2 << 20)) if it.number == 2 else it for it in roomy.levels]
    _assert_wall(_descend(engine, replace(roomy, levels=tuple(levels))), Cause.DISK, 2, 3)


def test_no_inode_left(engine: Engine, level_image: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if engine.private:
        pytest.skip("a private engine does not see what is mounted after its start; runs where the host has an engine")
    small = Path("/run/incep-small")
    small.mkdir()
    kernel.mount_tmpfs(small)
    try:
        monkeypatch.setenv("INCEPTION_RUN_ROOT", str(small))
        plan = prepare(engine, Request(depth=3, name="walled", image=level_image), print)

        def limit() -> None:
            used = sum(1 for _ in small.rglob("*"))
            subprocess.run(["mount", "-o", f"remount,nr_inodes={used + 2}", small], check=True)

        _assert_wall(_descend(engine, plan, limit=limit, places=(small,)), Cause.INODES, 1, 2)
    finally:
        kernel.detach(small)
        small.rmdir()


@pytest.mark.slow
def test_the_kernel_s_own_limit_of_pid_namespaces(engine: Engine, level_image: str) -> None:
    request = Request(depth=34, name="walled", image=level_image, pid=PidMode.ISOLATED, force=True)
    chain = _descend(engine, prepare(engine, request, print))
    _assert_wall(chain, Cause.PID_NAMESPACES, 33)
    assert chain.depth_reached == 32
