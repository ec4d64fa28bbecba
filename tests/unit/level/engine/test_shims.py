from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from inception.level.engine.shims import kill_shim_of

_PARENT = """
import subprocess, sys
from pathlib import Path
Path("/proc/self/comm").write_text(sys.argv[1])
child = subprocess.Popen(["sleep", "60"])
print(child.pid, flush=True)
child.wait()
"""


@pytest.fixture
def parent(request: pytest.FixtureRequest) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process with the name that the test gives, and the id of its child."""
    command = [sys.executable, "-c", _PARENT, request.param]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        try:
            yield process, child
        finally:
            subprocess.run(["kill", str(child)], check=False)
            process.kill()


@pytest.mark.parametrize("parent", ["containerd-shim"], indirect=True)
def test_the_shim_is_killed_and_its_container_is_not(parent: tuple[subprocess.Popen[str], int]) -> None:
    process, child = parent
    kill_shim_of(child)
    assert process.wait(10) == -9
    assert Path(f"/proc/{child}").exists()


@pytest.mark.parametrize("parent", ["dockerd"], indirect=True)
def test_another_parent_is_left_alone(parent: tuple[subprocess.Popen[str], int]) -> None:
    process, child = parent
    kill_shim_of(child)
    assert process.poll() is None


def test_a_container_that_has_ended_has_no_shim() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    kill_shim_of(ended.pid)
