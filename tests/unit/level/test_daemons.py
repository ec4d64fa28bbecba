from __future__ import annotations

import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from inception.level.daemons import Daemon, containerd_config, dockerd_command, wait_for_socket
from inception.level.failure import PhaseError
from tests.factories.plans import plan


def test_dockerd_gets_its_own_subnet_and_both_sockets() -> None:
    made = plan(depth=3, dns=("192.168.0.1",))
    command = dockerd_command(made, made.level(2), Path("/var/lib/docker"), Path("/run/daemon.json"))
    assert "--config-file=/run/daemon.json" in command
    assert f"--bip={made.level(2).subnet.bridge}" in command
    assert "--host=unix:///run/inception/dream/2/docker.sock" in command
    assert "--host=unix:///run/docker.sock" in command
    assert "--mtu=1400" in command
    assert "--dns=192.168.0.1" in command
    assert sum(word.startswith("--default-address-pool=") for word in command) == 3


def test_the_containerd_configuration_is_toml() -> None:
    parsed = tomllib.loads(containerd_config(Path("/var/lib/docker/containerd-root"), oom_score=-500))
    assert parsed["root"] == "/var/lib/docker/containerd-root"
    assert parsed["oom_score"] == -500
    assert "io.containerd.grpc.v1.cri" in parsed["disabled_plugins"]


def _daemon(code: str) -> Daemon:
    return Daemon("toyd", subprocess.Popen([sys.executable, "-c", code]))


def test_wait_for_socket_waits_until_it_answers(tmp_path: Path) -> None:
    daemon = _daemon("import time; time.sleep(60)")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()
        wait_for_socket(tmp_path / "socket", daemon, 5)
    assert daemon.stop(5)


def test_wait_for_socket_fails_when_its_daemon_ends(tmp_path: Path) -> None:
    with pytest.raises(PhaseError, match="toyd ended with status 3"):
        wait_for_socket(tmp_path / "socket", _daemon("raise SystemExit(3)"), 30)


def test_wait_for_socket_fails_at_its_deadline(tmp_path: Path) -> None:
    daemon = _daemon("import time; time.sleep(60)")
    with pytest.raises(PhaseError, match=r"toyd did not answer within 0\.2 s"):
        wait_for_socket(tmp_path / "socket", daemon, 0.2)
    assert daemon.stop(5)


def test_a_daemon_that_does_not_stop_is_killed() -> None:
    code = "import signal, sys, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    assert not Daemon("toyd", process).stop(0.2)
    process.stdout.close()
