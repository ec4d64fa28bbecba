"""A detached chain of 3 with one break: `ls` and `tree` report it within 5 s, and in the end nothing is left.

A level that breaks ends, and with it every level below; those above it live on.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from inception.chain.status import chain_names
from inception.engine.connect import Engine, EngineChoice, connect
from inception.engine.private.layout import EngineDirectory
from inception.level.engine.watch import MAX_RESTARTS
from inception.places import run_root
from tests.integration.conftest import RunInception
from tests.integration.own_engine import own_private_engine

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.usefixtures("level_image")]

_DEPTH = 3
_NAME = "faulty"
_NOTICED_S = 5.0
_SETTLED_S = 20.0
_UNEXPLAINED = "its runner ended without reporting why"
"""Reason that `ls` gives for a runner of level 1 that was killed: there is no level above to report its status."""


@pytest.fixture
def chain(unchanged_host: None, own_run_root: Path, run_inception: RunInception) -> str:
    """A chain of 3: its first level, its last, and one between two others."""
    del unchanged_host, own_run_root
    assert run_inception("up", "--depth", str(_DEPTH), "--name", _NAME).returncode == 0
    return _NAME


def _seen(run: RunInception, name: str = _NAME) -> dict[str, Any]:
    chains = {it["name"]: it for it in json.loads(run("ls", "--json").stdout)}
    seen: dict[str, Any] = chains[name]
    return seen


def _wait(run: RunInception, noticed: Callable[[dict[str, Any]], bool], limit_s: float = _NOTICED_S) -> dict[str, Any]:
    deadline_s = time.monotonic() + limit_s
    while not noticed(seen := _seen(run)):
        assert time.monotonic() < deadline_s, seen
        time.sleep(0.1)
    return seen


def _is_broken(seen: dict[str, Any]) -> bool:
    return bool(seen["condition"] == "broken")


def _is_settled(seen: dict[str, Any]) -> bool:
    """Tell whether no level unwinds any more, and the one above the break has reported."""
    reported = "has yet to report why" not in seen["broken"]["reason"]
    return reported and all(it["presence"] not in {"unwinding", "booting"} for it in seen["levels"])


def _settled_break(run: RunInception) -> dict[str, Any]:
    """Wait for a break to be noticed, and then until it has settled; return the chain."""
    _wait(run, _is_broken)
    return _wait(run, _is_settled, _SETTLED_S)


def _kill_inside(run: RunInception, level: int, *pattern: str) -> None:
    """Kill the oldest process of level `level` that fits: those of the levels below are younger."""
    assert run("exec", _NAME, "--level", str(level), "--", "pkill", "-KILL", "-o", *pattern).returncode == 0


def _kill_shim(run: RunInception, engine: Engine, level: int) -> None:
    """Kill the shim of a level's container, which is a process of the level above."""
    if level > 1:
        _kill_inside(run, level - 1, "-f", "^[^ ]*containerd-shim")
        return
    container = engine.client.inspect_container(f"inception-{_NAME}-1")["Id"]
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if b"containerd-shim" in words[0] and container.encode() in words:
                os.kill(int(entry.name), signal.SIGKILL)


def _check_what_is_left(run: RunInception, settled: dict[str, Any]) -> None:
    """Levels above the break work, those below are gone, and in the end nothing is left."""
    level = settled["broken"]["level"]
    presences = [it["presence"] for it in settled["levels"]]
    assert presences[: level - 1] == ["ready"] * (level - 1)
    assert presences[level - 1] in {"failed", "lost"}
    assert set(presences[level:]) <= {"unwound", "lost"}
    tree = run("tree", _NAME).stdout.decode()
    assert f"broken (level {level}: {settled['broken']['reason']})" in tree.splitlines()[0]
    if level > 1:
        assert run("exec", _NAME, "--level", str(level - 1), "--", "docker", "ps", "--quiet").stdout == b""
        assert run("down", _NAME).returncode == 0
    else:
        pruned = run("prune", "--yes")
        assert f"run directory {run_root() / _NAME} of chain {_NAME}".encode() in pruned.stdout
    assert _NAME not in chain_names()


@pytest.mark.usefixtures("chain")
@pytest.mark.parametrize("level", range(1, _DEPTH + 1))
@pytest.mark.parametrize("program", ["dockerd", "containerd"])
def test_a_daemon_killed(run_inception: RunInception, level: int, program: str) -> None:
    _kill_inside(run_inception, level, "-x", program)
    settled = _settled_break(run_inception)
    assert (settled["broken"]["level"], settled["broken"]["reason"]) == (level, f"{program} ended with status -9")
    _check_what_is_left(run_inception, settled)


@pytest.mark.usefixtures("chain")
@pytest.mark.parametrize("level", range(1, _DEPTH + 1))
def test_a_runner_killed(run_inception: RunInception, level: int) -> None:
    run_inception("exec", _NAME, "--level", str(level), "--", "pkill", "-KILL", "-o", "-x", "python3")
    reason = _UNEXPLAINED if level == 1 else "its runner ended unexpectedly, with status 137"
    settled = _settled_break(run_inception)
    assert (settled["broken"]["level"], settled["broken"]["reason"]) == (level, reason)
    _check_what_is_left(run_inception, settled)


@pytest.mark.usefixtures("chain")
@pytest.mark.parametrize("level", range(1, _DEPTH + 1))
def test_a_shim_killed(run_inception: RunInception, engine: Engine, level: int) -> None:
    _kill_shim(run_inception, engine, level)
    settled = _settled_break(run_inception)
    assert settled["broken"]["level"] == level
    assert "its runner" in settled["broken"]["reason"]
    _check_what_is_left(run_inception, settled)


@pytest.mark.usefixtures("chain")
def test_an_event_file_cut_short(run_inception: RunInception) -> None:
    os.truncate(run_root() / _NAME / "events.jsonl", 100)
    seen = _wait(run_inception, lambda it: bool(it["remarks"]))
    assert seen["condition"] == "running"
    assert seen["remarks"] == ["its event file was truncated: some events are missing"]
    assert b"truncated" in run_inception("tree", _NAME).stdout
    _kill_inside(run_inception, 3, "-x", "dockerd")
    broken = _wait(run_inception, lambda it: _is_broken(it) and it["broken"]["level"] == 3)["broken"]
    assert broken["reason"] == "dockerd ended with status -9"
    assert run_inception("down", _NAME).returncode == 0


@pytest.mark.usefixtures("unchanged_host", "own_run_root")
def test_a_disk_full_at_a_level(run_inception: RunInception) -> None:
    size = ("--storage", "tmpfs", "--storage-size", "64MB")
    assert run_inception("up", "--depth", "2", "--name", _NAME, *size).returncode == 0
    try:
        fill = "cat /dev/zero >/var/lib/docker/filler; rm -f $0; exit 0"
        run_inception("exec", _NAME, "--level", "2", "--", "sh", "-c", fill)
        seen = _wait(run_inception, lambda it: bool(it["remarks"]))
        assert seen["remarks"] == ["level 2: its data-root is full: nothing can be written in it"]
        assert b"data-root is full" in run_inception("ls").stdout
        run_inception("exec", _NAME, "--level", "2", "--", "rm", "/var/lib/docker/filler")
        _wait(run_inception, lambda it: it["remarks"] == ["level 2: its data-root has room again"])
    finally:
        assert run_inception("down", _NAME).returncode == 0


def _restarts(seen: dict[str, Any], level: int) -> int:
    return sum(it.startswith("engine restarted in") for it in seen["levels"][level - 1]["remarks"])


@pytest.mark.usefixtures("unchanged_host", "own_run_root")
def test_a_restarted_dockerd_keeps_the_levels_below(run_inception: RunInception) -> None:
    up = ("up", "--depth", "3", "--name", _NAME, "--restart-engines")
    assert run_inception(*up).returncode == 0
    try:
        run = 'docker run --detach --name work "$INCEPTION_IMAGE" tini sleep 600'
        assert run_inception("exec", "--level", "2", "--", "sh", "-c", run).returncode == 0
        # The oldest dockerd of level 1's processes is level 1's, as long as it has not been restarted.
        for level in (2, 1):
            _kill_inside(run_inception, level, "-x", "dockerd")
            seen = _wait(run_inception, lambda it, level=level: _restarts(it, level) == 1)  # type: ignore[misc]
            assert seen["condition"] == "running"
            assert f", level {level + 1} kept: dockerd ended with status -9" in " ".join(seen["remarks"])
            assert run_inception("exec", "--", "hostname").stdout == f"{_NAME}-3\n".encode()
        tree = run_inception("tree").stdout.decode()
        assert "level 2: engine restarted in" in tree
        assert "container work" in tree
        # What it has taken over it still sees to: a level's end, and one's that comes after it.
        assert run_inception("shrink", "1").returncode == 0
        assert run_inception("grow", "1").returncode == 0
        assert run_inception("exec", "--", "hostname").stdout == f"{_NAME}-3\n".encode()
    finally:
        assert run_inception("down", _NAME).returncode == 0


@pytest.mark.usefixtures("unchanged_host", "own_run_root")
def test_a_dockerd_that_keeps_dying_breaks_its_level(run_inception: RunInception) -> None:
    assert run_inception("up", "--depth", "1", "--name", _NAME, "--restart-engines").returncode == 0
    for count in range(1, MAX_RESTARTS + 1):
        _kill_inside(run_inception, 1, "-x", "dockerd")
        _wait(run_inception, lambda it, count=count: _restarts(it, 1) == count)  # type: ignore[misc]
    _kill_inside(run_inception, 1, "-x", "dockerd")
    seen = _wait(run_inception, _is_broken)
    assert seen["broken"]["reason"] == "dockerd ended with status -9, after 3 restarts within 60 s"
    assert run_inception("down", _NAME).returncode == 0


@pytest.mark.usefixtures("unchanged_host", "own_run_root")
def test_a_containerd_is_not_restarted(run_inception: RunInception) -> None:
    assert run_inception("up", "--depth", "1", "--name", _NAME, "--restart-engines").returncode == 0
    _kill_inside(run_inception, 1, "-x", "containerd")
    seen = _wait(run_inception, _is_broken)
    assert seen["broken"]["reason"] == "containerd ended with status -9, and only a dockerd can be started again"
    assert run_inception("down", _NAME).returncode == 0


@pytest.fixture(scope="module")
def private_directory(engine: Engine, level_image: str) -> Iterator[EngineDirectory]:
    """Give a private engine of this module's own: it may break. It runs while somebody uses it.

    Only the tests that ask for it use it: others may follow in the same process, in whatever order.
    """
    with own_private_engine(engine, level_image) as directory:
        yield directory


@pytest.fixture
def private_home(
    private_directory: EngineDirectory, inception_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> EngineDirectory:
    """Name the private engine's directory to the programs that a test starts."""
    inception_environment["INCEPTION_STATE_DIR"] = str(private_directory.root.parent)
    monkeypatch.setenv("INCEPTION_STATE_DIR", str(private_directory.root.parent))
    return private_directory


def _signal_level_0(home: EngineDirectory, number: signal.Signals) -> None:
    dockerd = subprocess.run(
        ["pgrep", "-f", f"^[^ ]*dockerd .*{home.root}"], capture_output=True, text=True, check=True
    )
    os.kill(int(dockerd.stdout.split()[0]), number)


def _end(run: RunInception, ending: str) -> None:
    words = (ending, "--engine", "private", "--yes") if ending == "prune" else (ending, _NAME)
    assert run(*words).returncode == 0
    assert chain_names() == []


@pytest.mark.usefixtures("unchanged_host", "own_run_root")
@pytest.mark.parametrize("ending", ["down", "prune"])
def test_the_level_0_engine_killed(run_inception: RunInception, private_home: EngineDirectory, ending: str) -> None:
    assert run_inception("up", "--engine", "private", "--depth", "2", "--name", _NAME).returncode == 0
    _signal_level_0(private_home, signal.SIGKILL)
    # Levels below that have time to notice what breaks around them may tell first.
    seen = _wait(run_inception, lambda it: _is_broken(it) and it["broken"]["level"] == 1)
    assert seen["broken"] == {"level": 1, "reason": _UNEXPLAINED, "log_tail": []}
    _end(run_inception, ending)


@pytest.mark.usefixtures("unchanged_host", "own_run_root")
@pytest.mark.parametrize("ending", ["down", "prune"])
def test_the_level_0_engine_restarted(run_inception: RunInception, private_home: EngineDirectory, ending: str) -> None:
    """It stops its containers, as every engine does, and starts again without the chain."""
    assert run_inception("up", "--engine", "private", "--depth", "2", "--name", _NAME).returncode == 0
    _signal_level_0(private_home, signal.SIGTERM)
    seen = _wait(run_inception, _is_broken)
    reason = "the engine above stopped it (SIGTERM)"
    assert seen["broken"] == {"level": 1, "reason": reason, "log_tail": []}
    with connect(EngineChoice.PRIVATE, on_message=print) as again:
        assert again.client.containers(all=True) == []
        assert [it["presence"] for it in _seen(run_inception)["levels"]] == ["failed", "unwound"]
        tree = run_inception("tree", _NAME).stdout.decode()
        assert f"broken (level 1: {reason})" in tree.splitlines()[0]
        _end(run_inception, ending)
