"""Every wall that can be put up on one machine is, by a low limit, and named by its cause with evidence.

Limits of the whole machine are low for as long as it takes a level to fail, and never below what is in use.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from inception.chain.prepare import prepare
from inception.engine.connect import Engine
from inception.plan.chain import ChainPlan
from inception.plan.events import Event, Phase, State
from inception.plan.request import ImageTransfer, PidMode, Request, Storage
from inception.stress.campaign import Campaign, ChainTask
from inception.stress.descent import CampaignContext, Descent
from inception.stress.evidence import Evidence
from inception.stress.report.record import ChainRecord
from inception.stress.wall.explain import explain_wall
from inception.stress.wall.model import Cause, Failure, Incident
from tests.integration.conftest import free_pid_namespaces, runners_of
from tests.integration.small_disk import small_disk

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("level_image", "unchanged_host")]

_SYSCTLS = Path("/proc/sys")
_ELSEWHERE = {
    Cause.INOTIFY: "nothing that makes up a level takes an inotify instance, but for shims on cgroup v2, which log it "
    "and go on; its words are tried in tests/unit/stress/test_wall.py",
}
"""Causes that no limit can provoke in a descent, and why."""


@pytest.mark.parametrize("cause", _ELSEWHERE)
def test_wall_that_cannot_be_provoked_is_skipped(cause: Cause) -> None:
    pytest.skip(_ELSEWHERE[cause])


def _descend(
    engine: Engine,
    plan: ChainPlan,
    *,
    limit: Callable[[], object] = lambda: None,
    undo: Callable[[], object] = lambda: None,
    begin: Phase = Phase.READY,
    limited_level: int = 1,
    churn: int = 0,
    measure: bool = False,
    places: tuple[Path, ...] = (),
) -> ChainRecord:
    """Descend; `limit` puts up the wall once level `limited_level` has come to the end of phase `begin`.

    `undo` takes it away as soon as a level fails.
    """

    def on_event(_plan: ChainPlan, event: Event) -> None:
        if event.phase is begin and event.state is State.END and event.level == limited_level:
            limit()
        if event.state is State.FAIL:
            undo()

    request = Request(depth=plan.depth, name=plan.name, image=plan.level(1).image)
    context = CampaignContext(
        host=engine.client,
        campaign=Campaign(request=request, churn=churn, measure=measure),
        begun_s=time.monotonic(),
        places=places,
        pid_namespaces_free=32,
        on_event=on_event,
        on_measured=lambda _plan, _level: None,
        on_work=lambda _plan, _line: None,
    )
    try:
        return Descent(context, plan, ChainTask(request=request)).run()
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


def test_low_limit_of_open_files_is_named(engine: Engine, plan: ChainPlan) -> None:
    _assert_wall(_descend(engine, replace(plan, open_files_limit=20)), Cause.OPEN_FILES, 1)


def test_short_deadline_is_named(engine: Engine, level_image: str) -> None:
    # On a loopback disk containerd cannot start before the runner, and without a graft nothing happens while it boots:
    # it cannot be ready before the level waits for it.
    request = Request(depth=1, name="walled", image=level_image, storage=Storage.LOOPBACK, storage_size=1 << 30)
    plan = prepare(engine, request, print)
    short = replace(plan, image_transfer=ImageTransfer.LOAD, limits=replace(plan.limits, containerd_s=0.001))
    _assert_wall(_descend(engine, short), Cause.TIME_LIMIT, 1)


def _with_sysctl(engine: Engine, plan: ChainPlan, name: str, value: Callable[[], int], churn: int = 0) -> ChainRecord:
    setting = _SYSCTLS / name
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


@pytest.mark.whole_machine
def test_missing_key_is_named(engine: Engine, plan: ChainPlan) -> None:
    _assert_wall(_with_sysctl(engine, plan, "kernel/keys/root_maxkeys", _keys_held), Cause.KEYS, 2)


@pytest.mark.whole_machine
def test_missing_mount_is_named(engine: Engine, plan: ChainPlan) -> None:
    _assert_wall(_with_sysctl(engine, plan, "fs/mount-max", lambda: 30), Cause.MOUNTS, 2)


@pytest.mark.whole_machine
def test_missing_pty_is_named(engine: Engine, plan: ChainPlan) -> None:
    taken = _SYSCTLS / "kernel/pty/nr"
    one = replace(plan, levels=plan.levels[:1])
    chain = _with_sysctl(engine, one, "kernel/pty/max", lambda: int(taken.read_text()), churn=2)
    _assert_wall(chain, Cause.PTYS, 1)


_RUNC_WITHOUT_NAMESPACES = """
set -e
cd "$0"
runc spec --rootless
sed -i 's/"terminal": true/"terminal": false/' config.json
echo 0 >/proc/sys/user/max_$1_namespaces
for kind in user pid; do cat /proc/sys/user/max_${kind}_namespaces; done
runc --root "$0/state" run walled 2>&1 || exit 0
"""


@pytest.mark.skipif(shutil.which("runc") is None, reason="needs runc on the host")
@pytest.mark.parametrize(("kind", "cause"), [("user", Cause.USER_NAMESPACES), ("pid", Cause.PID_NAMESPACES)])
def test_missing_namespace_is_named(tmp_path: Path, kind: str, cause: Cause) -> None:
    """Ask runc, in a user namespace of the test's own, whose limits nobody else meets.

    No level has a user namespace, but by engines and runtimes that give one to each container.
    """
    (tmp_path / "rootfs").mkdir()
    user, pid, *said = subprocess.run(
        ["unshare", "--user", "--map-root-user", "sh", "-c", _RUNC_WITHOUT_NAMESPACES, tmp_path, kind],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    after = Evidence(settings={"user/max_user_namespaces": int(user), "user/max_pid_namespaces": int(pid)})
    # The first line is runc's own log; the last is what it tells an engine.
    for words in (said[0], said[-1]):
        wall = explain_wall(Incident(failure=Failure(message=words, level=1, phase="start"), before=after, after=after))
        assert (wall.cause, wall.evidence) == (cause, (f"user.max_{kind}_namespaces = 0",)), said


def _in_level_1(engine: Engine, plan: ChainPlan, *command: str) -> None:
    created = engine.client.exec_create(plan.level(1).container, list(command))["Id"]
    output = engine.client.exec_start(created)
    assert engine.client.exec_inspect(created)["ExitCode"] == 0, output


def test_expired_ttl_is_named(engine: Engine, plan: ChainPlan) -> None:
    age = ("iptables", "-t", "mangle", "-A", "PREROUTING", "-j", "TTL", "--ttl-set", "1")
    two = replace(plan, levels=plan.levels[:2])
    chain = _descend(engine, two, limit=lambda: _in_level_1(engine, plan, *age), measure=True)
    _assert_wall(chain, Cause.TTL, 2)
    assert chain.depth_reached == 2


@pytest.mark.skipif(
    tuple(map(int, os.uname().release.split(".")[:2])) < (6, 14),
    reason="before Linux 6.14 all PID namespaces share kernel.pid_max: low, it would hit everybody on this machine",
)
def test_missing_process_number_is_named(engine: Engine, plan: ChainPlan) -> None:
    # The kernel keeps the first 300 numbers for what has them (RESERVED_PIDS): behind them there is a single one left.
    use_up = "for _ in $(seq 300); do /bin/true; done; echo 301 >/proc/sys/kernel/pid_max"
    chain = _descend(engine, plan, limit=lambda: _in_level_1(engine, plan, "sh", "-c", use_up))
    # The programs of level 1 itself may need the number first.
    _assert_wall(chain, Cause.TASKS, 1, 2)


@pytest.mark.skipif(
    not Path("/sys/fs/cgroup/devices").is_dir(), reason="on cgroup v2 a program of the kernel guards devices, no file"
)
def test_missing_loop_device_is_named(engine: Engine, level_image: str) -> None:
    request = Request(depth=1, name="walled", image=level_image, storage=Storage.LOOPBACK, storage_size=1 << 30)
    plan = prepare(engine, request, print)

    def refuse() -> None:
        container = engine.client.inspect_container(plan.level(1).container)["Id"]
        (group,) = Path("/sys/fs/cgroup/devices").glob(f"*/*{container}*")
        (group / "devices.deny").write_text("c 10:237 rwm")

    _assert_wall(_descend(engine, plan, limit=refuse, begin=Phase.START), Cause.LOOP_DEVICES, 1)


def _update(engine: Engine, plan: ChainPlan, *limits: str) -> Callable[[], object]:
    command = ["docker", "--host", engine.endpoint, "update", *limits, plan.level(1).container]
    return lambda: subprocess.run(command, check=True, capture_output=True)


def test_limit_of_tasks_is_named(engine: Engine, plan: ChainPlan) -> None:
    # Level 1's own dockerd may be the first that wants another thread.
    _assert_wall(_descend(engine, plan, limit=_update(engine, plan, "--pids-limit", "50")), Cause.CGROUP_LIMIT, 1, 2, 3)


@pytest.mark.whole_machine  # The kernel counts its kills for all chains together.
def test_limit_of_memory_is_named(engine: Engine, plan: ChainPlan) -> None:
    def limit() -> None:
        # Less than the next level's daemons take, on top of what cannot be reclaimed: the disk may be memory.
        used = engine.client.stats(plan.level(1).container, stream=False, one_shot=True)["memory_stats"]["stats"]
        most = str((25 << 20) + used["active_anon"] + used["inactive_anon"])
        _update(engine, plan, "--memory", most, "--memory-swap", most)()

    _assert_wall(_descend(engine, plan, limit=limit), Cause.MEMORY, 1, 2, 3)


def test_image_that_is_too_small_is_named(engine: Engine, level_image: str) -> None:
    request = Request(depth=3, name="walled", image=level_image, storage=Storage.LOOPBACK, storage_size=4 << 30)
    roomy = prepare(engine, request, print)
    levels = [replace(it, storage=replace(it.storage, size=2 << 20)) if it.number == 2 else it for it in roomy.levels]
    _assert_wall(_descend(engine, replace(roomy, levels=tuple(levels))), Cause.DISK, 2, 3)


@pytest.fixture
def own_disk(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, Callable[[str], None]]]:
    """A run root on a small disk of its own, and a function that sets that disk's limits."""
    small = Path("/run/incep-small")
    monkeypatch.setenv("INCEPTION_RUN_ROOT", str(small))
    with small_disk(engine, small) as limit:
        yield small, limit


def test_missing_inode_is_named(engine: Engine, level_image: str, own_disk: tuple[Path, Callable[[str], None]]) -> None:
    small, limit = own_disk
    plan = prepare(engine, Request(depth=3, name="walled", image=level_image), print)

    def use_up() -> None:
        status = os.statvfs(small)
        for spare in range(5):  # Some may be taken before the limit is set: then mount(8) refuses to set it.
            with contextlib.suppress(subprocess.CalledProcessError):
                limit(f"nr_inodes={status.f_files - status.f_ffree + spare}")
                return

    # Early in level 1: the levels below make their files soon after it is ready, the client notices a little later.
    chain = _descend(engine, plan, limit=use_up, begin=Phase.CONTAINERD, places=(small,))
    _assert_wall(chain, Cause.INODES, 1, 2, 3)


def test_full_run_root_is_named_though_nothing_could_be_written(
    engine: Engine, level_image: str, own_disk: tuple[Path, Callable[[str], None]]
) -> None:
    small, limit = own_disk
    limit("size=8m")
    plan = prepare(engine, Request(depth=3, name="walled", image=level_image), print)

    def fill() -> None:
        _fill(small / "filler")
        _fill(Path(plan.paths.events))  # The last of its pages has room left.

    chain = _descend(engine, plan, limit=fill, places=(small,))
    _assert_wall(chain, Cause.DISK, 1)
    assert chain.wall
    assert "nothing could be written" in chain.wall.message


def _fill(file: Path) -> None:
    with file.open("ab", buffering=0) as rest, contextlib.suppress(OSError):
        while True:
            rest.write(bytes(4096))


@pytest.mark.slow
def test_nesting_limit_of_pid_namespaces_is_named(engine: Engine, level_image: str) -> None:
    request = Request(depth=34, name="walled", image=level_image, pid=PidMode.ISOLATED, force=True)
    namespaces: dict[int, str] = {}
    free = free_pid_namespaces()
    chain = _descend(
        engine, prepare(engine, request, print), limit=lambda: namespaces.update(_pid_namespaces()), limited_level=free
    )
    _assert_wall(chain, Cause.PID_NAMESPACES, free + 1)
    assert chain.depth_reached == free
    assert {*range(1, free + 1)} <= set(namespaces)
    assert len({namespaces[number] for number in range(1, free + 1)}) == free


def _pid_namespaces() -> dict[int, str]:
    """Each level's PID namespace, which is its runner's."""
    return {number: str((process / "ns/pid").readlink()) for number, process in runners_of("walled").items()}
