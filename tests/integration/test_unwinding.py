"""Each way out of a chain of depth 3: afterwards the host holds what it held before."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from inception.chain.prepare import prepare
from inception.chain.running import RunningChain, running
from inception.engine.connect import Engine
from inception.errors import LevelError
from inception.places import run_root
from inception.plan.chain import ChainPlan
from inception.plan.events import Event, Phase, State
from inception.plan.request import ImageStore, ImageTransfer, Request
from tests.integration.conftest import INCEPTION, RunInception, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("level_image", "unchanged_host")]

_DEPTH = 3
_LIMIT_S = 60.0
_DOCKERS_GRACE_S = 10.0
"""Seconds that dockerd gives a container to end."""
_OUR_GRACE_S = 2.0
"""Seconds that a level gives a container whose data go with it."""
_FREEZE = r"""
id=$(docker ps --quiet --no-trunc)
cat >/usr/local/lib/inception/bin/runc <<END
#!/bin/sh
case " \$* " in
*" kill --all "*) echo FROZEN >/sys/fs/cgroup/freezer/docker/$id/freezer.state && exec sleep 60 ;;
*) exec $(command -v runc) "\$@" ;;
esac
END
kill -KILL $(pgrep -P $(docker inspect --format '{{.State.Pid}}' $id))
until grep -s FROZEN /sys/fs/cgroup/freezer/docker/$id/freezer.state; do sleep 0.1; done
"""
"""Script for level 2: kill the runner of level 3, and have the runc that ends what it left freeze that, and wait."""

_PAUSE = "docker run --detach --name stiff $INCEPTION_IMAGE sleep 600; docker pause stiff"


def _events(file: Path) -> list[Event]:
    if not file.exists():
        return []
    return [Event.from_line(line) for line in file.read_text().splitlines(keepends=True) if line.endswith("\n")]


def _wait_for(file: Path, level: int, phase: Phase, state: State) -> None:
    deadline_s = time.monotonic() + _LIMIT_S
    while not any((it.level, it.phase, it.state) == (level, phase, state) for it in _events(file)):
        assert time.monotonic() < deadline_s, f"level {level} never came to {phase} {state}"
        time.sleep(0.01)


class Descent:
    """A descent in a process of its own, which a test can send signals to."""

    def __init__(self, directory: Path, *command: str, starter: Sequence[str] = ()) -> None:
        self.events = directory / "events.jsonl"
        self.process = subprocess.Popen(
            [*starter, INCEPTION, "--depth", str(_DEPTH), "--json-events", str(self.events), "--", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def wait_for(self, level: int, phase: Phase, state: State) -> None:
        _wait_for(self.events, level, phase, state)

    def end(self) -> tuple[int, str]:
        _, errors = self.process.communicate(timeout=_LIMIT_S)
        return self.process.returncode, errors.decode()


@pytest.mark.parametrize("pid", ["isolated", "shared"])
def test_a_command_that_succeeds(run_inception: RunInception, pid: str) -> None:
    assert run_inception("--depth", str(_DEPTH), "--pid", pid, "--", "true").returncode == 0


def test_a_command_that_fails(run_inception: RunInception) -> None:
    assert run_inception("--depth", str(_DEPTH), "--", "false").returncode == 1


def test_a_command_that_is_missing(run_inception: RunInception) -> None:
    assert run_inception("--depth", str(_DEPTH), "--", "no-such-command").returncode == 127


_DEAF = "docker run -d $INCEPTION_IMAGE sleep 600"
_POLITE = """docker run -d -v /here:/here $INCEPTION_IMAGE sh -c 'trap "echo ended >>/here/said; exit" TERM
touch /here/runs; while :; do sleep 0.1; done'"""
_STUBBORN = "docker run -d $INCEPTION_IMAGE sh -c 'trap : TERM; while :; do sleep 0.1; done'"


def _down_s(run_inception: RunInception, directory: Path, *containers: str, pid: str = "isolated") -> float:
    """Return the seconds that the end of two levels takes, each with these containers."""
    options = ("--depth", "2", "--pid", pid, "--mount", f"{directory}:/here")
    started = run_inception("up", "--name", "busy", *options)
    assert started.returncode == 0, started.stderr
    for level in ("1", "2"):
        ran = run_inception("exec", "busy", "--level", level, "--", "sh", "-c", " && ".join(containers))
        assert ran.returncode == 0, ran.stderr
        if _POLITE in containers:
            wait_for((directory / "runs").exists, _LIMIT_S, "the container does not run")
            (directory / "runs").unlink()
    begun_s = time.monotonic()
    assert run_inception("down", "busy").returncode == 0
    return time.monotonic() - begun_s


def test_containers_that_pass_over_their_stop_signal_do_not_hold_the_end_up(
    run_inception: RunInception, tmp_path: Path
) -> None:
    assert _down_s(run_inception, tmp_path, _DEAF) < 2 * _OUR_GRACE_S


@pytest.mark.parametrize("pid", ["isolated", "shared"])
def test_containers_may_end_by_themselves_and_hold_the_end_up_for_seconds(
    run_inception: RunInception, tmp_path: Path, pid: str
) -> None:
    took_s = _down_s(run_inception, tmp_path, _POLITE, _STUBBORN, pid=pid)
    assert (tmp_path / "said").read_text() == "ended\n" * 2
    assert 2 * _OUR_GRACE_S < took_s < 2 * _DOCKERS_GRACE_S


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    ("level", "phase", "state"),
    [
        (1, Phase.START, State.BEGIN),
        (1, Phase.DOCKERD, State.BEGIN),
        (2, Phase.START, State.BEGIN),
        (3, Phase.CONTAINERD, State.BEGIN),
    ],
)
def test_a_signal_during_the_descent(
    tmp_path: Path,
    number: signal.Signals,
    level: int,
    phase: Phase,
    state: State,
) -> None:
    descent = Descent(tmp_path, "sleep", "60")
    descent.wait_for(level, phase, state)
    descent.process.send_signal(number)
    status, errors = descent.end()
    assert status == 128 + number, errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_at_the_bottom(tmp_path: Path, number: signal.Signals) -> None:
    descent = Descent(tmp_path, "sleep", "60")
    descent.wait_for(_DEPTH, Phase.READY, State.END)
    time.sleep(0.3)
    descent.process.send_signal(number)
    status, errors = descent.end()
    assert status == 128 + number, errors


def test_a_signal_that_nohup_ignores_ends_nothing(tmp_path: Path) -> None:
    descent = Descent(tmp_path, "sleep", "2", starter=["nohup"])
    descent.wait_for(1, Phase.START, State.BEGIN)
    descent.process.send_signal(signal.SIGHUP)
    descent.wait_for(_DEPTH, Phase.READY, State.END)
    time.sleep(0.3)
    descent.process.send_signal(signal.SIGHUP)
    status, errors = descent.end()
    assert status == 0, errors


@pytest.mark.parametrize(
    ("level", "phase"), [(1, Phase.DOCKERD), (2, Phase.CREATE), (3, Phase.CONTAINERD), (_DEPTH, Phase.READY)]
)
def test_the_client_killed(tmp_path: Path, level: int, phase: Phase) -> None:
    """The levels notice by themselves: within 10 s not even the run directory is left."""
    descent = Descent(tmp_path, "sleep", "60")
    descent.wait_for(level, phase, State.END if phase is Phase.READY else State.BEGIN)
    descent.process.kill()
    descent.end()
    wait_for(lambda: not (run_root().exists() and list(run_root().iterdir())), 10, "its run directory is left")


class Sabotage(Protocol):
    """Spoils one level of a chain before it comes to be: its directory in the run directory is all it takes."""

    def __call__(self, plan: ChainPlan, level: int) -> None: ...


def _block(plan: ChainPlan, level: int, name: str) -> None:
    blocked = Path(plan.paths.level(level)) / name
    blocked.unlink(missing_ok=True)
    (blocked / "in the way").mkdir(parents=True)


_SABOTAGES: dict[Phase, Sabotage] = {
    Phase.CONTAINERD: lambda plan, level: _block(plan, level, "containerd.log"),
    Phase.DOCKERD: lambda plan, level: _block(plan, level, "docker.sock"),
}


def _fail(engine: Engine, plan: ChainPlan, sabotage: Callable[[], None] = lambda: None) -> LevelError:
    """Descend into a chain that cannot reach its bottom; returns what it said."""
    with pytest.raises(LevelError) as raised, running(engine.client, plan, _once(sabotage)):
        pytest.fail("the bottom was reached")
    return raised.value


def _once(act: Callable[[], None]) -> Callable[[Event], None]:
    """Act at the first event: level 1 is not created yet, but its run directory is there."""
    left = [act]

    def show(event: Event) -> None:
        del event
        while left:
            left.pop()()

    return show


@pytest.mark.skipif(not Path("/sys/fs/cgroup/freezer").is_dir(), reason="cgroup v2 lets frozen processes be killed")
@pytest.mark.usefixtures("own_run_root")
def test_processes_that_a_runc_has_frozen(run_inception: RunInception) -> None:
    assert run_inception("up", "--depth", str(_DEPTH), "--name", "icy", "--pid", "shared").returncode == 0
    frozen = run_inception("exec", "icy", "--level", "2", "--", "timeout", "20", "sh", "-euc", _FREEZE)
    assert frozen.returncode == 0, frozen.stderr.decode()
    done = run_inception("down", "icy")
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.usefixtures("own_run_root")
@pytest.mark.parametrize("end", ["down", "kick"])
def test_a_container_that_is_paused_in_a_level(run_inception: RunInception, end: str) -> None:
    assert run_inception("up", "--depth", "2", "--name", "icy").returncode == 0
    paused = run_inception("exec", "icy", "--", "sh", "-euc", _PAUSE)
    assert paused.returncode == 0, paused.stderr.decode()
    done = run_inception(end, "icy")
    assert done.returncode == 0, done.stderr.decode()


@pytest.fixture
def plan(engine: Engine, level_image: str) -> ChainPlan:
    return prepare(engine, Request(depth=_DEPTH, name="sabotaged", image=level_image), print)


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("phase", list(_SABOTAGES))
def test_a_failure_of_a_daemon(engine: Engine, plan: ChainPlan, level: int, phase: Phase) -> None:
    error = _fail(engine, plan, lambda: _SABOTAGES[phase](plan, level))
    assert (error.level, error.phase) == (level, phase)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_level_that_cannot_be_created(engine: Engine, plan: ChainPlan, level: int) -> None:
    error = _fail(engine, _with_level(plan, level, container="no name"))
    assert (error.level, error.phase) == (level, Phase.CREATE)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_level_that_cannot_be_started(engine: Engine, plan: ChainPlan, level: int) -> None:
    error = _fail(engine, _with_level(plan, level, hostname="h" * 65))
    assert (error.level, error.phase) == (level, Phase.START)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_runner_that_cannot_start(engine: Engine, plan: ChainPlan, level: int) -> None:
    error = _fail(engine, plan, lambda: _block(plan, level, "lifeline"))
    assert error.level == level
    assert "ended unexpectedly" in error.reason
    assert any("lifeline" in line for line in error.log_tail)


def test_a_graft_that_the_engine_does_not_know(engine: Engine, plan: ChainPlan) -> None:
    stranger = tuple(replace(seed, image="inception-level:stranger") for seed in plan.seeds)
    error = _fail(engine, replace(plan, seeds=stranger, image_transfer=ImageTransfer.GRAFT))
    assert (error.level, error.phase) == (1, Phase.VERIFY)


def test_a_deadline_that_passes(engine: Engine, plan: ChainPlan) -> None:
    # Not with a graft: containerd may answer before that is done, and is then not waited for at all. Nor where it
    # starts before the runner: not knowing the store, the plan has the runner start it.
    limits = replace(plan.limits, containerd_s=0.001)
    seeds = tuple(replace(seed, store=ImageStore.AUTO) for seed in plan.seeds)
    error = _fail(engine, replace(plan, seeds=seeds, image_transfer=ImageTransfer.LOAD, limits=limits))
    assert (error.level, error.phase) == (1, Phase.CONTAINERD)
    assert "did not answer within 0.001 s" in error.reason


def _with_level(plan: ChainPlan, number: int, **changes: str) -> ChainPlan:
    levels = [
        replace(level, **changes) if level.number == number else level  # type: ignore[arg-type]
        for level in plan.levels
    ]
    return replace(plan, levels=tuple(levels))


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("program", ["containerd", "dockerd"])
def test_a_daemon_killed_at_a_level(engine: Engine, plan: ChainPlan, level: int, program: str) -> None:
    with running(engine.client, plan, lambda _: None) as chain:
        with chain.client_of(level - 1) as above:
            # The oldest one of that name in the level is its own; those below it are younger.
            killing = above.exec_create(plan.level(level).container, ["pkill", "-KILL", "-o", "-x", program])["Id"]
            above.exec_start(killing, detach=True)
        error = _wait_for_failure(chain)
    assert (error.level, error.phase) == (level, program)


def _wait_for_failure(chain: RunningChain) -> LevelError:
    deadline_s = time.monotonic() + _LIMIT_S
    while time.monotonic() < deadline_s:
        try:
            chain.check()
        except LevelError as error:
            return error
        time.sleep(0.05)
    pytest.fail("nobody noticed")
