"""Limits of resources on real engines: of the whole chain, and of a level with everything below it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.conftest import RunInception
from tests.integration.container_output import LINGER

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("unchanged_host", "chain")]

_LIMIT = "cat /sys/fs/cgroup/{v1} 2>/dev/null || cat /sys/fs/cgroup/{v2}"


@pytest.fixture
def chain(level_image: str, run_inception: RunInception) -> Iterator[None]:
    del level_image
    done = run_inception(
        *("up", "--depth", "3", "--name", "tight", "--memory", "1GiB", "--pids", "3000", "--shm-size", "100MiB"),
        *("--memory", "2:300MiB", "--cpus", "2:1.5"),
    )
    assert done.returncode == 0, done.stderr.decode()
    yield
    run_inception("down", "tight")


def _output(run_inception: RunInception, level: int, script: str) -> str:
    done = run_inception("exec", "tight", "--level", str(level), "--", "sh", "-c", script)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def test_limits_hold_where_they_are_set_and_below(run_inception: RunInception, level_image: str) -> None:
    memory = _LIMIT.format(v1="memory/memory.limit_in_bytes", v2="memory.max")
    assert [_output(run_inception, level, memory) for level in (1, 2, 3)] == [
        str(size << 20) for size in (1024, 300, 300)
    ]
    assert _output(run_inception, 1, _LIMIT.format(v1="pids/pids.max", v2="pids.max")) == "3000"
    cpu = _output(run_inception, 3, _LIMIT.format(v1="cpu/cpu.cfs_quota_us", v2="cpu.max"))
    assert cpu.split()[0] == "150000"
    assert _output(run_inception, 3, "findmnt --noheadings --bytes --output SIZE /dev/shm") == str(100 << 20)
    # Below level 2 a container may use what level 2 has left: the kernel ends it, and nothing else.
    greedy = f"docker run --rm {level_image} python3 -c 'bytearray(400 << 20)'; echo $?"
    assert _output(run_inception, 3, greedy).splitlines()[-1] == "137"
    assert _output(run_inception, 3, f"docker run --rm {level_image} sh -c 'echo alive; {LINGER}'") == "alive"
    assert _output(run_inception, 1, f"docker run --rm {level_image} python3 -c 'bytearray(400 << 20)'; echo $?") == "0"
