"""Early daemons, played by shells."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from inception.level.early import daemons
from inception.level.early.daemons import EarlyDaemons, containerd_config, give_settings, start_early
from inception.level.early.processes import Daemon
from inception.linux import capabilities


def test_the_containerd_configuration_is_toml() -> None:
    parsed = tomllib.loads(containerd_config("/var/lib/docker/containerd-root", oom_score=-500))
    assert parsed["root"] == "/var/lib/docker/containerd-root"
    assert parsed["oom_score"] == -500
    assert "io.containerd.grpc.v1.cri" in parsed["disabled_plugins"]
    # Every 5 ms of collecting by the greatest part of the time that it may take: 10 s, in place of a quarter of one.
    collecting = parsed["plugins"]["io.containerd.gc.v1.scheduler"]
    assert 0.005 / collecting["pause_threshold"] == 10
    assert collecting["deletion_threshold"] == 1


@pytest.mark.parametrize("mask", [0, (1 << 24) - 1, 1 << 24, (1 << 41) - 1])
def test_the_capability_is_found_as_among_all(mask: int) -> None:
    status = f"Name:\tpython3\nCapPrm:\t0\nCapEff:\t{mask:016x}\nCapBnd:\t0\n"
    assert daemons.holds_sys_resource(status) == ("SYS_RESOURCE" in capabilities.held(status))


def test_the_first_steps_import_little() -> None:
    slow = {"contextlib", "dataclasses", "enum", "json", "pathlib", "re", "signal", "subprocess", "typing"}
    code = f"import sys, inception.level.early.daemons, inception.linux.fds; print(*{slow} & set(sys.modules))"
    # Without site, whose hooks may import anything.
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Give the path of a named pipe for the settings of a daemon."""
    path = tmp_path / "daemon.json"
    os.mkfifo(path)
    return path


def _reader(settings: Path, *, after_s: float = 0.0) -> subprocess.Popen[bytes]:
    """Return a daemon that reads its settings late, and says what they are."""
    command = ["sh", "-c", f"sleep {after_s}; cat {settings}"]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


@pytest.mark.parametrize("text", ["{}\n", "x" * 300_000])
def test_a_waiting_daemon_reads_its_settings_once_and_finds_them_in_a_file_later(settings: Path, text: str) -> None:
    reader = _reader(settings, after_s=0.05)
    threaded = subprocess.Popen(["cat"], stdin=reader.stdout, stdout=subprocess.PIPE, text=True)
    give_settings(Daemon("dockerd", reader), text, timeout_s=10, settings=str(settings))
    assert threaded.communicate(timeout=10)[0] == text
    assert reader.wait(10) == 0
    assert reader.stdout
    reader.stdout.close()
    assert stat.S_ISREG(settings.lstat().st_mode)
    assert settings.read_text() == text


def test_a_daemon_that_has_ended_is_given_nothing_and_not_waited_for(settings: Path) -> None:
    ended = Daemon("dockerd", subprocess.Popen(["true"]))
    ended.process.wait()
    give_settings(ended, "{}", timeout_s=60, settings=str(settings))
    assert settings.read_text() == "{}"


def test_a_daemon_that_never_reads_is_stopped(settings: Path) -> None:
    deaf = Daemon("dockerd", subprocess.Popen(["sleep", "60"]))
    with pytest.raises(TimeoutError, match="does not read its settings"):
        give_settings(deaf, "{}", timeout_s=0.05, settings=str(settings))
    assert deaf.process.returncode == -15


def test_stop_ends_only_those_that_nobody_has_taken() -> None:
    names = ("containerd", "dockerd")
    early = EarlyDaemons([Daemon(name, subprocess.Popen(["sleep", "60"])) for name in names])
    taken = early.take("containerd")
    assert taken
    left = early._daemons["dockerd"]
    early.stop()
    assert (taken.process.poll(), left.process.returncode) == (None, -15)
    assert early.take("containerd") is None
    assert early.take("dockerd") is None
    taken.stop(5)


def test_a_daemon_that_cannot_be_started_early_is_left_to_the_runner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemons, "CONTAINERD_CONFIG", tmp_path / "lacking" / "containerd.toml")
    assert start_early(str(tmp_path), ["containerd"]).take("containerd") is None
